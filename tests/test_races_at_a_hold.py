"""Calls that meet at one hold, and their naive twins: with the lock off, sold tickets are free."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from holds import claims
from holds import services as holds
from holds.models import Hold, OrderException
from inventory.models import Broker, Caller, TicketGroup
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import DatabaseClock
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE
from tests.support.rivals import (
    Pause,
    Rivals,
    agrees,
    apis,
    before,
    before_looking,
    effects,
    statuses,
    tickets_too_many,
    until_waiting,
)

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db(transaction=True)

SWEEP = Caller("command expire_holds")


@pytest.fixture
def pair(broker: Broker) -> TicketGroup:
    return TicketGroupFactory(broker=broker, seats=["7", "8"])


@pytest.fixture
def overdue(broker: Broker, pair: TicketGroup, database_clock: DatabaseClock) -> Api:
    """The marketplace whose hold of the pair, g-1, is overdue."""
    [api] = apis(broker, 1)
    api.hold(pair, 2, "g-1")
    database_clock.move(broker.hold_lifetime)
    return api


@pytest.mark.parametrize("first", ["release", "invoice"])
def test_of_release_and_invoice_the_first_one_counts(
    broker: Broker, pair: TicketGroup, api: Api, rivals: Rivals, first: str
) -> None:
    api.hold(pair, 2, "g-1")
    releasing, invoicing = apis(broker, 2)
    calls: dict[str, Callable[[], Answer]] = {
        "release": lambda: releasing.release("g-1"),
        "invoice": lambda: invoicing.invoice("o-1", "g-1"),
    }
    second = "invoice" if first == "release" else "release"

    answers = rivals.queue(pair, calls[first], calls[second])

    outcomes = [(answer.status_code, answer.json().get("code")) for answer in answers]
    if first == "release":
        assert outcomes == [(200, None), (409, "hold_released")]
    else:
        assert outcomes == [(201, None), (409, "already_invoiced")]
    assert len(effects()) == 2
    assert agrees()


def test_with_the_lock_off_tickets_are_released_and_sold(
    broker: Broker,
    pair: TicketGroup,
    rivals: Rivals,
    naive: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    releasing, invoicing = apis(broker, 2)
    releasing.hold(pair, 2, "g-1")
    before(monkeypatch, claims, "change", threading.Barrier(2, timeout=PATIENCE).wait)

    answers = rivals.together(
        lambda: releasing.release("g-1"), lambda: invoicing.invoice("o-1", "g-1")
    )

    assert statuses(answers) == {200: 1, 201: 1}
    assert tickets_too_many(pair) == 2
    assert not agrees()


def test_a_sweep_passes_over_a_hold_that_is_being_invoiced(
    overdue: Api,
    rivals: Rivals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paying = Pause()
    before(monkeypatch, claims, "change", paying)

    invoice = rivals.start(lambda: overdue.invoice("o-1", "g-1"))
    paying.reached.wait(PATIENCE)
    assert holds.expire(batch=10, caller=SWEEP) == 0
    paying.go_on.set()

    assert invoice.result().json()["late"] is False
    assert holds.expire(batch=10, caller=SWEEP) == 0
    assert effects() == [("g-1", "held"), ("g-1", "invoiced")]


def test_an_invoice_waits_for_the_sweep_and_is_honoured_late(
    overdue: Api,
    rivals: Rivals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweeping = Pause()
    before(monkeypatch, claims, "expire", sweeping)

    sweep = rivals.start(lambda: holds.expire(batch=10, caller=SWEEP))
    sweeping.reached.wait(PATIENCE)
    invoice = rivals.start(lambda: overdue.invoice("o-1", "g-1"))
    until_waiting(1)
    sweeping.go_on.set()

    assert sweep.result() == 1
    assert invoice.result().json()["late"] is True
    assert effects() == [("g-1", "held"), ("g-1", "expired"), ("g-1", "invoiced_late")]


def test_with_the_lock_off_a_sweep_frees_what_was_paid(
    pair: TicketGroup,
    overdue: Api,
    rivals: Rivals,
    naive: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both_decided = threading.Barrier(2, timeout=PATIENCE)
    before(monkeypatch, claims, "change", both_decided.wait)
    before(monkeypatch, claims, "expire", both_decided.wait)

    invoice = rivals.start(lambda: overdue.invoice("o-1", "g-1"))
    assert holds.expire(batch=10, caller=SWEEP) == 1

    assert invoice.result().status_code == 201
    assert tickets_too_many(pair) == 2
    assert not agrees()


def test_of_two_sweeps_one_expires_a_hold(
    overdue: Api,
    rivals: Rivals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweeping = Pause()
    before(monkeypatch, claims, "expire", sweeping)

    first = rivals.start(lambda: holds.expire(batch=10, caller=SWEEP))
    sweeping.reached.wait(PATIENCE)
    assert holds.expire(batch=10, caller=SWEEP) == 0
    sweeping.go_on.set()

    assert first.result() == 1
    assert effects() == [("g-1", "held"), ("g-1", "expired")]


def test_with_the_lock_off_two_sweeps_free_the_tickets_twice(
    pair: TicketGroup,
    overdue: Api,
    rivals: Rivals,
    naive: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before(monkeypatch, claims, "expire", threading.Barrier(2, timeout=PATIENCE).wait)

    sweeps = [lambda: holds.expire(batch=10, caller=SWEEP)] * 2

    assert rivals.together(*sweeps) == [1, 1]
    assert tickets_too_many(pair) == 2
    assert not agrees()


@pytest.mark.parametrize("first", ["hold", "release"])
def test_after_a_release_of_an_unknown_id_its_hold_does_not_stand(
    broker: Broker,
    pair: TicketGroup,
    rivals: Rivals,
    monkeypatch: pytest.MonkeyPatch,
    first: str,
) -> None:
    both_decided = threading.Barrier(2, timeout=PATIENCE)
    first_is_done = threading.Event()
    steps = {"hold": "claim", "release": "record_early_release"}
    for call, function in steps.items():

        def meet(call: str = call) -> None:
            both_decided.wait()
            if call != first:
                assert first_is_done.wait(PATIENCE)

        before(monkeypatch, claims, function, meet)
    holding, releasing = apis(broker, 2)
    calls: dict[str, Callable[[], Answer]] = {
        "hold": lambda: holding.hold(pair, 2, "g-1"),
        "release": lambda: releasing.release("g-1"),
    }

    answers = {call: rivals.start(calls[call]) for call in calls}
    answers[first].result(PATIENCE)
    first_is_done.set()

    assert answers["release"].result().status_code == 200
    assert answers["hold"].result().status_code == (201 if first == "hold" else 409)
    assert Hold.objects.get(global_id="g-1").state == "released"
    pair.refresh_from_db()
    assert pair.free == 2


@pytest.mark.parametrize("call", ["release", "invoice"])
def test_a_hold_that_comes_while_its_id_is_looked_for_is_found(
    pair: TicketGroup, api: Api, rivals: Rivals, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    looking = Pause()

    def pause_the_first() -> None:
        if not looking.reached.is_set():
            looking()

    before_looking(monkeypatch, pause_the_first)
    calls: dict[str, Callable[[], Answer]] = {
        "release": lambda: api.release("g-1"),
        "invoice": lambda: api.invoice("o-1", "g-1"),
    }

    answer = rivals.start(calls[call])  # has locked nothing: there is no such hold
    looking.reached.wait(PATIENCE)
    [holding] = apis(api.broker, 1)
    assert holding.hold(pair, 2, "g-1").status_code == 201
    looking.go_on.set()

    assert answer.result(PATIENCE).json()["quantity"] == 2
    assert effects() == [("g-1", "held"), ("g-1", f"{call}d")]
    assert agrees()


def test_an_invoice_that_missed_its_hold_closes_the_exception_that_it_recorded_too_late(
    pair: TicketGroup, api: Api, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Pause()
    before(monkeypatch, type(OrderException.objects), "record", recording)
    missing = rivals.start(lambda: api.invoice("o-1", "g-1"))
    recording.reached.wait(PATIENCE)  # it has found no hold
    [rival] = apis(api.broker, 1)
    assert rival.hold(pair, 2, "g-1").status_code == 201
    assert rival.invoice("o-1", "g-1").status_code == 201
    recording.go_on.set()

    answer = missing.result(PATIENCE)

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")
    assert not OrderException.objects.open().exists()
    assert effects() == [("g-1", "held"), ("g-1", "invoiced")]


def test_without_a_unique_id_a_hold_stands_after_its_release(
    broker: Broker,
    pair: TicketGroup,
    rivals: Rivals,
    naive: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both_decided = threading.Barrier(2, timeout=PATIENCE)
    before(monkeypatch, claims, "claim", both_decided.wait)
    before(monkeypatch, claims, "record_early_release", both_decided.wait)
    holding, releasing = apis(broker, 2)

    answers = rivals.together(
        lambda: holding.hold(pair, 2, "g-1"), lambda: releasing.release("g-1")
    )

    assert statuses(answers) == {200: 1, 201: 1}
    assert Hold.objects.live().filter(global_id="g-1").count() == 1


def test_release_that_finds_its_hold_late_keeps_others_from_it(
    pair: TicketGroup, api: Api, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking, changing = Pause(), Pause()

    def pause_the_first() -> None:
        if not looking.reached.is_set():
            looking()

    before_looking(monkeypatch, pause_the_first)
    before(monkeypatch, claims, "change", changing)
    [other] = apis(api.broker, 1)

    released = rivals.start(lambda: api.release("g-1"))  # has locked nothing yet
    looking.reached.wait(PATIENCE)
    assert other.hold(pair, 2, "g-1").status_code == 201
    looking.go_on.set()
    changing.reached.wait(PATIENCE)
    invoiced = rivals.start(lambda: other.invoice("o-1", "g-1"))
    until_waiting(1)
    changing.go_on.set()

    assert released.result(PATIENCE).status_code == 200
    assert invoiced.result(PATIENCE).json()["code"] == "hold_released"
    assert effects() == [("g-1", "held"), ("g-1", "released")]
    assert agrees()
