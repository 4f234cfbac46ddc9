"""Keys, addresses, hosts and HTTPS: who may call, and how everybody else is answered."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from automator.models import ApiKey
from inventory.models import TicketGroup
from tests.support.factories import UserFactory
from tests.support.fixtures import DatabaseClock, Unchanged
from tests.support.marketplace import CALLS, Api, ask, checked, is_problem
from tests.support.programs import PATIENCE
from tests.support.rivals import Rivals, outsider

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("operation", "method", "path"), CALLS)
def test_call_without_a_key_is_unauthenticated(operation: str, method: str, path: str) -> None:
    answer = checked(operation, ask(Client(), method, path))

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "X-API-Key"


@pytest.mark.parametrize(("operation", "method", "path"), CALLS)
def test_every_key_that_is_no_good_is_answered_by_one_and_the_same_body(
    api: Api, unchanged: Unchanged, operation: str, method: str, path: str
) -> None:
    expired, expired_secret = ApiKey.objects.issue(api.broker, expires_at=timezone.now())
    revoked, revoked_secret = ApiKey.objects.issue(api.broker)
    ApiKey.objects.filter(id=revoked.id).revoke()
    other_secret = api.secret.replace(api.key_id, expired.key_id)
    keys = [
        *(expired_secret, revoked_secret, other_secret, api.secret[:-1], api.secret + "0"),
        *(api.secret.upper(), f" {api.secret}", api.key_id, "", "automator", "automator_", "__"),
        *("automator_é_1", "automator_\0_1", f"automator_{'f' * 12}_{'0' * 64}"),
    ]
    missing = ask(Client(), method, path, headers={"X-Request-Id": "q-1"})
    for key in keys:
        with unchanged():
            answer = ask(Client(), method, path, headers={"X-Request-Id": "q-1", "X-API-Key": key})
        assert (answer.status_code, answer.content) == (401, missing.content), key
        assert answer.headers == missing.headers


def test_key_ends_when_it_expires_by_the_databases_clock(
    api: Api, database_clock: DatabaseClock
) -> None:
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(minutes=5))
    assert api.look_up_hold("g-1").status_code == 404
    database_clock.move(301)

    assert api.look_up_hold("g-1").status_code == 401


def test_key_ends_with_the_next_call_when_it_is_revoked(api: Api) -> None:
    assert api.look_up_hold("g-1").status_code == 404
    ApiKey.objects.revoke()

    assert api.look_up_hold("g-1").status_code == 401


def test_logged_in_user_needs_a_key_as_everybody_else(
    api: Api, group: TicketGroup, unchanged: Unchanged
) -> None:
    client = Client()
    client.force_login(UserFactory(broker=api.broker, is_superuser=True))
    body = f'{{"remote_id": "{group.remote_id}", "quantity": 1, "global_id": "g-1"}}'
    with unchanged():
        assert ask(client, "POST", "/api/v1/holds", body).status_code == 401


def test_use_of_a_key_is_noted_once_a_minute(api: Api, database_clock: DatabaseClock) -> None:
    noted = []
    for seconds in (0, 50, 15):
        database_clock.move(seconds)
        api.look_up_hold("g-1")
        noted.append(ApiKey.objects.get().last_used_at)

    assert None not in noted
    assert noted[0] == noted[1] != noted[2]


NETWORKS = ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("198.51.100.7", True),
        ("2001:db8:1::1", True),
        ("203.0.114.1", False),
        ("198.51.100.8", False),
        ("2001:db9::1", False),
        ("", False),  # a socket of this machine has no address
    ],
)
def test_key_works_from_its_networks_only(
    api: Api, group: TicketGroup, unchanged: Unchanged, address: str, allowed: bool
) -> None:
    ApiKey.objects.update(networks=NETWORKS)
    api.client.defaults["REMOTE_ADDR"] = address
    if allowed:
        assert api.hold(group, 2, "g-1").status_code == 201
        return
    with unchanged():
        answer = api.hold(group, 2, "g-1", x_forwarded_for="203.0.113.9")

    assert (answer.status_code, answer.json()["code"]) == (403, "address_not_allowed")


@pytest.mark.parametrize(("operation", "method", "path"), CALLS)
def test_every_call_looks_at_the_address(api: Api, operation: str, method: str, path: str) -> None:
    ApiKey.objects.update(networks=NETWORKS)

    assert checked(operation, ask(api.client, method, path)).status_code == 403


@pytest.mark.parametrize(
    ("hops", "forwarded", "allowed"),
    [
        (1, "203.0.113.9", True),
        (1, "8.8.8.8, 203.0.113.9", True),
        (1, "203.0.113.9, 8.8.8.8", False),  # what stands further left is the caller's word
        (2, "203.0.113.9, 8.8.8.8", True),
        (2, "203.0.113.9", False),
        (1, "", False),
        (1, "unknown", False),
        (1, "2001:db8::7", True),
    ],
)
def test_address_behind_proxies_is_what_the_outermost_of_ours_saw(
    api: Api, settings: Settings, hops: int, forwarded: str, allowed: bool
) -> None:
    ApiKey.objects.update(networks=NETWORKS)
    settings.PROXY_HOPS = hops
    answer = api.look_up_hold("g-1", x_forwarded_for=forwarded)

    assert answer.status_code == (404 if allowed else 403)


@pytest.mark.parametrize(("operation", "method", "path"), CALLS)
def test_plain_http_is_refused_and_not_redirected(
    api: Api, settings: Settings, operation: str, method: str, path: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    plain = checked(operation, ask(api.client, method, path))
    secure = checked(operation, ask(api.client, method, path, secure=True))

    assert (plain.status_code, plain.json()["code"]) == (403, "https_required")
    assert secure.status_code != 403


def test_plain_http_changes_nothing(
    api: Api, settings: Settings, group: TicketGroup, unchanged: Unchanged
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    with unchanged():
        assert api.hold(group, 2, "g-1").status_code == 403


@pytest.mark.parametrize(("operation", "method", "path"), CALLS)
def test_host_that_is_not_ours_is_an_invalid_request(
    api: Api, operation: str, method: str, path: str
) -> None:
    answer = checked(operation, ask(api.client, method, path, headers={"Host": "evil.example"}))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == [None]
    assert "evil" not in answer.content.decode()


def test_host_that_is_not_ours_is_an_invalid_request_under_any_path_of_the_api() -> None:
    answer = ask(Client(), "GET", "/api/v1/none", headers={"Host": "evil.example"})

    assert is_problem(answer)["code"] == "invalid_request"


@pytest.mark.django_db(transaction=True)
def test_key_that_somebody_keeps_locked_stops_no_call(
    api: Api, group: TicketGroup, rivals: Rivals
) -> None:
    with outsider() as rival:
        rival.execute("SELECT FROM automator_apikey FOR UPDATE")
        held = rivals.start(lambda: api.hold(group, 2, "g-1"))
        assert held.result(PATIENCE).status_code == 201
        assert ApiKey.objects.get().last_used_at is None
    api.look_up_hold("g-1")

    assert ApiKey.objects.get().last_used_at
