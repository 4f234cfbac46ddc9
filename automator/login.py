"""Logging in to the admin: how often somebody may guess a password.

Three limits count the attempts that failed within WINDOW:

- those of one user from one address;
- those of one address, for whatever user;
- those of one user from all addresses where that user has not logged in lately.

So nobody can lock a user out of an address that the user logs in from, except from that very
address. An attempt is counted before its password is hashed, since hashing is what costs time: many
attempts at once get no further than as many in a row. Known and unknown users are treated alike.
"""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache

from automator.api.authentication import caller_address
from automator.models import LoginAttempt, LoginOutcome
from inventory.transactions import short_transaction

WINDOW = timedelta(minutes=15)
MOST_OF_USER_AND_ADDRESS = 5
MOST_OF_ADDRESS = 30
MOST_OF_USER_ELSEWHERE = 20
# An address is the user's own for this long after a log-in from it.
KNOWN_FOR = timedelta(days=30)
FAILURES_KEPT_FOR = timedelta(days=1)
MOST_REMOVED = 500  # old rows, at each attempt
# Passwords that one server process hashes at a time: more would keep its threads from the API.
AT_ONCE = 2
SECONDS_WHEN_BUSY = 5
# Any number that nothing else locks: attempts are counted and written down one after another.
LOCK = 7_030_201

_hashing = threading.BoundedSemaphore(AT_ONCE)


class LockedOut(Exception):
    """The attempt is not looked at. `seconds` says when another one may be."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Locked out for {seconds} s")
        self.seconds = seconds


class LoginForm(AdminAuthenticationForm):
    """The admin's form, which looks at a password only where one more guess is allowed."""

    def clean(self) -> dict[str, Any]:
        """Log in, or raise LockedOut where there were too many attempts."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is None or not password:
            return super().clean()
        with turn():
            address = caller_address(self.request) if self.request else ""
            attempt = begin(username, network_of(address))
            cleaned: dict[str, Any] = super().clean()  # an error leaves the attempt a failed one
        succeed(attempt)
        return cleaned


@never_cache
def log_in(request: HttpRequest) -> HttpResponse:
    """The admin's log-in page, or the page that says how long to wait."""
    try:
        return admin.site.login(request)
    except LockedOut as locked:
        facts = {
            **admin.site.each_context(request),
            "title": "Too many attempts to log in",
            "seconds": locked.seconds,
            "minutes": math.ceil(locked.seconds / 60),
        }
        wait = {"Retry-After": str(locked.seconds)}
        return TemplateResponse(request, "admin/locked.html", facts, status=429, headers=wait)


@contextmanager
def turn() -> Iterator[None]:
    """One of the places for those who log in now; raises LockedOut where all are taken."""
    if not _hashing.acquire(blocking=False):
        raise LockedOut(SECONDS_WHEN_BUSY)
    try:
        yield
    finally:
        _hashing.release()


def begin(username: str, address: str) -> LoginAttempt:
    """Write down an attempt as failed, which it is until it succeeds.

    Raises LockedOut, and writes nothing, where a limit is reached already.
    """
    with short_transaction("SELECT pg_advisory_xact_lock(%s)", (LOCK,)):
        if seconds := seconds_to_wait(username, address):
            raise LockedOut(seconds)
        attempt = LoginAttempt.objects.create(username=username, address=address, at=Now())
        if seconds_to_wait(username, address):
            LoginAttempt.objects.filter(pk=attempt.pk).update(locks=True)
        remove_old()
    return attempt


def succeed(attempt: LoginAttempt) -> None:
    """Note that the user has logged in: what failed before from the same address was a slip."""
    of_both = LoginAttempt.objects.filter(username=attempt.username, address=attempt.address)
    of_both.filter(outcome=LoginOutcome.FAILED).exclude(pk=attempt.pk).update(
        outcome=LoginOutcome.CORRECTED, locks=False
    )
    LoginAttempt.objects.filter(pk=attempt.pk).update(outcome=LoginOutcome.LOGGED_IN, locks=False)


def seconds_to_wait(username: str, address: str) -> int:
    """How long until a user may try again from an address; 0 where no limit is reached."""
    attempts = LoginAttempt.objects.all()
    of_user = attempts.filter(username=username)
    own = of_user.filter(outcome=LoginOutcome.LOGGED_IN, at__gt=Now() - KNOWN_FOR)
    failed = attempts.filter(outcome=LoginOutcome.FAILED, at__gt=Now() - WINDOW)
    failed_of_user = failed.filter(username=username)
    waits = [
        wait_after(failed_of_user.filter(address=address), MOST_OF_USER_AND_ADDRESS),
        wait_after(failed.filter(address=address), MOST_OF_ADDRESS),
    ]
    if not own.filter(address=address).exists():
        elsewhere = failed_of_user.exclude(address__in=own.values("address"))
        waits.append(wait_after(elsewhere, MOST_OF_USER_ELSEWHERE))
    return max(waits)


def wait_after(failed: QuerySet[LoginAttempt], most: int) -> int:
    """Seconds until fewer than `most` of these attempts are within WINDOW; 0 if they are so now."""
    oldest = failed.order_by("-at").annotate(now=Now()).values_list("at", "now")[most - 1 : most]
    return max((math.ceil((at + WINDOW - now).total_seconds()) for at, now in oldest), default=0)


def remove_old() -> None:
    """Remove some of the rows that no limit counts any more, so that the table stays small."""
    attempts = LoginAttempt.objects.all()
    for outcome, age in (
        (LoginOutcome.FAILED, FAILURES_KEPT_FOR),
        (LoginOutcome.CORRECTED, FAILURES_KEPT_FOR),
        (LoginOutcome.LOGGED_IN, KNOWN_FOR),
    ):
        old = attempts.filter(outcome=outcome, at__lt=Now() - age).order_by("at")[:MOST_REMOVED]
        attempts.filter(pk__in=old.values("pk")).delete()


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the 64 bits that an IPv6 caller is given.

    Empty where it is neither, so that all such callers count as one.
    """
    try:
        caller = ip_address(address)
    except ValueError:
        return ""
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return str(caller) if caller.version == 4 else str(ip_network((int(caller), 64), strict=False))  # noqa: PLR2004
