"""The triggers that replace CHECK constraints refuse what the constraints of Django's say.

Each constraint of a model that PostgreSQL does not have is evaluated by Django's own SQL on many
rows. A copy of the table, with copies of the triggers, has to refuse the same rows by that name.
"""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.db.models import CheckConstraint, Model

from holds.models import Hold, State
from inventory.models import Effect, LedgerEntry, TicketGroup

pytestmark = pytest.mark.django_db

Row = dict[str, Any]


class Case(NamedTuple):
    """A model, its triggers, and rows of it.

    Attributes:
        valid: rows that are in order. Each is also changed in one column at a time, to `values`.
        together: columns that are changed all at once as well, in the first valid row.
    """

    model: type[Model]
    triggers: list[str]
    valid: list[Row]
    values: dict[str, list[Any]]
    together: list[str]

    def rows(self) -> Iterator[Row]:
        for row in self.valid:
            yield row
            for column, values in self.values.items():
                yield from ({**row, column: value} for value in values)
        for combination in product(*[self.values[column] for column in self.together]):
            yield self.valid[0] | dict(zip(self.together, combination, strict=True))


HELD = {
    "id": 1,
    "broker_id": 1,
    "global_id": "g-1",
    "group_id": 2,
    "event_id": 3,
    "remote_id": "r-1",
    "quantity": 2,
    "positions": "[0,2)",
    "section": "211",
    "row": "15",
    "seats": ["1", "2"],
    "unit_price": "40.00",
    "currency": "USD",
    "state": "held",
    "created_at": "2026-11-24T12:00:00Z",
    "expires_at": "2026-11-24T12:15:00Z",
    "changed_at": "2026-11-24T12:00:00Z",
    "order_id": None,
    "customer": "",
    "note": "",
}
WITHOUT_TICKETS = ("group_id", "event_id", "remote_id", "section", "row", "unit_price")
TOMBSTONE: dict[str, Any] = {
    **dict.fromkeys((*WITHOUT_TICKETS, "expires_at", "positions"), None),
    "quantity": 0,
    "seats": [],
    "state": "released",
}
GROUP = {
    "id": 1,
    "broker_id": 1,
    "remote_id": "r-1",
    "event_id": 3,
    "section": "211",
    "row": "15",
    "seats": ["1", "2"],
    "stride": None,
    "quantity": 2,
    "split_rule": "any",
    "split_quantities": [],
    "price": "40.00",
    "cost": None,
    "face_value": None,
    "stock_type": "",
    "in_hand_on": None,
    "public_notes": "",
    "internal_notes": "",
    "on_sale": True,
    "listed": True,
    "held": 0,
    "sold": 0,
    "entries": 1,
}
ENTRY = {
    "id": 1,
    "broker_id": 1,
    "group_id": 2,
    "number": 1,
    "effect": "held",
    "tickets": 2,
    "seats": ["1", "2"],
    "global_id": "g-1",
    "quantity": 6,
    "held": 2,
    "sold": 0,
    "asked_by": "key 1",
    "request_id": "",
    "at": "2026-11-24T12:00:00Z",
}
IDS = [
    "",
    "r-1",
    "a b",
    "a/b",
    "é",
    "a\n",
    "~",
    "!",
    "staff/0123456789abcdef",
    "staff/1",
    "xstaff/",
]
SEATS = [[], ["1"], ["1", "2"], ["1", None], [["1", "2"]], [["1"], ["2"]]]
CASES = [
    Case(
        Hold,
        ["holds_hold_row", "holds_hold_facts"],
        [
            HELD,
            HELD | {"seats": [], "positions": None},
            HELD | {"state": "released", "positions": None},
            HELD | {"state": "expired", "positions": None},
            HELD | {"state": "invoiced", "order_id": "o-1"},
            HELD | {"state": "voided", "positions": None, "order_id": "o-1"},
            HELD | {"global_id": "staff/0123456789abcdef", "customer": "Jane Doe", "note": "x"},
            HELD | TOMBSTONE,
        ],
        {
            "state": [*State.values, "lost", ""],
            "order_id": [None, "", "o-1"],
            "seats": SEATS,
            "positions": [None, "[0,2)", "[5,6)", "[0,3)", "empty", "[0,)", "(,)"],
            "quantity": [-1, 0, 1, 2],
            "global_id": IDS,
            "customer": ["", "Jane Doe"],
            "note": ["", "x"],
            "remote_id": [None, "r-1"],
            "group_id": [None, 2],
            "event_id": [None, 3],
            "section": [None, ""],
            "row": [None, ""],
            "unit_price": [None, "0"],
            "expires_at": [None, "2026-11-24T12:00:00Z", "2026-11-24T12:00:01Z", "infinity"],
            "created_at": ["2026-11-24T12:15:00Z", "-infinity"],
        },
        ["state", "order_id", "seats", "positions", "quantity"],
    ),
    Case(
        TicketGroup,
        ["inventory_ticketgroup_facts"],
        [
            GROUP,
            GROUP | {"seats": [], "quantity": 0},
            GROUP | {"split_rule": "custom", "split_quantities": [1, 2]},
        ],
        {
            "remote_id": IDS,
            "quantity": [-1, 0, 1, 2, 3],
            "seats": SEATS,
            "stride": [None, 0, 1, 2, 3],
            "split_rule": ["any", "none", "never_leave_one", "pairs", "custom", "", "Any"],
            "split_quantities": [[], [1], [2, 4], [[2, 4]], [None]],
            "stock_type": ["", "HARD", "ELECTRONIC", "PIGEON", "hard"],
            "price": ["0", "-0.01", "1000000.00", "1000000.01", "NaN"],
        },
        ["seats", "quantity", "split_rule", "split_quantities"],
    ),
    Case(
        LedgerEntry,
        ["inventory_ledgerentry_facts"],
        [ENTRY, ENTRY | {"effect": "stocked", "tickets": 0}],
        {
            "effect": [*Effect.values, "stolen", ""],
            "tickets": [-1, 0, 1],
            "quantity": [-1, 0, 1, 5],
            "held": [-1, 0, 1, 2],
            "sold": [-1, 0, 4, 5],
        },
        ["effect", "tickets", "quantity", "held", "sold"],
    ),
]
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=[case.model.__name__ for case in CASES])

# Undoes what a statement did, and tells the name by which it was refused, if it was.
VERDICT = """
    CREATE FUNCTION pg_temp.verdict(statement text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        name text;
    BEGIN
        EXECUTE statement;
        RAISE SQLSTATE 'UNDO1';
    EXCEPTION
        WHEN SQLSTATE 'UNDO1' THEN RETURN NULL;
        WHEN check_violation OR restrict_violation THEN
            GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME;
            RETURN name;
    END $$
"""


def conditions(model: type[Model]) -> dict[str, str]:
    """Django's SQL for each constraint of a model that PostgreSQL does not have, by its name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT conname FROM pg_constraint WHERE contype = 'c'")
        checked = {name for (name,) in cursor.fetchall()}
    return {
        constraint.name: constraint._get_check_sql(model, connection.schema_editor())  # type: ignore[attr-defined]
        for constraint in model._meta.constraints
        if isinstance(constraint, CheckConstraint) and constraint.name not in checked
    }


def copy_table(case: Case, rows: list[Row]) -> None:
    """Make the table `copy` with the triggers, and the table `candidates` with the rows."""
    table = case.model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(VERDICT)
        cursor.execute(f"CREATE TEMP TABLE copy (LIKE {table})")
        for trigger in case.triggers:
            cursor.execute(
                "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s", [trigger]
            )
            cursor.execute(cursor.fetchone()[0].replace(f" ON public.{table} ", " ON copy "))
        cursor.execute(
            "CREATE TEMP TABLE candidates AS"
            f" SELECT n, (jsonb_populate_record(NULL::{table}, candidate)).*"
            " FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS one (candidate, n)",
            [json.dumps(rows)],
        )


def judged(case: Case, statement: str) -> list[tuple[Row, set[str], str | None]]:
    """Each candidate with the constraints that it breaks, and the name by which it is refused.

    `statement` is an SQL expression for the statement that writes the candidate.
    """
    broken = ", ".join(
        f"CASE WHEN ({sql}) IS FALSE THEN '{name}' END"
        for name, sql in conditions(case.model).items()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT to_jsonb(candidates), array_remove(ARRAY[{broken}], NULL),"
            f" pg_temp.verdict({statement}) FROM candidates ORDER BY n"
        )
        return [(json.loads(row), set(names), name) for row, names, name in cursor.fetchall()]


@EVERY_CASE
def test_a_new_row_is_refused_exactly_where_it_breaks_a_constraint(case: Case) -> None:
    rows = list(case.rows())
    copy_table(case, rows)
    columns = ", ".join(field.column for field in case.model._meta.concrete_fields)
    insert = (
        f"format('INSERT INTO copy ({columns}) SELECT {columns} FROM candidates WHERE n = %s', n)"
    )

    found = judged(case, insert)

    assert len(found) == len(rows) > 100
    assert [one for one in found if not right(*one)] == []
    assert {name for _, broken, _ in found for name in broken} == conditions(case.model).keys()
    assert sum(not broken for _, broken, _ in found) > len(case.valid)


def right(row: Row, broken: set[str], refused_by: str | None) -> bool:
    return refused_by in broken if broken else refused_by is None
