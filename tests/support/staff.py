"""Staff at the admin: opens pages, fills in forms and sends them, as a browser does."""

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from django.db import models
from django.test import Client
from django.urls import reverse

from automator.models import ApiKey, User
from inventory.models import Broker
from tests.support.factories import UserFactory

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

Fields = dict[str, list[str]]


class FormReader(HTMLParser):
    """The fields of one form with what they hold, without its buttons."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.inside = False
        self.name = ""  # of the select or textarea that is open
        self.fields: Fields = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.inside = of.get("id") == self.form_id
        if not self.inside:
            return
        if tag == "input" and of.get("type") not in {"submit", "checkbox", "radio"}:
            self.put(of.get("name", ""), of.get("value", ""))
        elif tag == "input" and "checked" in of:
            self.put(of["name"], of.get("value", "on"))
        elif tag in {"select", "textarea"}:
            self.name = of["name"]
        elif tag == "option" and "selected" in of:
            self.put(self.name, of["value"])

    def handle_data(self, data: str) -> None:
        if self.inside and self.name and self.lasttag == "textarea":
            self.put(self.name, data.removeprefix("\n"))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"select", "textarea"}:
            self.name = ""
        if tag == "form":
            self.inside = False

    def put(self, name: str, value: str) -> None:
        if name:
            self.fields.setdefault(name, []).append(value)


class Staff(Client):
    """A user who has logged in."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user
        self.force_login(user)

    def page(self, path: str) -> str:
        """The text of a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, path
        return answer.content.decode()

    def table(self, path: str) -> list[list[str]]:
        """The rows of a list, each the texts of its cells without the box to tick."""
        rows = re.findall(r"<tr>(.*?)</tr>", self.page(path).partition("<tbody>")[2], re.DOTALL)
        cells = [re.findall(r"<(?:td|th) class=\"field-[^>]*>(.*?)</t[dh]>", row) for row in rows]
        return [[plain(cell) for cell in row] for row in cells if row]

    def first_column(self, path: str) -> list[str]:
        """What the rows of a list are called."""
        return [row[0] for row in self.table(path)]

    def open_form(self, path: str) -> Fields:
        """What a form on a page holds, hidden fields included."""
        model = re.findall(r"/admin/\w+/(\w+)/", path)[0]
        reader = FormReader(f"{model}_form")
        reader.feed(self.page(path))
        return reader.fields

    def fill_in(self, path: str, **values: Any) -> "Answer":
        """Open a form, write into some fields and send it."""
        return self.send(path, self.open_form(path), **values)

    def send(self, path: str, form: Fields, **values: Any) -> "Answer":
        """Send a form that was opened before."""
        return self.post(path, {**form, **values})

    def make_key(self, **values: str) -> tuple[str, str]:
        """The page that shows a new API key, and the key; empty where none was made."""
        page = self.fill_in(page_of(ApiKey, "add"), name="TEvo", **values).content.decode()
        key = re.search(r"automator_[0-9a-f]{12}_[0-9a-f]{64}", page)
        return page, key[0] if key else ""

    def act(self, action: str, *rows: models.Model, at: str = "", **answers: str) -> list[str]:
        """Choose rows of a list and an action, say yes to what it asks; the messages after it."""
        chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
        asked = self.post(at or page_of(type(rows[0])), {**chosen, "index": "0"})
        assert asked.status_code == 200
        assert "confirmed" in asked.content.decode()
        return self.confirm(chosen, type(rows[0]), **answers)

    def confirm(self, chosen: dict[str, Any], model: type[models.Model], **more: str) -> list[str]:
        """Say yes on the page of an action."""
        answer = self.post(page_of(model), {**chosen, "confirmed": "yes", **more}, follow=True)
        assert answer.status_code == 200
        return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def staff(broker: Broker) -> Staff:
    """A user of `broker`."""
    return Staff(UserFactory(broker=broker, username="clerk"))


@pytest.fixture
def boss(db: None) -> Staff:
    """A superuser, who sees every broker."""
    return Staff(UserFactory(whole=True, username="boss"))


def plain(html: str) -> str:
    """What a reader sees of a piece of HTML."""
    return re.sub(r"<[^>]+>", " ", html).replace("  ", " ").strip()


def page_text(answer: "Answer") -> str:
    """The page of an answer, with apostrophes as they were before they were escaped."""
    return answer.content.decode().replace("&#x27;", "'")


def page_of(row: models.Model | type[models.Model], name: str = "") -> str:
    """The address of a model's list, or of a row's page: `add`, `change`, `history`, `delete`."""
    names = f"{row._meta.app_label}_{row._meta.model_name}"
    if isinstance(row, type):
        return reverse(f"admin:{names}_{name or 'changelist'}")
    return reverse(f"admin:{names}_{name or 'change'}", args=[row.pk])
