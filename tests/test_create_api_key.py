from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from automator.models import ApiKey
from inventory.models import Broker
from inventory.services import create_broker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def broker() -> Broker:
    return create_broker(name="Harbor Lane Tickets")


def create_api_key(*arguments: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def status(client: Client, key: str, address: str = "127.0.0.1") -> int:
    """What a look-up of a hold that never was is answered: 404 where the key is good."""
    answer = client.get("/api/v1/holds/g-1", headers={"x-api-key": key}, REMOTE_ADDR=address)
    return answer.status_code


def test_prints_a_key_that_works_at_once_and_nothing_else_on_standard_output(
    client: Client, broker: Broker
) -> None:
    out, err = create_api_key("Harbor Lane Tickets", "--name", "TEvo")

    key = ApiKey.objects.get()
    assert (key.broker, key.name, key.expires_at, key.networks) == (broker, "TEvo", None, [])
    assert out.count("\n") == 1
    assert status(client, out.strip()) == 404
    assert err == (
        f"API key {key.key_id} (TEvo) of Harbor Lane Tickets: valid until it is revoked, "
        "from anywhere. It is shown only once.\n"
    )


def test_the_secret_is_neither_stored_nor_said_a_second_time() -> None:
    out, err = create_api_key("Harbor Lane Tickets")

    secret = out.strip().split("_")[2]
    assert secret not in err
    assert secret not in str(ApiKey.objects.values().get())


def test_a_key_with_a_last_day_is_good_through_that_day_in_utc(client: Client) -> None:
    out, _ = create_api_key("Harbor Lane Tickets", "--expires", "2099-03-31")

    assert ApiKey.objects.get().expires_at == datetime(2099, 4, 1, tzinfo=UTC)
    assert status(client, out.strip()) == 404


def test_today_is_a_last_day() -> None:
    create_api_key("Harbor Lane Tickets", "--expires", str(timezone.now().date()))

    assert ApiKey.objects.filter(expires_at__gt=timezone.now()).exists()


@pytest.mark.parametrize(
    ("expires", "ends"),
    [
        ("2099-03-31T12:00:00Z", datetime(2099, 3, 31, 12, tzinfo=UTC)),
        ("2099-03-31T12:00:00+02:00", datetime(2099, 3, 31, 10, tzinfo=UTC)),
        ("2099-03-31 12:00", datetime(2099, 3, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_key_may_end_at_a_time(expires: str, ends: datetime) -> None:
    _, err = create_api_key("Harbor Lane Tickets", "--expires", expires)

    assert ApiKey.objects.get().expires_at == ends
    assert f"valid until {ends:%Y-%m-%d %H:%M:%S} UTC" in err


def test_a_key_ends_by_itself(client: Client) -> None:
    out, _ = create_api_key("Harbor Lane Tickets", "--expires", "2099-03-31")
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert status(client, out.strip()) == 401


def test_networks_limit_where_a_key_works(client: Client) -> None:
    out, err = create_api_key("Harbor Lane Tickets", "--networks", "203.0.113.0/24, 2001:db8::7")

    assert status(client, out.strip(), "203.0.113.9") == 404
    assert status(client, out.strip(), "2001:db8::7") == 404
    assert status(client, out.strip(), "198.51.100.1") == 403
    assert "from 203.0.113.0/24, 2001:db8::7" in err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--expires", str(date(2020, 1, 1))], "--expires is in the past: 2020-01-01"),
        (["--expires", "2020-01-01T00:00:00Z"], "--expires is in the past"),
        (["--expires", "tomorrow"], "a date such as 2027-03-31 or an ISO 8601 time"),
        (["--expires", "9999-12-31"], "a date such as"),
        (["--expires", ""], "a date such as"),
        (["--networks", "203.0.113.5/24"], "has host bits set"),
        (["--networks", "here"], "Not a network"),
        (["--networks", " , "], "--networks is empty"),
        (["--name", "n" * 101], "at most 100 characters"),
    ],
)
def test_refuses_limits_that_make_no_sense(options: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        create_api_key("Harbor Lane Tickets", *options)

    assert not ApiKey.objects.exists()


def test_an_unknown_broker_is_answered_with_those_there_are() -> None:
    with pytest.raises(CommandError, match=r"named 'Harbour'\. The brokers are: Harbor Lane"):
        create_api_key("Harbour")

    assert not ApiKey.objects.exists()


def test_where_there_is_no_broker_it_says_how_to_make_one(broker: Broker) -> None:
    broker.delete()

    with pytest.raises(CommandError, match=r"Make one with manage\.py create_broker"):
        create_api_key("Harbor Lane Tickets")
