"""manage.py audit_inventory: silent where all agrees; each kind of damage is found by its check."""

import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from automator import audit
from automator.audit import checks
from inventory.models import Broker, TicketGroup
from tests.support.damage import DAMAGE, UNPROTECTED
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import BringTo
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE, Program
from tests.support.proxy import Proxy
from tests.support.rivals import Rivals, database_url, somebody_locks

# In an order in which the clock that one of them moves does not touch the others.
STATES = ["invoiced late", "expired", "released", "tombstone", "voided", "invoiced", "held"]


@pytest.fixture
def group(broker: Broker) -> TicketGroup:
    return TicketGroupFactory(broker=broker, remote_id="numbered")


@pytest.fixture
def good_books(api: Api, group: TicketGroup, bring_to: BringTo) -> None:
    """A hold in each state, named for it, all by real calls."""
    for state in STATES:
        bring_to(state, state.replace(" ", "-"))
    general = TicketGroupFactory(broker=api.broker, remote_id="general", seats=[], quantity=9)
    api.hold(general, 2, "general")
    api.release("invoiced")  # an exception for staff
    TicketGroupFactory(broker=api.broker, remote_id="empty")


@pytest.fixture
def other_broker(db: None) -> Broker:
    return BrokerFactory(id=999)


def audit_inventory() -> str:
    out = StringIO()
    call_command("audit_inventory", stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_good_books_are_one_sentence(good_books: None) -> None:
    assert audit_inventory() == "3 ticket groups, 8 holds, 17 ledger entries: everything agrees.\n"


@pytest.mark.django_db(transaction=True)
def test_no_books_at_all_are_nothing_to_audit_and_exit_code_3() -> None:
    with pytest.raises(CommandError) as raised:
        audit_inventory()

    said = "0 ticket groups, 0 holds, 0 ledger entries: there is nothing to audit."
    assert (str(raised.value), raised.value.returncode) == (said, 3)


@pytest.mark.django_db(transaction=True)
def test_a_difference_is_a_line_and_exit_code_1(broker: Broker, group: TicketGroup) -> None:
    TicketGroup.objects.update(entries=5)
    out = StringIO()

    with pytest.raises(CommandError, match=r"1 ticket group, 0 holds, 1 ledger entry: 1 diff"):
        call_command("audit_inventory", stdout=out)
    environment = {"DATABASE_URL": database_url(), "DEMO": "1"}
    with Program(sys.executable, "manage.py", "audit_inventory", environment=environment) as real:
        assert real.end() == 1

    said = f"Ticket group numbered of {broker}: it counts 5 ledger entries, but there are 1."
    line = f"entries: {said}\n"
    assert out.getvalue() == line
    assert line in real.output


@pytest.mark.django_db(transaction=True)
def test_calls_go_on_meanwhile_and_are_not_seen(
    broker: Broker, group: TicketGroup, api: Api, rivals: Rivals
) -> None:
    api.hold(group, 1, "before")

    def trade(check: checks.Check) -> None:
        held = rivals.start(lambda: api.hold(group, 1, "meanwhile").status_code)
        assert held.result(PATIENCE) in {200, 201}
        assert rivals.start(lambda: api.release("before").status_code).result(PATIENCE) == 200

    with audit.snapshot():
        assert list(audit.differences(about_to=trade)) == []
        assert audit.extent() == (1, 1, 2)
    with audit.snapshot():
        assert list(audit.differences()) == []
        assert audit.extent() == (1, 2, 4)


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_nobody_and_for_as_long_as_it_takes(group: TicketGroup) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '10s'")
    with somebody_locks(group), audit.snapshot(), connection.cursor() as cursor:
        assert list(audit.differences()) == []
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")


@pytest.mark.django_db(transaction=True)
def test_no_database_is_one_clear_line_and_exit_code_2(rivals: Rivals) -> None:
    def without_database() -> int:
        connection.settings_dict = network.settings
        with pytest.raises(CommandError, match=r"The database cannot be used: .*\Z") as raised:
            audit_inventory()
        return raised.value.returncode

    with Proxy() as network:
        network.go_away()
        assert rivals.start(without_database).result(PATIENCE) == 2


@pytest.mark.django_db
def test_damage_is_found_by_its_check(
    good_books: None, other_broker: Broker, subtests: pytest.Subtests
) -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(UNPROTECTED)
        assert list(audit.differences()) == []
        for name, (damage, checks) in DAMAGE.items():
            with subtests.test(msg=name), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(damage)
                    assert cursor.rowcount >= 1
                found = list(audit.differences())
                transaction.set_rollback(True)
                assert {difference.check for difference in found} == checks
                assert all("\n" not in difference.line for difference in found)
        transaction.set_rollback(True)


def test_every_check_has_damage_that_it_finds() -> None:
    found = set[str]().union(*(checks for _, checks in DAMAGE.values()))

    assert found == {check.name for check in checks.CHECKS}
