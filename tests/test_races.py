"""Holds that meet, and their naive twins, which sell what is not there."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError

from holds import claims
from holds import services as holds
from holds.models import Hold
from inventory.models import Broker, Caller, TicketGroup
from tests.support.factories import BrokerFactory, TicketGroupFactory
from tests.support.marketplace import Api
from tests.support.programs import PATIENCE
from tests.support.rivals import (
    Rivals,
    agrees,
    apis,
    before,
    effects,
    lock_off,
    somebody_locks,
    statuses,
    tickets_too_many,
)

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair(broker: Broker, request: pytest.FixtureRequest) -> TicketGroup:
    """The last two tickets: numbered, or general admission where a test asks for both."""
    seats = getattr(request, "param", ["7", "8"])
    return TicketGroupFactory(broker=broker, seats=seats, quantity=2)


both_kinds = pytest.mark.parametrize(
    "pair", [["7", "8"], []], indirect=True, ids=["numbered", "general admission"]
)


def buyers(broker: Broker, pair: TicketGroup, number: int) -> list[Callable[[], "Answer"]]:
    """Calls for the same two tickets, each under a global id of its own."""

    def buyer(api: Api, global_id: str) -> Callable[[], "Answer"]:
        return lambda: api.hold(pair, 2, global_id)

    return [buyer(api, f"g-{index}") for index, api in enumerate(apis(broker, number))]


@both_kinds
def test_of_many_buyers_of_the_last_pair_one_gets_it(
    broker: Broker, pair: TicketGroup, rivals: Rivals
) -> None:
    answers = rivals.queue(pair, *buyers(broker, pair, 8))

    assert statuses(answers) == {201: 1, 409: 7}
    refusals = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(body["code"], body["available"]) for body in refusals} == {("insufficient_tickets", 0)}
    assert len(effects()) == 1
    assert agrees()


@both_kinds
def test_with_the_lock_off_all_buyers_get_the_last_pair(
    broker: Broker,
    pair: TicketGroup,
    rivals: Rivals,
    naive: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before(monkeypatch, claims, "claim", threading.Barrier(4, timeout=PATIENCE).wait)

    answers = rivals.together(*buyers(broker, pair, 4))

    assert statuses(answers) == {201: 4}
    assert tickets_too_many(pair) == 6
    assert not agrees()


@both_kinds
def test_with_the_lock_off_the_constraints_still_let_one_buyer_in(
    broker: Broker, pair: TicketGroup, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_off(monkeypatch)
    before(monkeypatch, claims, "claim", threading.Barrier(4, timeout=PATIENCE).wait)

    def buy(global_id: str) -> str:
        try:
            place(broker, pair, global_id)
        except DatabaseError:  # the constraint's, or that of a deadlock at it
            return "refused"
        return "held"

    outcomes = rivals.together(*[lambda g=g: buy(g) for g in ("a", "b", "c", "d")])

    assert Counter(outcomes) == {"held": 1, "refused": 3}
    assert agrees()


def place(broker: Broker, group: TicketGroup, global_id: str) -> Any:
    return holds.place(
        broker_id=broker.id,
        remote_id=group.remote_id,
        quantity=2,
        global_id=global_id,
        caller=Caller("key tests"),
    )


def test_of_twelve_identical_holds_one_takes_effect_and_all_succeed(
    broker: Broker, group: TicketGroup, rivals: Rivals
) -> None:
    calls = [lambda api=api: api.hold(group, 2, "g-1") for api in apis(broker, 12)]

    answers = rivals.queue(group, *calls)

    assert statuses(answers) == {201: 1, 200: 11}
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert bodies == [bodies[0]] * 12
    assert effects() == [("g-1", "held")]
    assert agrees()


def test_with_the_lock_off_and_no_unique_id_identical_holds_take_effect_twice(
    broker: Broker,
    group: TicketGroup,
    rivals: Rivals,
    naive: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before(monkeypatch, claims, "claim", threading.Barrier(3, timeout=PATIENCE).wait)
    calls = [lambda api=api: api.hold(group, 2, "g-1") for api in apis(broker, 3)]

    answers = rivals.together(*calls)

    assert statuses(answers) == {201: 3}
    assert effects() == [("g-1", "held")] * 3
    assert Hold.objects.live().filter(global_id="g-1").count() == 3
    assert not agrees()


def same_id_on_two_groups(
    broker: Broker, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> list["Answer"]:
    """Two holds that both find the id unknown, each with the lock of its own group."""
    before(monkeypatch, claims, "claim", threading.Barrier(2, timeout=PATIENCE).wait)
    one, other = TicketGroupFactory.create_batch(2, broker=broker)
    first, second = apis(broker, 2)
    return rivals.together(lambda: first.hold(one, 2, "g-1"), lambda: second.hold(other, 2, "g-1"))


def test_the_same_id_on_two_groups_holds_one_of_them(
    broker: Broker, rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = same_id_on_two_groups(broker, rivals, monkeypatch)

    assert statuses(answers) == {201: 1, 422: 1}
    [refusal] = [answer.json() for answer in answers if answer.status_code == 422]
    assert refusal["code"] == "global_id_reused"
    assert effects() == [("g-1", "held")]
    assert agrees()


def test_without_a_unique_id_both_groups_are_held(
    broker: Broker, rivals: Rivals, naive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = same_id_on_two_groups(broker, rivals, monkeypatch)

    assert statuses(answers) == {201: 2}
    assert Hold.objects.live().filter(global_id="g-1").count() == 2


def test_call_locks_no_group_of_another_broker_that_has_the_same_global_id(
    api: Api, rivals: Rivals
) -> None:
    other = Api(BrokerFactory())
    groups = [TicketGroupFactory(broker=each.broker) for each in (api, other)]
    for each, group in zip((api, other), groups, strict=True):
        each.hold(group, 2, "g-1")
        each.hold(group, 2, "g-2")
    for caller, locked in zip((other, api), groups, strict=True):
        with somebody_locks(locked):
            invoiced = rivals.start(partial(caller.invoice, "o-1", "g-1"))
            assert invoiced.result(PATIENCE).status_code == 201
            released = rivals.start(partial(caller.release, "g-2"))
            assert released.result(PATIENCE).status_code == 200

    assert agrees()


def test_call_of_an_unknown_id_locks_no_group_of_a_broker_that_knows_it(
    api: Api, group: TicketGroup, rivals: Rivals
) -> None:
    api.hold(group, 2, "g-1")
    stranger = Api(BrokerFactory())
    with somebody_locks(group):
        invoiced = rivals.start(lambda: stranger.invoice("o-1", "g-1"))
        assert invoiced.result(PATIENCE).status_code == 404
        released = rivals.start(lambda: stranger.release("g-1"))
        assert released.result(PATIENCE).status_code == 200
