"""Logging in to the admin: who may guess a password how often, and who is never locked out."""

from collections.abc import Callable, Iterator
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.backends import ModelBackend
from django.test import Client
from pytest_django import Settings

from automator import login
from automator.models import LoginAttempt, LoginOutcome, User
from tests.support.factories import UserFactory
from tests.support.fixtures import DatabaseClock
from tests.support.rivals import Rivals
from tests.support.staff import Staff, page_of

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

PASSWORD = "correct-horse-battery-staple"
OFFICE, ELSEWHERE = "203.0.113.9", "198.51.100.7"
WINDOW = int(login.WINDOW.total_seconds())


@pytest.fixture
def user(db: None) -> User:
    """A user who can log in by a password."""
    user: User = UserFactory(username="ann")
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The user names whose passwords were hashed."""
    names: list[str] = []
    authenticate = ModelBackend.authenticate

    def remember(backend: ModelBackend, request: object, username: str, **more: str) -> object:
        names.append(username)
        return authenticate(backend, request, username, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelBackend, "authenticate", remember)
    return names


def log_in(
    address: str = OFFICE, *, username: str = "ann", password: str = PASSWORD, **headers: str
) -> "Answer":
    form = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address).post("/admin/login/", form, headers=headers)


def guess(address: str, times: int = 1, *, username: str = "ann") -> None:
    for number in range(times):
        assert log_in(address, username=username, password=f"guess {number}").status_code == 200


def locked(answer: "Answer") -> int:
    """Seconds to wait, as the page that says so has them."""
    assert answer.status_code == 429
    return int(answer["Retry-After"])


def addresses(number: int) -> Iterator[str]:
    return (f"192.0.2.{last}" for last in range(number))


def test_guesser_is_locked_out_and_no_password_is_looked_at(
    user: User, looked_at: list[str]
) -> None:
    guess(ELSEWHERE, login.MOST_OF_USER_AND_ADDRESS)
    answer = log_in(ELSEWHERE)

    assert WINDOW - 60 <= locked(answer) <= WINDOW
    assert len(looked_at) == login.MOST_OF_USER_AND_ADDRESS
    page = answer.content.decode()
    assert "Wait 15 minutes" in page
    assert "Too many attempts to log in" in page
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "no-store" in answer["Cache-Control"]
    assert LoginAttempt.objects.count() == login.MOST_OF_USER_AND_ADDRESS


def test_one_guess_less_locks_nobody_out(user: User) -> None:
    guess(OFFICE, login.MOST_OF_USER_AND_ADDRESS - 1)

    assert log_in().status_code == 302
    guess(OFFICE, login.MOST_OF_USER_AND_ADDRESS - 1)
    assert log_in().status_code == 302


def test_lock_ends_by_itself_and_attempts_meanwhile_do_not_prolong_it(
    user: User, database_clock: DatabaseClock
) -> None:
    guess(OFFICE, login.MOST_OF_USER_AND_ADDRESS)
    for _ in range(2):
        database_clock.move(WINDOW / 2 - 60)
        assert locked(log_in()) <= WINDOW / 2 + 60
    database_clock.move(121)

    assert log_in().status_code == 302


def test_unknown_user_is_treated_as_a_known_one(user: User) -> None:
    known = [log_in(ELSEWHERE, password="guess") for _ in range(6)]
    unknown = [log_in(ELSEWHERE, username="nobody", password="guess") for _ in range(6)]

    assert [answer.status_code for answer in known] == [200] * 5 + [429]
    assert [answer.status_code for answer in unknown] == [200] * 5 + [429]
    assert known[-1].content == unknown[-1].content


def test_stranger_locks_nobody_out_of_an_address_of_their_own(user: User) -> None:
    assert log_in(OFFICE).status_code == 302
    for address in addresses(login.MOST_OF_USER_ELSEWHERE):
        guess(address)
    guess(OFFICE, login.MOST_OF_USER_AND_ADDRESS - 1)  # and a few slips

    assert locked(log_in(ELSEWHERE))
    assert log_in(OFFICE).status_code == 302


def test_guesser_who_spreads_over_addresses_is_slowed(user: User, looked_at: list[str]) -> None:
    for address in addresses(login.MOST_OF_USER_ELSEWHERE):
        guess(address)

    assert locked(log_in(ELSEWHERE))
    assert locked(log_in("2001:db8::1"))
    assert len(looked_at) == login.MOST_OF_USER_ELSEWHERE
    assert log_in(ELSEWHERE, username="bob").status_code == 200


def test_guesser_who_spreads_over_users_is_slowed(user: User, looked_at: list[str]) -> None:
    for number in range(login.MOST_OF_ADDRESS):
        guess(ELSEWHERE, username=f"user-{number}")

    assert locked(log_in(ELSEWHERE))
    assert len(looked_at) == login.MOST_OF_ADDRESS
    assert log_in(OFFICE).status_code == 302


def test_address_is_the_users_own_for_a_while_only(
    user: User, database_clock: DatabaseClock
) -> None:
    assert log_in(OFFICE).status_code == 302
    database_clock.move(login.KNOWN_FOR.total_seconds() + 1)
    for address in addresses(login.MOST_OF_USER_ELSEWHERE):
        guess(address)

    assert locked(log_in(OFFICE))


def test_ipv6_caller_is_counted_by_network(user: User) -> None:
    for number in range(login.MOST_OF_USER_AND_ADDRESS):
        guess(f"2001:db8:0:1::{number}")

    assert locked(log_in("2001:db8:0:1:ffff::1"))
    assert log_in("2001:db8:0:2::1").status_code == 302


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("", ""),
        ("unknown", ""),
        ("203.0.113.9:80", ""),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert login.network_of(address) == network


def test_address_is_what_the_outermost_proxy_of_ours_saw(user: User, settings: Settings) -> None:
    settings.PROXY_HOPS = 1
    for number in range(login.MOST_OF_USER_AND_ADDRESS):
        log_in(password="guess", x_forwarded_for=f"192.0.2.{number}, {ELSEWHERE}")

    assert locked(log_in(x_forwarded_for=f"192.0.2.99, {ELSEWHERE}"))
    assert log_in(x_forwarded_for=OFFICE).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_attempts_at_once_get_no_further_than_one_after_another(
    user: User, looked_at: list[str], rivals: Rivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "_hashing", BoundedSemaphore(8))
    call: Callable[[], Answer] = lambda: log_in(ELSEWHERE, password="guess")  # noqa: E731
    answers = rivals.together(*[call] * 8)

    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 3
    assert len(looked_at) == LoginAttempt.objects.count() == login.MOST_OF_USER_AND_ADDRESS


def test_few_passwords_are_hashed_at_once(
    user: User, looked_at: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(login.AT_ONCE):
        assert login._hashing.acquire(blocking=False)
    try:
        answer = log_in()
    finally:
        for _ in range(login.AT_ONCE):
            login._hashing.release()

    assert locked(answer) == login.SECONDS_WHEN_ALL_TAKEN
    assert "Wait 5 seconds" in answer.content.decode()
    assert not looked_at
    assert log_in().status_code == 302  # both places are free again


def test_nothing_that_was_typed_as_a_password_is_kept(user: User) -> None:
    log_in(password="guess-1234")

    assert list(LoginAttempt.objects.values_list("username", "address", "outcome")) == [
        ("ann", OFFICE, LoginOutcome.FAILED)
    ]
    assert "guess-1234" not in str(LoginAttempt.objects.values())


def test_form_that_is_not_filled_in_is_no_attempt(user: User) -> None:
    for form in ({}, {"username": "ann"}, {"password": "x"}, {"username": "a\0", "password": "x"}):
        assert Client().post("/admin/login/", form).status_code == 200

    assert not LoginAttempt.objects.exists()


def test_user_who_may_not_see_the_admin_does_not_make_an_address_known(user: User) -> None:
    User.objects.update(is_staff=False)

    assert log_in().status_code == 200
    assert LoginAttempt.objects.get().outcome == LoginOutcome.FAILED


def test_superuser_sees_who_has_to_wait_and_changes_nothing(user: User, boss: Staff) -> None:
    log_in(OFFICE)
    guess(ELSEWHERE, login.MOST_OF_USER_AND_ADDRESS)
    rows = boss.table(page_of(LoginAttempt))

    assert [row[1:4] for row in rows][:1] == [["ann", ELSEWHERE, "Failed"]]
    assert [row[1:4] for row in rows][-1:] == [["ann", OFFICE, "Logged in"]]
    assert list(LoginAttempt.objects.order_by("id").values_list("locks", flat=True)) == [
        *[False] * 5,
        True,
    ]
    for page in ("add", "delete"):
        row = LoginAttempt if page == "add" else LoginAttempt.objects.latest("id")
        assert boss.get(page_of(row, page)).status_code == 403
    assert boss.post(page_of(LoginAttempt.objects.latest("id")), {}).status_code == 403


def test_user_of_a_broker_does_not_see_log_ins(user: User, staff: Staff) -> None:
    assert staff.get(page_of(LoginAttempt)).status_code == 403
    assert "Log-ins" not in staff.page("/admin/")


def test_slips_before_a_log_in_stay_visible_and_count_no_more(user: User) -> None:
    guess(OFFICE, 2)
    log_in()

    assert list(LoginAttempt.objects.order_by("id").values_list("outcome", flat=True)) == [
        *(LoginOutcome.CORRECTED, LoginOutcome.CORRECTED, LoginOutcome.LOGGED_IN)
    ]


def test_old_rows_are_removed(user: User, database_clock: DatabaseClock) -> None:
    guess(ELSEWHERE, 3)
    log_in(OFFICE)
    database_clock.move(login.FAILURES_KEPT_FOR.total_seconds() + 1)
    log_in(OFFICE)
    assert set(LoginAttempt.objects.values_list("outcome", flat=True)) == {LoginOutcome.LOGGED_IN}

    database_clock.move(login.KNOWN_FOR.total_seconds() + 1)
    log_in(OFFICE)
    assert LoginAttempt.objects.count() == 1
