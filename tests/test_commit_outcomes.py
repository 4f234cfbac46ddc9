"""What a short transaction raises when its last trip fails: rolled back, or unknown.

The faults of the network and of COMMIT that a call can meet are in test_database_trouble and
test_deadlines.
"""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection

from inventory.database.trips import Statement
from inventory.transactions import OutcomeUnknown, short_transaction, write
from tests.support.scratch import DIE, ONE, PUT, PUT_LATER, kept, kill_session, session, usable

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = Statement("large", "INSERT INTO scratch (number) SELECT cardinality(%(labels)s::text[])")


def deallocate(name: str = "") -> None:
    """Take the prepared statement of a name, or every one, from the session."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_prepared_statements WHERE starts_with(name, %s)", (name,)
        )
        for (found,) in cursor.fetchall():
            cursor.execute(f"DEALLOCATE {found}")


def in_turn(*steps: Callable[[], None]) -> Callable[[], None]:
    def taken() -> None:
        for step in steps:
            step()

    return taken


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (lambda: write(PUT(number=0)), IntegrityError),
        (lambda: write(PUT_LATER(number=0)), IntegrityError),  # raised by COMMIT
        (lambda: write(DIE()), OperationalError),
        (kill_session, OperationalError),
        (in_turn(lambda: write(LARGE(labels=["label"] * 100_000)), kill_session), OperationalError),
        (lambda: session().close(), OperationalError),
        (deallocate, OperationalError),
        (in_turn(lambda: deallocate("put_"), lambda: write(PUT(number=2))), OperationalError),
        (lambda: deallocate("commit_"), OperationalError),
    ],
    ids=[
        "write refused",
        "deferred constraint",
        "killed during a write",
        "killed before",
        "killed before, and too much to send at once",
        "closed before",
        "all statements lost",
        "statement of a write lost",
        "statement of commit lost",
    ],
)
def test_certainly_rolled_back(
    scratch: None, last: Callable[[], object], error: type[DatabaseError]
) -> None:
    with short_transaction(ONE()):
        pass
    with short_transaction(ONE()):
        write(PUT(number=-1))
    # Now all statements are prepared.

    def block() -> None:
        write(PUT(number=1))
        last()

    with pytest.raises(error), short_transaction(ONE()):
        block()

    assert kept() == [-1]
    assert usable()


@pytest.mark.parametrize(
    "trigger",
    ["RAISE 'of no class'", "PERFORM pg_terminate_backend(pg_backend_pid())"],
)
def test_an_error_of_commit_that_may_mean_anything_is_an_unknown_outcome(
    scratch: None, trigger: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {trigger}; RETURN NULL; END $$;"
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON scratch DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    with pytest.raises(OutcomeUnknown), short_transaction(ONE()):
        write(PUT(number=1))

    assert kept() == []
    assert usable()
