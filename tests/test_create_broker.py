from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from inventory.management.commands.create_broker import Command
from inventory.models import Broker, Event
from inventory.models.brokers import require_time_zone, time_zones

pytestmark = pytest.mark.django_db


def create_broker(*arguments: Any) -> str:
    out = StringIO()
    call_command("create_broker", *arguments, stdout=out)
    return out.getvalue()


def facts() -> list[tuple[Any, ...]]:
    return list(Broker.objects.values_list("name", "hold_lifetime", "currency", "time_zone"))


def test_makes_a_broker_with_the_usual_policies() -> None:
    said = create_broker("Harbor Lane Tickets")

    assert facts() == [("Harbor Lane Tickets", 900, "USD", "America/New_York")]
    assert said == (
        "Created the broker Harbor Lane Tickets: holds last 900 seconds, prices are in USD, "
        "times in America/New_York.\n"
    )


def test_takes_policies_from_options() -> None:
    create_broker(
        *("Harbor Lane Tickets", "--hold-lifetime", "600"),
        *("--currency", "GBP", "--time-zone", "Europe/London"),
    )

    assert facts() == [("Harbor Lane Tickets", 600, "GBP", "Europe/London")]


def test_trims_the_name() -> None:
    create_broker("  Harbor Lane Tickets ")

    assert facts()[0][0] == "Harbor Lane Tickets"


def test_refuses_a_name_that_is_taken_and_leaves_that_broker_alone() -> None:
    create_broker("Harbor Lane Tickets")

    with pytest.raises(CommandError, match="There is a broker named Harbor Lane Tickets already"):
        create_broker("Harbor Lane Tickets", "--hold-lifetime", "60")

    assert facts() == [("Harbor Lane Tickets", 900, "USD", "America/New_York")]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["  "], "cannot be blank"),
        (["H" * 201], "at most 200 characters"),
        (["Harbor", "--hold-lifetime", "0"], "1 second to 1 day"),
        (["Harbor", "--hold-lifetime", "86401"], "1 second to 1 day"),
        (["Harbor", "--hold-lifetime", "99999999999"], "less than or equal to 2147483647"),
        (["Harbor", "--hold-lifetime", "soon"], "invalid int value"),
        (["Harbor", "--currency", "dollars"], "at most 3 characters"),
        (["Harbor", "--currency", "usd"], "three capital letters"),
        (["Harbor", "--time-zone", "Mars/Olympus"], "no time zone 'Mars/Olympus'"),
        (["Harbor", "--time-zone", ""], "cannot be blank"),
    ],
)
def test_refuses_what_a_broker_cannot_be(arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        create_broker(*arguments)

    assert facts() == []


def test_the_time_zone_of_an_event_is_checked_alike() -> None:
    create_broker("Harbor Lane Tickets")
    event = Event(broker=Broker.objects.get(), name="Final", venue="Dome", time_zone="EST/EDT")

    with pytest.raises(ValidationError, match="no time zone 'EST/EDT'"):
        event.full_clean()


def test_time_zones_are_read_once(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    time_zones.cache_clear()
    with django_assert_num_queries(1):
        for name in ("America/New_York", "Asia/Tokyo"):
            require_time_zone(name)


@pytest.mark.django_db(transaction=True)  # the command line closes its connection
def test_exits_with_1_when_it_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    create_broker("Harbor Lane Tickets")

    with pytest.raises(SystemExit) as ended:
        Command().run_from_argv(["manage.py", "create_broker", "Harbor Lane Tickets"])

    assert ended.value.code == 1
    assert "already" in capsys.readouterr().err
    assert len(facts()) == 1
