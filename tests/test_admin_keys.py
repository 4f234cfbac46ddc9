"""API keys and users in the admin: who may come in."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.test import Client

from automator.models import ApiKey, User
from inventory.models import Broker, TicketGroup
from tests.support.factories import ApiKeyFactory
from tests.support.marketplace import Api
from tests.support.staff import Staff, page_of

pytestmark = pytest.mark.django_db


def test_new_key_is_shown_once_and_works(staff: Staff, group: TicketGroup) -> None:
    page, key = staff.make_key(networks="127.0.0.0/8, 10.0.0.1")
    secret = key.rpartition("_")[2]
    assert page.count(secret) == 1

    row = ApiKey.objects.get()
    assert (row.name, row.broker, row.networks) == (
        "TEvo",
        group.broker,
        ["127.0.0.0/8", "10.0.0.1"],
    )
    answer = Client().post(
        "/api/v1/holds",
        {"remote_id": group.remote_id, "quantity": 2, "global_id": "g-1"},
        content_type="application/json",
        headers={"X-API-Key": key},
    )
    assert answer.status_code == 201


def test_secret_of_a_new_key_is_kept_nowhere(
    staff: Staff, caplog: pytest.LogCaptureFixture
) -> None:
    _, key = staff.make_key()
    secret = key.rpartition("_")[2]
    row = ApiKey.objects.get()
    later = [staff.page(page_of(ApiKey)), staff.page(page_of(row)), staff.page("/admin/")]
    later.append(staff.page(page_of(row, "history")))

    kept = [
        *later,
        caplog.text,
        str(staff.cookies),
        *(str(dict(session.get_decoded())) for session in Session.objects.all()),
        *(str(values) for values in LogEntry.objects.values()),
        *(str(values) for values in ApiKey.objects.values()),
    ]
    assert LogEntry.objects.exists()
    assert Session.objects.exists()
    assert not [text for text in kept if secret in text]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"networks": "10.0.0.0/33"}, "Not a network"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "must be in the future"),
    ],
)
def test_key_that_cannot_be_is_not_made(
    staff: Staff, values: dict[str, str], complaint: str
) -> None:
    page, key = staff.make_key(**values)

    assert complaint in page
    assert not key
    assert not ApiKey.objects.exists()


def test_revoked_key_lets_nobody_in(api: Api, staff: Staff) -> None:
    key = ApiKey.objects.get()
    said = staff.act("revoke", key)

    assert said == [f"API key {key}: Revoked."]
    assert api.release("g-1").status_code == 401
    assert staff.table(page_of(ApiKey))[0][2] == "Revoked"
    assert staff.act("revoke", key) == [f"API key {key}: It was already revoked."]


def test_hash_of_a_key_cannot_be_spelled_out(api: Api, boss: Staff) -> None:
    letter = ApiKey.objects.get().secret_hash[0]

    answer = boss.get(f"{page_of(ApiKey)}?secret_hash__startswith={letter}")
    assert answer.status_code == 400


def test_superuser_makes_a_user_who_logs_in(boss: Staff, broker: Broker) -> None:
    password = {"password1": "correct horse", "password2": "correct horse"}
    boss.fill_in(page_of(User, "add"), username="ann", broker=broker.pk, **password)

    user = User.objects.get(username="ann")
    assert (user.broker, user.is_staff, user.is_superuser) == (broker, True, False)
    assert user.check_password("correct horse")
    assert Client().login(username="ann", password="correct horse")


@pytest.mark.parametrize("values", [{}, {"broker": "own", "is_superuser": "on"}])
def test_user_has_a_broker_or_is_a_superuser(
    boss: Staff, broker: Broker, values: dict[str, str]
) -> None:
    if "broker" in values:
        values = {**values, "broker": str(broker.pk)}
    password = {"password1": "correct horse", "password2": "correct horse"}
    answer = boss.fill_in(page_of(User, "add"), username="ann", **password, **values)

    assert "A user needs either a broker or superuser status" in answer.content.decode()
    assert not User.objects.filter(username="ann").exists()


def test_keys_that_were_not_chosen_stay_live(api: Api, staff: Staff) -> None:
    staff.act("revoke", ApiKeyFactory(broker=api.broker))

    assert api.release("g-1").status_code == 200
