"""Log-in to the admin, with limits on the number of failed attempts.

Three limits count the attempts that failed within WINDOW:

- those for one user from one address;
- those from one address for any user;
- those for one user from all addresses from which that user has not logged in recently.

Nobody can therefore lock a user out of an address that the user logs in from, except from that
same address. An attempt is counted before its password is hashed, since hashing takes long enough
that concurrent attempts could otherwise exceed a limit. The limits are the same for usernames that
exist and for those that do not.
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
from inventory.database.trips import Statement
from inventory.transactions import short_transaction

WINDOW = timedelta(minutes=15)
MOST_OF_USER_AND_ADDRESS = 5
MOST_OF_ADDRESS = 30
MOST_OF_USER_ELSEWHERE = 20
# For this long after a log-in from it, an address counts as the user's own.
KNOWN_FOR = timedelta(days=30)
FAILURES_KEPT_FOR = timedelta(days=1)
MOST_REMOVED = 500  # old rows of each outcome, at each attempt
# The passwords that a process hashes at a time. More would occupy the threads that serve the API.
AT_ONCE = 2
SECONDS_WHEN_ALL_TAKEN = 5
# An advisory lock, under which attempts are counted and recorded one after another.
LOCK = 7_030_201

_hashing = threading.BoundedSemaphore(AT_ONCE)


class LockedOut(Exception):
    """The attempt was refused without checking its password.

    `seconds` is the time after which another attempt is allowed.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Locked out for {seconds} s")
        self.seconds = seconds


class LoginForm(AdminAuthenticationForm):
    """The admin's log-in form, which checks a password only if another attempt is allowed."""

    def clean(self) -> dict[str, Any]:
        """Check the password and record the outcome.

        Raises:
            LockedOut: there were too many attempts.
            ValidationError: the username or the password is wrong.
        """
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is None or not password:
            return super().clean()
        with turn():
            address = caller_address(self.request) if self.request else ""
            attempt = begin(username, network_of(address))
            # If this raises, the attempt remains a failed one.
            cleaned: dict[str, Any] = super().clean()
        succeed(attempt)
        return cleaned


@never_cache
def log_in(request: HttpRequest) -> HttpResponse:
    """Show the admin's log-in page, or one that says how long to wait."""
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
        return TemplateResponse(request, "admin/login_locked.html", facts, status=429, headers=wait)


@contextmanager
def turn() -> Iterator[None]:
    """Take one of the AT_ONCE places for log-ins in this process, for the length of a block.

    Raises:
        LockedOut: all places are taken.
    """
    if not _hashing.acquire(blocking=False):
        raise LockedOut(SECONDS_WHEN_ALL_TAKEN)
    try:
        yield
    finally:
        _hashing.release()


_ONE_BY_ONE = Statement("lock_logins", f"SELECT pg_advisory_xact_lock({LOCK})")


def begin(username: str, address: str) -> LoginAttempt:
    """Record an attempt as failed; `succeed` changes that.

    Args:
        username: the username that was entered.
        address: the result of `network_of` for the caller's address.

    Raises:
        LockedOut: a limit has been reached; nothing was recorded.
    """
    with short_transaction(_ONE_BY_ONE()):
        if seconds := seconds_to_wait(username, address):
            raise LockedOut(seconds)
        attempt = LoginAttempt.objects.create(username=username, address=address, at=Now())
        if seconds_to_wait(username, address):
            LoginAttempt.objects.filter(pk=attempt.pk).update(locks=True)
        remove_old()
    return attempt


def succeed(attempt: LoginAttempt) -> None:
    """Record that the user has logged in.

    The user's earlier failures from the same address no longer count.
    """
    of_both = LoginAttempt.objects.filter(username=attempt.username, address=attempt.address)
    of_both.filter(outcome=LoginOutcome.FAILED).exclude(pk=attempt.pk).update(
        outcome=LoginOutcome.CORRECTED, locks=False
    )
    LoginAttempt.objects.filter(pk=attempt.pk).update(outcome=LoginOutcome.LOGGED_IN, locks=False)


def seconds_to_wait(username: str, address: str) -> int:
    """Return the seconds until a user may try again from an address, or 0 if that is now."""
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
    """Return the seconds until fewer than `most` of the attempts are within WINDOW, or 0."""
    oldest = failed.order_by("-at").annotate(now=Now()).values_list("at", "now")[most - 1 : most]
    return max((math.ceil((at + WINDOW - now).total_seconds()) for at, now in oldest), default=0)


def remove_old() -> None:
    """Remove some of the attempts that no longer count for any limit."""
    attempts = LoginAttempt.objects.all()
    for outcome, age in (
        (LoginOutcome.FAILED, FAILURES_KEPT_FOR),
        (LoginOutcome.CORRECTED, FAILURES_KEPT_FOR),
        (LoginOutcome.LOGGED_IN, KNOWN_FOR),
    ):
        old = attempts.filter(outcome=outcome, at__lt=Now() - age).order_by("at")[:MOST_REMOVED]
        attempts.filter(pk__in=old.values("pk")).delete()


def network_of(address: str) -> str:
    """Return the unit in which attempts are counted for an address.

    This is an IPv4 address itself, and the network of 64 bits of an IPv6 address. For anything
    else it is empty, so that all such callers are counted together.
    """
    try:
        caller = ip_address(address)
    except ValueError:
        return ""
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return str(caller) if caller.version == 4 else str(ip_network((int(caller), 64), strict=False))  # noqa: PLR2004
