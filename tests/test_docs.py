"""The public pages: everything the code can answer, explained, from this server's own files."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client, override_settings
from drf_spectacular.generators import SchemaGenerator

from automator import docs
from automator.api.problems import MEDIA_TYPE, PROBLEMS, Problem
from inventory.models import Broker
from tests.support.factories import TicketGroupFactory
from tests.support.marketplace import Api, checked

PAGES = ("/docs/", "/docs/api/", "/docs/errors/busy/")


class Page(HTMLParser):
    """A page's tags, and its text by the heading with an id that it stands under."""

    def __init__(self, client: Client, path: str) -> None:
        super().__init__()
        self.answer = client.get(path)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.sections: dict[str, str] = {"": ""}
        self.feed(self.answer.content.decode())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        name = dict(attributes).get("id")
        if tag == "h2" and name:
            self.sections[name] = ""

    def handle_data(self, data: str) -> None:
        self.sections[list(self.sections)[-1]] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.sections.values()).split())

    @property
    def addresses(self) -> list[str]:
        return [
            value or ""
            for _, attributes in self.tags
            for name, value in attributes.items()
            if name in {"href", "src", "data-url", "action"}
        ]


def test_every_answer_of_every_call_is_on_one_public_page(client: Client) -> None:
    page = Page(client, "/docs/")
    document = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]

    assert page.answer.status_code == 200
    for path, methods in document["paths"].items():
        for operation in methods.values():
            section = page.sections[operation["operationId"]]
            assert path in section
            for status, answer in operation["responses"].items():
                assert status in section
                for code in answer["content"].get(MEDIA_TYPE, {"examples": ()})["examples"]:
                    assert code in section, f"{path} can answer {code}"


def test_every_problem_is_listed_with_its_meaning_and_linked(client: Client) -> None:
    page = Page(client, "/docs/")

    for problem in PROBLEMS.values():
        assert problem.code in page.sections["problems"]
        assert problem.meaning.replace("`", "") in page.text
        assert problem.type in page.addresses


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_problem_has_the_page_that_its_type_names(problem: Problem, client: Client) -> None:
    page = Page(client, problem.type)

    assert page.answer.status_code == 200
    assert problem.title in page.text
    assert problem.meaning.replace("`", "") in page.text
    assert f"{problem.status} {problem.code}" in page.text
    assert f'"code": "{problem.code}"' in page.text
    assert f"Should the same call be repeated? {'Yes' if problem.retryable else 'No'}" in page.text
    assert "/api" in page.text, "it says which calls answer it"


def test_problem_page_names_the_calls_that_answer_it(client: Client) -> None:
    page = Page(client, "/docs/errors/already_invoiced/")

    assert "/docs/#release" in page.addresses
    assert "/docs/#hold" not in page.addresses


def test_unknown_problem_has_no_page(client: Client) -> None:
    assert client.get("/docs/errors/no_such_code/").status_code == 404


def test_contents_lead_to_what_is_there(client: Client) -> None:
    page = Page(client, "/docs/")
    anchors = {address[1:] for address in page.addresses if address.startswith("#")}

    assert anchors == page.sections.keys() - {""}


def test_host_name_alone_leads_to_the_page(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/docs/"


@pytest.mark.parametrize("path", PAGES)
def test_page_needs_no_outside_host(path: str, client: Client) -> None:
    page = Page(client, path)

    assert page.addresses
    for address in page.addresses:
        assert re.match(r"/(?!/)|#|data:,", address)
        if address.startswith("/static/"):
            assert finders.find(address.removeprefix("/static/")), address
        elif address.startswith("/"):
            assert client.get(address).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_page_runs_nothing_in_place(path: str, client: Client) -> None:
    page = Page(client, path)
    policy = page.answer["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    for tag, attributes in page.tags:
        assert tag != "style"
        assert tag != "script" or attributes["src"]
        assert not any(name == "style" or name.startswith("on") for name in attributes)


def test_explanations_need_no_script(client: Client) -> None:
    assert all(tag != "script" for tag, _ in Page(client, "/docs/").tags)


def test_interactive_page_reads_the_document(client: Client) -> None:
    page = Page(client, "/docs/api/")
    (address,) = (tag["data-url"] for _, tag in page.tags if "data-url" in tag)

    assert address
    assert client.get(address).json()["openapi"] == "3.1.0"


def test_pages_show_where_the_reader_reached_the_service(client: Client) -> None:
    page = Page(client, "/docs/")

    assert "http://testserver/api/v1" in page.text


def pasted(page: Page, anchor: str) -> dict[str, Any]:
    """The request that a shell makes of the curl line in a section."""
    (line,) = re.findall(r"curl (?:.*\\\n)*.*", page.sections[anchor])
    _, *words = shlex.split(line.replace("\\\n", ""))
    request: dict[str, Any] = {"method": "GET", "headers": {}}
    while words:
        match words.pop(0):
            case "-X":
                request["method"] = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                request["headers"][name] = value
            case "-d":
                request["data"] = words.pop(0)
            case address:
                request["path"] = address.removeprefix("http://testserver")
    return request


@pytest.mark.django_db
def test_curl_lines_work_when_pasted_in_order(api: Api, broker: Broker, client: Client) -> None:
    page = Page(client, "/docs/")
    TicketGroupFactory(broker=broker, remote_id="605696419")
    expected = {"hold": 201, "look_up_hold": 200, "invoice": 201, "look_up_invoice": 200}

    for anchor, status in {**expected, "release": 409}.items():
        request = pasted(page, anchor)
        assert request["headers"].pop("X-API-Key") == "$API_KEY"
        media_type = request["headers"].pop("Content-Type", "")
        answer = api.client.generic(**request, content_type=media_type)
        assert checked(anchor, answer).status_code == status


def test_examples_are_shown_as_json(client: Client) -> None:
    page = Page(client, "/docs/")
    (body,) = re.findall(r"\{\n.*?\n\}", page.sections["look_up_hold"], re.DOTALL)

    assert json.loads(body)["seats"] == ["7", "8"]
    assert '"seats": ["7", "8"]' in body


@pytest.fixture
def page_is_made_anew() -> Iterator[None]:
    """What the process keeps of the page is not another test's."""
    docs.calls_page.cache_clear()
    yield
    docs.calls_page.cache_clear()


@pytest.mark.usefixtures("page_is_made_anew")
def test_page_about_the_calls_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get("/docs/")
    monkeypatch.setattr(docs, "render_to_string", None)
    again = client.get("/docs/", headers={"Host": "localhost:81"})

    assert again.status_code == 200
    assert again.content == first.content.replace(b"http://testserver", b"http://localhost:81")
    assert b"service.invalid" not in again.content
    assert "max-age" in again["Cache-Control"]


@pytest.mark.usefixtures("page_is_made_anew")
def test_production_serves_the_pages_with_files_named_by_their_content(
    tmp_path: Path, client: Client
) -> None:
    storage = "whitenoise.storage.CompressedManifestStaticFilesStorage"
    with override_settings(STATIC_ROOT=tmp_path, STORAGES={"staticfiles": {"BACKEND": storage}}):
        call_command("collectstatic", verbosity=0, interactive=False, ignore_patterns=["redoc"])
        for path in PAGES:
            files = [a for a in Page(client, path).addresses if a.startswith("/static/")]
            assert files
            for file in files:
                assert re.search(r"\.[0-9a-f]{12}\.(css|js)$", file)
                assert (tmp_path / file.removeprefix("/static/")).exists()


def test_contract_names_every_code_and_every_call(client: Client) -> None:
    page = client.get("/docs/contract/")

    assert page.status_code == 200
    text = page.content.decode()
    for code in PROBLEMS:
        assert f"<code>{code}</code>" in text, code
    for path in ("/api/v1/holds", "/api/v1/holds/{global_id}/release", "/api/v1/invoices"):
        assert path in text
    assert 'href="/docs/contract/"' in client.get("/docs/").content.decode()
    assert 'href="/docs/contract/"' in client.get("/docs/errors/busy/").content.decode()


def test_contract_has_the_version_of_the_project_and_of_the_document(client: Client) -> None:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]

    assert client.get("/api/schema/?format=json").json()["info"]["version"] == project["version"]
    assert f"Version {project['version']}." in Page(client, "/docs/contract/").text
