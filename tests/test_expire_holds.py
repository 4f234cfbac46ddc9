"""manage.py expire_holds: what is overdue becomes free, whoever runs it, however often it dies."""

import json
import re
import signal
import sys
from collections import Counter
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from holds import claims
from holds import services as holds
from holds import sweep as sweep_module
from holds.models import Hold
from holds.sweep import Sweep
from inventory.models import Broker, Caller, LedgerEntry, TicketGroup
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.fixtures import BringTo, DatabaseClock, Unchanged
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE, Program, wait_until
from tests.support.proxy import Proxy
from tests.support.rivals import Rivals, agrees, database_url, effects, outsider, somebody_locks

HOUR = 3600
SWEEP = Caller("command expire_holds")

alone = pytest.mark.django_db
among_others = pytest.mark.django_db(transaction=True)


def expire_holds(*arguments: Any) -> str:
    out = StringIO()
    call_command("expire_holds", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def real_command(*arguments: object, url: str = "") -> Program:
    """The command as somebody starts it, in a process of its own."""
    environment = {"DATABASE_URL": url or database_url(), "DEMO": "1"}
    return Program(sys.executable, "manage.py", "expire_holds", *arguments, environment=environment)


def overdue(broker: Broker, clock: DatabaseClock, number: int, *, each: int = 1) -> None:
    """So many groups with `each` holds of one ticket, made an hour ago."""
    clock.move(-HOUR)
    for group in TicketGroupFactory.create_batch(number, broker=broker, seats=[], quantity=each):
        for index in range(each):
            holds.place(
                broker_id=broker.id,
                remote_id=group.remote_id,
                quantity=1,
                global_id=f"{group.remote_id}-{index}",
                caller=Caller("key tests"),
            )
    clock.move(HOUR)


def expired() -> Counter[str]:
    """How often each global id was expired."""
    return Counter(global_id for global_id, effect in effects() if effect == "expired")


@alone
def test_what_is_overdue_is_expired_and_its_tickets_are_free(
    api: Api, group: TicketGroup, bring_to: BringTo
) -> None:
    bring_to("overdue")
    api.hold(group, 3, "fresh")

    assert expire_holds() == "1 hold expired.\n"

    assert Hold.objects.get(global_id="g-1").state == "expired"
    assert Hold.objects.get(global_id="fresh").state == "held"
    group.refresh_from_db()
    assert (group.free, group.held, group.sold) == (3, 3, 0)
    entry = LedgerEntry.objects.get(effect="expired")
    assert (entry.global_id, entry.tickets, entry.seats) == ("g-1", 2, ["7", "8"])
    assert entry.asked_by == "command expire_holds"


@alone
def test_nothing_overdue_is_said_and_nothing_changes(
    bring_to: BringTo, unchanged: Unchanged
) -> None:
    bring_to("held")

    with unchanged():
        assert expire_holds() == "Nothing was overdue.\n"
        assert expire_holds("--dry-run") == "Nothing is overdue.\n"


@alone
def test_a_dry_run_lists_what_is_overdue_and_changes_nothing(
    bring_to: BringTo, unchanged: Unchanged
) -> None:
    group = bring_to("overdue")
    hold = Hold.objects.get()

    with unchanged():
        said = expire_holds("--dry-run")

    assert said == (
        f"g-1 of {hold.broker}: 2 of {group.remote_id}, overdue since"
        f" {hold.expires_at:%Y-%m-%d %H:%M:%S} UTC\n1 hold would be expired.\n"
    )


@alone
@pytest.mark.parametrize("state", ["invoiced", "released", "voided", "tombstone", "expired"])
def test_only_what_is_held_is_expired(
    bring_to: BringTo, database_clock: DatabaseClock, unchanged: Unchanged, state: str
) -> None:
    bring_to(state)
    database_clock.move(100 * HOUR)

    with unchanged():
        assert expire_holds() == "Nothing was overdue.\n"
        assert holds.expire(batch=10, caller=SWEEP) == 0


@alone
def test_a_hold_is_not_expired_before_its_time(
    api: Api, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    api.hold(group, 2, "g-1")
    database_clock.move(5)
    api.hold(group, 2, "g-2")

    database_clock.move(api.broker.hold_lifetime - 10)
    assert holds.expire(batch=10, caller=SWEEP) == 0
    database_clock.move(5)
    assert holds.expire(batch=10, caller=SWEEP) == 1
    assert list(expired()) == ["g-1"]


@alone
def test_a_batch_is_of_at_most_so_many_holds(broker: Broker, database_clock: DatabaseClock) -> None:
    overdue(broker, database_clock, 2, each=4)

    assert [holds.expire(batch=3, caller=SWEEP) for _ in range(4)] == [3, 3, 2, 0]
    assert set(expired().values()) == {1}


@alone
def test_the_command_goes_from_batch_to_batch_and_shows_how_far_on_a_terminal(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    overdue(broker, database_clock, 1, each=5)
    out, terminal = StringIO(), Terminal()
    call_command("expire_holds", "--batch", "2", stdout=out, stderr=terminal)

    assert out.getvalue() == "5 holds expired.\n"
    assert re.findall(r"(\d+) holds expired …", terminal.getvalue()) == ["4", "5"]
    assert len(expired()) == 5


@alone
@pytest.mark.parametrize(
    "arguments",
    [["--batch", "0"], ["--batch", "x"], ["--every", "0"], ["--dry-run", "--every", "1"]],
)
def test_arguments_that_make_no_sense_are_refused(
    bring_to: BringTo, unchanged: Unchanged, arguments: list[str]
) -> None:
    bring_to("overdue")

    with unchanged(), pytest.raises(CommandError):
        expire_holds(*arguments)


@among_others
def test_a_locked_group_is_left_for_the_next_round(
    broker: Broker, group: TicketGroup, database_clock: DatabaseClock
) -> None:
    overdue(broker, database_clock, 2)
    locked = TicketGroup.objects.filter(held=1).first()
    assert locked

    with somebody_locks(locked):
        assert expire_holds() == "1 hold expired, 1 left for the next round.\n"
    assert expire_holds() == "1 hold expired.\n"
    assert set(expired().values()) == {1}


@among_others
def test_more_overdue_holds_than_a_batch_reads_in_a_locked_group_hide_no_other_one(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    overdue(broker, database_clock, 1, each=10)
    database_clock.move(1)
    overdue(broker, database_clock, 1)
    locked = TicketGroup.objects.get(held=10)

    with somebody_locks(locked):
        assert holds.expire(batch=1, caller=SWEEP) == 1
        assert holds.expire(batch=1, caller=SWEEP) == 0
    assert expired().total() == 1


@among_others
def test_a_batch_reads_no_more_of_a_larger_backlog(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    def read() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute(
                "SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_user_tables"
                " WHERE relname = 'holds_hold'"
            )
            return int(cursor.fetchone()[0])

    def batch() -> int:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE holds_hold")
            cursor.execute("SET enable_seqscan = off")  # as in a table too large for it
            cursor.execute("SET enable_bitmapscan = off")
        before = read()
        assert holds.expire(batch=2, caller=SWEEP) == 2
        found = read() - before
        connection.close()
        return found

    overdue(broker, database_clock, 40)
    few = batch()
    overdue(broker, database_clock, 160)
    many = batch()

    assert many <= few + 10


@among_others
def test_many_at_once_expire_each_hold_once(
    broker: Broker, rivals: Rivals, database_clock: DatabaseClock
) -> None:
    overdue(broker, database_clock, 8, each=5)

    sentences = rivals.together(*[lambda: expire_holds("--batch", "3")] * 4)

    assert expired().total() == len(expired()) == 40
    assert sum(int(number) for s in sentences for number in re.findall(r"(\d+) hold", s)) >= 40
    assert agrees()


@among_others
def test_killed_in_the_middle_it_leaves_good_books_and_the_next_one_does_the_rest(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    overdue(broker, database_clock, 10, each=10)

    with real_command("--batch", "1") as command:
        wait_until(lambda: len(expired()) >= 5, "the first holds to be expired")
        command.process.send_signal(signal.SIGKILL)
        command.process.wait()
    assert 5 <= len(expired()) < 100
    assert agrees()

    rest = 100 - len(expired())
    assert expire_holds() == f"{rest} holds expired.\n"
    assert expired().total() == len(expired()) == 100
    assert agrees()


@among_others
def test_every_so_often_until_it_is_told_to_stop(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    overdue(broker, database_clock, 1)

    with real_command("--every", "1") as command:
        first = command.expect("1 hold expired.")
        overdue(broker, database_clock, 1)
        wait_until(lambda: len(expired()) == 2, "the next round")
        command.process.send_signal(signal.SIGTERM)
        command.expect("Stopped.")
        assert command.end() == 0

    lines = [json.loads(line) for line in command.output.splitlines()]
    assert json.loads(first) in lines
    assert {line["logger"] for line in lines} == {"holds.expire_holds"}
    assert [line["message"] for line in lines][-1] == "Stopped."
    assert all(line["at"].endswith("+00:00") for line in lines)


@among_others
def test_a_database_that_is_away_for_a_while_is_waited_for(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    with Proxy() as network, real_command("--every", "1", url=network.url) as command:
        command.expect("Nothing was overdue.")
        network.go_away()
        command.expect("The database cannot be used, trying again in 1 s: ")
        overdue(broker, database_clock, 1)
        network.come_back()
        command.expect("1 hold expired.")
        command.process.send_signal(signal.SIGINT)
        command.expect("Stopped.")
        assert command.end() == 0


@among_others
def test_once_only_a_database_that_is_away_is_one_clear_line(db: None, rivals: Rivals) -> None:
    def without_database() -> None:
        connection.settings_dict = network.settings
        with pytest.raises(CommandError, match=r"The database cannot be used: .*\Z"):
            expire_holds()

    with Proxy() as network:
        network.go_away()
        rivals.start(without_database).result(PATIENCE)


@pytest.fixture
def broken(database_clock: DatabaseClock) -> TicketGroup:
    """A group whose counters are off, before two more of another broker; all are overdue."""
    overdue(BrokerFactory(), database_clock, 1, each=2)
    group: TicketGroup = TicketGroup.objects.get()
    overdue(BrokerFactory(), database_clock, 2, each=2)
    TicketGroup.objects.filter(id=group.id).update(held=1)
    return group


@alone
@pytest.mark.parametrize("batch", [1, 2, 100])
def test_a_group_whose_counters_are_off_stops_no_other_one(broken: TicketGroup, batch: int) -> None:
    out, problem = (
        StringIO(),
        f"(?s)of 1 ticket group .*group {broken.id}: .*claims_within_quantity",
    )
    with pytest.raises(CommandError, match=problem):
        call_command("expire_holds", "--batch", batch, stdout=out)

    left = set(Hold.objects.overdue().values_list("group_id", flat=True))
    assert left == {broken.id}
    assert set(expired().values()) == {1}
    assert re.fullmatch(r"[45] holds expired, [12] left for the next round\.\n", out.getvalue())


@alone
def test_a_group_that_failed_is_left_alone_for_a_while_and_then_tried_again(
    broken: TicketGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(batch=100, caller=SWEEP)
    assert sum(sweep.round()) == 4
    assert list(sweep.failed) == [broken.id]

    TicketGroup.objects.filter(id=broken.id).update(held=2)
    assert list(sweep.round()) == []
    monkeypatch.setattr(sweep_module, "FAILED_SECONDS", 0)
    assert sum(sweep.round()) == 2
    assert sweep.failed == {}


@alone
def test_many_broken_groups_are_counted_and_a_few_are_named(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    overdue(broker, database_clock, 25, each=1)
    TicketGroup.objects.update(held=0)

    with pytest.raises(CommandError, match=r"(?s)of 25 ticket groups .* and 5 more$") as error:
        expire_holds("--batch", "10")
    assert str(error.value).count("ticket group ") == 20


@among_others
def test_a_broker_that_somebody_locks_stops_no_other_one(
    broker: Broker, database_clock: DatabaseClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    overdue(broker, database_clock, 1)
    overdue(BrokerFactory(), database_clock, 1)
    statement = claims.expire

    def waits(hold_ids: list[int], **facts: Any) -> None:
        statement(hold_ids, **facts)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT FROM inventory_broker WHERE id = ANY"
                " (ARRAY(SELECT broker_id FROM holds_hold WHERE id = ANY (%s))) FOR SHARE",
                [hold_ids],
            )

    monkeypatch.setattr(claims, "expire", waits)
    with outsider() as rival:
        rival.execute("SELECT FROM inventory_broker WHERE id = %s FOR UPDATE", (broker.id,))
        with pytest.raises(CommandError, match="lock timeout"):
            expire_holds()

    assert expired().total() == 1
    assert Hold.objects.overdue().get().broker_id == broker.id


@among_others
def test_the_sweep_goes_on_beside_a_broken_group(
    broken: TicketGroup, database_clock: DatabaseClock
) -> None:
    with real_command("--every", "1") as command:
        command.expect("4 holds expired, 2 left for the next round.")
        command.expect(f"  ticket group {broken.id}: ")
        overdue(BrokerFactory(), database_clock, 1)
        command.expect("1 hold expired, 2 left for the next round.")
        command.process.send_signal(signal.SIGTERM)
        assert command.end() == 0


@among_others
def test_a_database_that_takes_no_changes_for_a_while_is_waited_for(
    broker: Broker, database_clock: DatabaseClock
) -> None:
    overdue(broker, database_clock, 1)
    name = connection.settings_dict["NAME"]

    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    try:
        with real_command("--every", "1") as command:
            command.expect("trying again in 1 s: cannot execute")
            with connection.cursor() as cursor:
                cursor.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
            command.expect("1 hold expired.")
            command.process.send_signal(signal.SIGTERM)
            assert command.end() == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


@among_others
def test_a_database_that_does_not_answer_is_given_up(
    rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_module, "TRANSACTION_SECONDS", 0.5)
    with Proxy() as network:

        def silence() -> None:
            connection.settings_dict = network.settings
            connection.ensure_connection()
            network.stall()
            with pytest.raises(CommandError, match="The database cannot be used"):
                expire_holds()

        rivals.start(silence).result(PATIENCE)


@alone
def test_the_holds_of_every_broker_are_swept(database_clock: DatabaseClock) -> None:
    for broker in BrokerFactory.create_batch(2):
        overdue(broker, database_clock, 1)

    assert expire_holds() == "2 holds expired.\n"
