"""Everything that PostgreSQL refuses by name, whoever asks: each is hit, and each says why."""

import itertools
import json

import psycopg
import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import BaseConstraint

from holds.models import Hold, State
from inventory.models import Broker
from tests.support.factories import BrokerFactory, EventFactory, TicketGroupFactory
from tests.support.fixtures import FACTS, BringTo, Unchanged
from tests.support.marketplace import Api

pytestmark = pytest.mark.django_db

CONSTRAINTS = [constraint for model in apps.get_models() for constraint in model._meta.constraints]


def copy(table: str, **changes: object) -> str:
    """A statement that inserts the last row of a table once more, with these changes."""
    row = json.dumps({"id": 0, **changes})
    return (
        f"INSERT INTO {table} SELECT (jsonb_populate_record(old, '{row}')).*"
        f" FROM {table} old ORDER BY old.id DESC LIMIT 1"
    )


def copy_of_hold(**changes: object) -> str:
    """The last hold, which is held, once more: released under another id, unless changed."""
    other = {"global_id": "g-other", "state": "released", "positions": None}
    return copy("holds_hold", **other | changes)


def an_import(**changes: object) -> str:
    """A statement that inserts an import with these changes."""
    named = ("asked_by", "file_name", "format", "quantities", "problem", "sha256")
    texts = dict.fromkeys(named, "")
    names = ("fields", "headers", "ignored", "not_kept", "events")
    lists: dict[str, list[str]] = {name: [] for name in names}
    counts = dict.fromkeys(("new", "changed", "unchanged", "refused", "vanished", "applied"), 0)
    facts = {"id": 0, "broker_id": 0, "state": "checked", "started_at": "2026-11-23T12:00:00Z"}
    row = {**texts, **lists, **counts, **facts, "snapshot": False, "strict": False, **changes}
    return (
        "INSERT INTO inventory_import"
        f" SELECT (jsonb_populate_record(NULL::inventory_import, '{json.dumps(row)}')).*"
    )


def a_refused_row(**changes: object) -> str:
    """A statement that inserts a refused row of an import with these changes."""
    named = ("remote_id", "event_name", "venue", "section", "row", "split_rule")
    texts = dict.fromkeys(named, "")
    names = ("cells", "problems", "seats", "split_quantities")
    lists: dict[str, list[str]] = {name: [] for name in names}
    facts = {"id": 0, "verdict": "refused", "line": 1, "quantity": 0, "growth": 0}
    row = {**texts, **lists, **facts, **changes}
    return (
        "INSERT INTO inventory_importrow"
        f" SELECT (jsonb_populate_record(NULL::inventory_importrow, '{json.dumps(row)}')).*"
    )


# What is refused, by the name of what refuses it. The rows are those of the fixture.
REFUSED = {
    "apikey_key_id_unique": copy("automator_apikey"),
    "apikey_secret_hashed": "UPDATE automator_apikey SET secret_hash = 'in the clear'",
    "broker_currency_code": "UPDATE inventory_broker SET currency = 'usd'",
    "broker_hold_lifetime_sane": "UPDATE inventory_broker SET hold_lifetime = 0",
    "broker_name_unique": copy("inventory_broker"),
    "event_time_needs_date": "UPDATE inventory_event SET date = NULL, time = '19:30'",
    "event_unique": """
        INSERT INTO inventory_event (broker_id, name, venue, date, time, time_zone)
        SELECT broker_id, name, venue, date, time, time_zone FROM inventory_event""",
    "hold_customer_of_staff": copy_of_hold(customer="Jane Doe"),
    "hold_expires_after_creation": copy_of_hold(expires_at="2000-01-01T00:00:00Z"),
    "hold_facts_fixed": "UPDATE holds_hold SET quantity = quantity",
    "hold_global_id_printable": copy_of_hold(global_id="a b"),
    "hold_global_id_unique": copy_of_hold(global_id="held"),
    "hold_order_id_when_sold": copy_of_hold(order_id="o-1"),
    "hold_positions_while_live": copy_of_hold(state="held"),
    "hold_seats_claimed_once": copy("holds_hold", global_id="g-other"),
    "hold_seats_match_quantity": copy_of_hold(quantity=3),
    "hold_seats_stay": """
        UPDATE inventory_ticketgroup SET seats = '{1,2,3,4,5,6}'; SET CONSTRAINTS ALL IMMEDIATE""",
    "hold_state_follows": "UPDATE holds_hold SET state = 'held' WHERE state = 'expired'",
    "hold_state_known": copy_of_hold(state="lost"),
    "hold_tombstone_holds_nothing": copy_of_hold(remote_id=None),
    "holds_hold_append_only": "DELETE FROM holds_hold",
    "import_applied_within_checked": an_import(applied=1),
    "import_state_known": an_import(state="astray"),
    "inventory_ledgerentry_append_only": "UPDATE inventory_ledgerentry SET tickets = 1",
    "invoice_hold_unique": copy("invoices_invoice"),
    "invoice_total_adds_up": copy("invoices_invoice", total="1.00"),
    "invoices_invoice_append_only": "UPDATE invoices_invoice SET late = true",
    "invoices_void_append_only": "UPDATE invoices_void SET reason = ''",
    "ledgerentry_counters_add_up": copy("inventory_ledgerentry", number=99, held=-1),
    "ledgerentry_effect_known": copy("inventory_ledgerentry", number=99, effect="stolen"),
    "ledgerentry_number_unique": copy("inventory_ledgerentry"),
    "ledgerentry_tickets_signed": copy(
        "inventory_ledgerentry", number=99, effect="held", tickets=0
    ),
    "orderexception_public_id_unique": copy("holds_orderexception", order_id="o-9"),
    "orderexception_reason_known": "UPDATE holds_orderexception SET reason = 'bad luck'",
    "orderexception_unique": copy("holds_orderexception", public_id="0123456789abcdef"),
    "ticketgroup_claims_within_quantity": "UPDATE inventory_ticketgroup SET held = quantity + 1",
    "ticketgroup_price_in_range": "UPDATE inventory_ticketgroup SET price = -0.01",
    "ticketgroup_remote_id_printable": "UPDATE inventory_ticketgroup SET remote_id = 'a/b'",
    "ticketgroup_remote_id_unique": copy("inventory_ticketgroup"),
    "ticketgroup_seats_distinct": "UPDATE inventory_ticketgroup SET seats[1] = seats[2]",
    "ticketgroup_seats_labelled": "UPDATE inventory_ticketgroup SET seats[1] = ''",
    "ticketgroup_seats_match_quantity": "UPDATE inventory_ticketgroup SET quantity = 99",
    "ticketgroup_split_quantities_custom": """
        UPDATE inventory_ticketgroup SET split_rule = 'custom'""",
    "ticketgroup_split_quantities_positive": """
        UPDATE inventory_ticketgroup SET split_rule = 'custom', split_quantities = '{2, 0}'""",
    "ticketgroup_split_rule_known": "UPDATE inventory_ticketgroup SET split_rule = 'some'",
    "ticketgroup_stride_known": "UPDATE inventory_ticketgroup SET stride = 3",
    "ticketgroup_stock_type_known": "UPDATE inventory_ticketgroup SET stock_type = 'PIGEON'",
    "void_invoice_unique": copy("invoices_void"),
}

# The id of another broker, and of its event and its ticket group.
OTHER = 999
# Rows that refer to a row of another broker, by the name of the foreign key that refuses them.
OF_ANOTHER_BROKER = {
    "hold_event_of_same_broker": copy_of_hold(event_id=OTHER),
    "hold_group_of_same_broker": copy_of_hold(group_id=OTHER),
    "importrow_job_of_same_broker": f"""
        {an_import(broker_id=OTHER)}; {a_refused_row(job_id=0, broker_id=0)}""",
    "invoice_hold_of_same_broker": copy("invoices_invoice", broker_id=OTHER),
    "ledgerentry_group_of_same_broker": copy("inventory_ledgerentry", group_id=OTHER, number=99),
    "orderexception_hold_of_same_broker": copy("holds_orderexception", broker_id=OTHER),
    "ticketgroup_event_of_same_broker": f"""
        UPDATE inventory_ticketgroup SET event_id = {OTHER} WHERE id <> {OTHER}""",
    "void_invoice_of_same_broker": copy("invoices_void", broker_id=OTHER),
}


@pytest.fixture
def other_broker(db: None) -> Broker:
    """A broker with an event and a ticket group, older than the rows of the books."""
    broker: Broker = BrokerFactory(id=OTHER)
    TicketGroupFactory(id=OTHER, broker=broker, event=EventFactory(id=OTHER, broker=broker))
    return broker


@pytest.fixture
def rows(api: Api, bring_to: BringTo) -> None:
    """A row in every table, and holds under the names of their states."""
    for state in ("expired", "voided", "held"):
        bring_to(state, state)
    assert api.invoice("o-1", "voided").json()["code"] == "sale_voided"


def refusal(statement: str) -> psycopg.errors.Diagnostic:
    """What PostgreSQL says when it refuses a statement, which it does."""
    with (
        pytest.raises(IntegrityError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert isinstance(caught.value.__cause__, psycopg.Error)
    return caught.value.__cause__.diag


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_with_a_message(rows: None, name: str) -> None:
    said = refusal(REFUSED[name])

    assert said.constraint_name == name
    assert said.message_primary


@pytest.mark.parametrize("name", OF_ANOTHER_BROKER)
def test_row_that_refers_to_another_broker_s_row_is_refused(
    other_broker: Broker, rows: None, unchanged: Unchanged, name: str
) -> None:
    with unchanged():
        said = refusal(f"{OF_ANOTHER_BROKER[name]}; SET CONSTRAINTS ALL IMMEDIATE")

    assert said.constraint_name == name


@pytest.mark.parametrize("counter", ["held", "sold"])
def test_no_counter_is_negative(rows: None, counter: str) -> None:
    said = refusal(f"UPDATE inventory_ticketgroup SET {counter} = -1")

    assert said.constraint_name == "ticketgroup_claims_within_quantity"


def test_every_name_is_hit() -> None:
    with connection.cursor() as cursor:
        cursor.execute(r"""
            SELECT conname FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u', 'x')
                AND conname !~ '_(uniq|key|check)$|_fk_' -- the names that Django makes up
            UNION SELECT indexrelid::regclass::text FROM pg_index -- constraints with a condition
            JOIN pg_class ON pg_class.oid = indrelid
                AND relnamespace = 'public'::regnamespace
            WHERE indisunique AND indpred IS NOT NULL
            UNION SELECT tgrelid::regclass || '_append_only' FROM pg_trigger
            WHERE tgfoid = 'automator_append_only'::regproc
            UNION SELECT (regexp_matches(prosrc, $$(?:CONSTRAINT =|THEN) '(\w+)'$$, 'g'))[1]
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        """)
        in_database = {name for (name,) in cursor.fetchall()}

    assert in_database >= {constraint.name for constraint in CONSTRAINTS}
    assert in_database == {*REFUSED, *OF_ANOTHER_BROKER}


def test_every_constraint_has_a_sentence_for_people() -> None:
    for constraint in CONSTRAINTS:
        said = str(constraint.violation_error_message)
        assert said != BaseConstraint.default_violation_error_message, constraint.name
        assert said.endswith("."), constraint.name


FOLLOWS = {
    *(("held", "released"), ("held", "expired"), ("held", "invoiced")),
    *(("expired", "invoiced"), ("expired", "released"), ("invoiced", "voided")),
}


def test_states_follow_each_other_as_the_contract_says_and_in_no_other_way(
    rows: None, bring_to: BringTo
) -> None:
    for state in ("released", "invoiced"):
        bring_to(state, state)
    refused = set()
    for before, after in itertools.permutations(State.values, 2):
        try:
            with transaction.atomic():
                assert Hold.objects.filter(state=before).update(state=after)
                transaction.set_rollback(True)
        except IntegrityError as error:
            if "does not go from" in str(error):
                refused.add((before, after))
        else:
            # Only a release after the expiry moves no tickets, and so needs no other change.
            assert (before, after) == ("expired", "released")

    assert refused == set(itertools.permutations(State.values, 2)) - FOLLOWS


def test_what_a_hold_was_made_with_never_changes(rows: None) -> None:
    for column in (
        *("broker_id", "global_id", "group_id", "event_id", "remote_id", "section", "row"),
        *("quantity", "unit_price", "currency", "created_at", "expires_at", "customer", "note"),
    ):
        said = refusal(f"UPDATE holds_hold SET {column} = {column}")
        assert said.constraint_name == "hold_facts_fixed"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inventory_ticketgroup SET seats = '{12,7,8,9,10,11}'",
        "UPDATE inventory_ticketgroup SET seats = '{}'",
        "UPDATE holds_hold SET positions = '[2,4)' WHERE global_id = 'held'",
        "UPDATE holds_hold SET seats = '{8,7}' WHERE global_id = 'held'",
        copy("holds_hold", global_id="g-other", positions="[2,4)"),
    ],
)
def test_live_claim_keeps_the_seats_it_was_given(rows: None, statement: str) -> None:
    said = refusal(f"{statement}; SET CONSTRAINTS ALL IMMEDIATE")

    assert said.constraint_name == "hold_seats_stay"


def test_sale_keeps_its_seats_where_nothing_is_held(api: Api, broker: Broker) -> None:
    sold = TicketGroupFactory(broker=broker)
    api.hold(sold, 6, "g-1")
    api.invoice("o-1", "g-1")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # the calls are judged, and done with
    said = refusal(
        f"UPDATE inventory_ticketgroup SET seats = '{{12,7,8,9,10,11}}' WHERE id = {sold.id}"
    )

    assert said.constraint_name == "hold_seats_stay"


@pytest.mark.parametrize("table", ["inventory_ledgerentry", "invoices_invoice", "invoices_void"])
def test_facts_are_neither_changed_nor_deleted(rows: None, table: str) -> None:
    for statement in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}"):
        assert refusal(statement).constraint_name == f"{table}_append_only"


@pytest.mark.parametrize(
    ("truncated", "refused"),
    [
        ("inventory_ledgerentry", {"inventory_ledgerentry"}),
        ("invoices_void", {"invoices_void"}),
        ("invoices_invoice, invoices_void", {"invoices_invoice"}),
        ("holds_hold CASCADE", set(FACTS) - {"inventory_ledgerentry"}),
        ("inventory_ticketgroup CASCADE", set(FACTS)),
        ("inventory_broker CASCADE", set(FACTS)),
    ],
)
def test_facts_are_not_truncated_nor_is_what_they_hang_on(
    rows: None, unchanged: Unchanged, truncated: str, refused: set[str]
) -> None:
    with unchanged():
        said = refusal(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {truncated}")

    assert said.constraint_name in {f"{table}_append_only" for table in refused}
    assert said.message_primary
    assert said.message_primary.endswith("append-only: TRUNCATE is refused")


def test_hold_cannot_be_saved_as_a_whole_row(rows: None) -> None:
    for hold in Hold.objects.all():
        with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
            hold.save()
