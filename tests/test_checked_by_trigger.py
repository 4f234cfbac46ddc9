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
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

Row = dict[str, Any]


class Case(NamedTuple):
    """A model, its triggers, and how the rows of a test differ from a real one.

    Attributes:
        valid: changes that leave a row in order. Each is combined with a change of one column at a
            time, to `values`.
        together: columns that are changed all at once as well.
    """

    model: type[Model]
    triggers: list[str]
    valid: list[Row]
    values: dict[str, list[Any]]
    together: list[str]

    def changes(self) -> Iterator[tuple[Row, Row]]:
        """A valid change, and changes of its row."""
        for valid in self.valid:
            for column, values in self.values.items():
                yield from ((valid, {column: value}) for value in values)
        for combination in product(*[self.values[column] for column in self.together]):
            yield self.valid[0], dict(zip(self.together, combination, strict=True))


WITHOUT_TICKETS = ("group_id", "event_id", "remote_id", "section", "row", "unit_price")
TOMBSTONE: dict[str, Any] = {
    **dict.fromkeys((*WITHOUT_TICKETS, "expires_at", "positions"), None),
    "quantity": 0,
    "seats": [],
    "state": "released",
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
            {},
            {"seats": [], "positions": None},
            {"state": "released", "positions": None},
            {"state": "expired", "positions": None},
            {"state": "invoiced", "order_id": "o-1"},
            {"state": "voided", "positions": None, "order_id": "o-1"},
            {"global_id": "staff/0123456789abcdef", "customer": "Jane Doe", "note": "x"},
            TOMBSTONE,
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
            "expires_at": [None, "2000-01-01T00:00:00Z", "infinity"],
            "created_at": ["2100-01-01T00:00:00Z", "-infinity"],
        },
        ["state", "seats", "positions", "quantity"],
    ),
    Case(
        TicketGroup,
        ["inventory_ticketgroup_facts"],
        [
            {},
            {"seats": [], "quantity": 0},
            {"split_rule": "custom", "split_quantities": [1, 2]},
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
        [{}, {"effect": "stocked", "tickets": 0}],
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


def judged(case: Case, *, changed: bool) -> list[tuple[Row, Row, set[str], str | None]]:
    """What becomes of each row of a case: a valid change, another one, and the two verdicts.

    The first verdict is what constraints of Django's the row breaks, the second is the name by
    which the triggers refuse it. It is inserted with both changes, or `changed` by the second one.
    """
    table = case.model._meta.db_table
    columns = ", ".join(field.column for field in case.model._meta.concrete_fields)
    insert = f"INSERT INTO copy ({columns}) SELECT {columns} FROM candidates WHERE n ="
    changes = [*((valid, {}) for valid in case.valid), *case.changes()]
    statements = []
    for number, (valid, change) in enumerate(changes):
        if changed and change:
            new = ", ".join(f"{column} = new.{column}" for column in change)
            statements.append(
                f"{insert} {case.valid.index(valid)};"
                f" UPDATE copy SET {new} FROM candidates new WHERE new.n = {number}"
            )
        else:
            statements.append(f"{insert} {number}")
    broken = ", ".join(
        f"CASE WHEN ({sql}) IS FALSE THEN '{name}' END"
        for name, sql in conditions(case.model).items()
    )
    with connection.cursor() as cursor:
        cursor.execute(VERDICT)
        cursor.execute(f"CREATE TEMP TABLE copy (LIKE {table})")
        for trigger in case.triggers:
            cursor.execute(
                "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s", [trigger]
            )
            cursor.execute(cursor.fetchone()[0].replace(f" ON public.{table} ", " ON copy "))
        cursor.execute(
            "CREATE TEMP TABLE candidates AS SELECT n - 1 AS n, statement,"
            f" (jsonb_populate_record((SELECT old FROM {table} old ORDER BY id DESC LIMIT 1),"
            " new)).* FROM ROWS FROM (jsonb_array_elements(%s::jsonb), unnest(%s::text[]))"
            " WITH ORDINALITY AS changes (new, statement, n)",
            [json.dumps([valid | change for valid, change in changes]), statements],
        )
        cursor.execute(
            f"SELECT array_remove(ARRAY[{broken}], NULL), pg_temp.verdict(statement)"
            " FROM candidates ORDER BY n"
        )
        verdicts = cursor.fetchall()
    return [
        (*change, set(names), refused_by)
        for change, (names, refused_by) in zip(changes, verdicts, strict=True)
    ]


def right(broken: set[str], refused_by: str | None) -> bool:
    """Whether a row was refused if it had to be, and by something that it breaks."""
    return refused_by in broken if broken else refused_by is None


@pytest.fixture
def real_rows(api: Api, group: TicketGroup) -> None:
    """A row of each model, from which those of the tests are made."""
    api.hold(group, 2, "g-1")


@EVERY_CASE
def test_a_new_row_is_refused_exactly_where_it_breaks_a_constraint(
    real_rows: None, case: Case
) -> None:
    found = judged(case, changed=False)

    assert [one for one in found if not right(*one[2:])] == []
    assert [valid for valid, change, broken, _ in found if broken and not change] == []
    assert {name for *_, broken, _ in found for name in broken} == conditions(case.model).keys()


# The changes of state that are allowed, and the columns of a hold that may change.
FOLLOWS = {"held": {"released", "expired", "invoiced"}, "expired": {"released", "invoiced"}}
FOLLOWS |= {"invoiced": {"voided"}, "released": set(), "voided": set()}
OF_STATE = {"state", "order_id", "seats", "positions"}


def forbidden(case: Case, valid: Row, change: Row) -> Iterator[str]:
    """What refuses a change of a row, apart from the constraints of the new row."""
    if case.model is Hold:
        state = valid.get("state", "held")
        if change.keys() - OF_STATE:
            yield "hold_facts_fixed"
        if change.get("state", state) not in {state, *FOLLOWS[state]}:
            yield "hold_state_follows"


@pytest.mark.parametrize("case", CASES[:2], ids=["Hold", "TicketGroup"])
def test_a_change_is_refused_exactly_where_it_breaks_a_constraint(
    real_rows: None, case: Case
) -> None:
    """Whichever columns are changed. Entries of the ledger do not change at all."""
    found = [
        (valid, change, broken | {*forbidden(case, valid, change)}, refused_by)
        for valid, change, broken, refused_by in judged(case, changed=True)
    ]

    assert [one for one in found if not right(*one[2:])] == []
    assert len({refused_by for *_, refused_by in found}) > 5


def triggers_of(statement: str) -> set[str]:
    """The triggers that a statement fires, which changes one row."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        [plan] = cursor.fetchone()[0]
    assert plan["Plan"]["Plans"][0]["Actual Rows"] == 1
    return {trigger["Trigger Name"] for trigger in plan["Triggers"]}


def test_counters_of_a_ticket_group_change_without_a_trigger(group: TicketGroup) -> None:
    update = "UPDATE inventory_ticketgroup SET"
    stock = {"inventory_ticketgroup_facts", "inventory_ticketgroup_seats"}

    assert triggers_of(f"{update} held = 1, sold = 2, entries = entries + 1") == set()
    assert triggers_of(f"{update} price = 41") == {"inventory_ticketgroup_facts"}
    assert triggers_of(f"{update} seats = '{{1,2,3,4,5,6}}'") >= stock
