"""Values that are sent to PostgreSQL in trips, and what is refused before it is sent."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import DataError, transaction
from psycopg.types.range import Range

from inventory import deadlines
from inventory.database.trips import Prepared, Statement
from inventory.transactions import send
from tests.support.programs import PATIENCE
from tests.support.scratch import LABELS, ONE, PUT, kept, session, usable

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = ["", "a,b", '"', "\\", "{}", "NULL", "it's", "Reihe 1 Ä€😀", " ", "\n", "%s"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", None),
        ("text", ""),
        ("text", "Reihe Ä€😀 \\ ' \" % %s %(value)s $1 \n"),
        ("text[]", []),
        ("text[]", TEXTS),
        ("text[]", ["a", None]),
        ("integer[]", [1, -2, 2**31 - 1]),
        ("bigint", 2**63 - 1),
        ("boolean", False),
        ("numeric", Decimal("1000000.00")),
        ("numeric", Decimal("-0.01")),
        ("numeric[]", [Decimal("0.10")]),
        ("date", date(2026, 11, 24)),
        ("int4range", Range(0, 6)),
        ("int4range", Range(empty=True)),
        ("timestamptz", datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=UTC)),
        ("timestamptz", datetime(2026, 11, 24, 9, 30, tzinfo=ZoneInfo("America/New_York"))),
    ],
)
@pytest.mark.parametrize("prepares", [True, False])
def test_values_come_back_as_they_were_sent(*, kind: str, value: object, prepares: bool) -> None:
    session().prepared = Prepared() if prepares else None
    statement = Statement(f"echo_{kind}", f"SELECT %(value)s::{kind}, %(value)s::{kind} IS NULL")

    assert send(statement(value=value)) == [[(value, value is None)]]


def test_a_percent_sign_stays_and_a_parameter_may_occur_twice() -> None:
    statement = Statement("like", "SELECT %(a)s::text LIKE 'r-%' AND %(b)s % 3 = 2, %(a)s || '%'")

    assert send(statement(b=5, a="r-1")) == [[(True, "r-1%")]]


def test_a_parameter_that_is_unknown_or_missing_raises_before_anything_is_sent() -> None:
    with pytest.raises(TypeError, match=r"put has no parameters \['other'\]"):
        PUT(number=1, other=2)
    with pytest.raises(KeyError, match="number"):
        PUT()
    with pytest.raises(KeyError, match="number"):
        PUT(other=2)


def test_two_statements_of_one_name_are_refused() -> None:
    assert Statement(ONE.name, ONE.text).sql == ONE.sql
    with pytest.raises(ValueError, match="another statement of the name one"):
        Statement("one", "SELECT 2")


def test_a_value_that_cannot_be_sent_raises_before_anything_is_sent(scratch: None) -> None:
    echo = Statement("text", "SELECT %(value)s::text")
    with transaction.atomic():
        send(PUT(number=1))
        for value, error in (("\0", DataError), (object(), Exception)):
            with pytest.raises(error):
                send(PUT(number=2), echo(value=value))
        assert usable()

    assert kept() == [1]


def test_messages_larger_than_the_buffers_of_the_socket_pass_both_ways() -> None:
    labels = [f"{number} Ä" for number in range(100_000)]

    with deadlines.within(PATIENCE):
        answers = send(*[LABELS(labels=labels)] * 3, ONE())

    assert answers == [*[[(labels,)]] * 3, [(1,)]]
    assert usable()


def test_a_trip_of_nothing() -> None:
    assert send() == []
    assert usable()
