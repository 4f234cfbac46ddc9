"""Sends statements to PostgreSQL together, and waits once for the answers to all of them.

The calls of the marketplace talk to PostgreSQL through this module. psycopg's own pipeline sends
the statements one by one, and its cursors need several times the CPU.
"""

import re
import secrets
from collections.abc import Generator, Sequence
from typing import Any, ClassVar, NamedTuple

import psycopg
from django.db import models
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.waiting import Ready, Wait

Rows = list[tuple[Any, ...]]

# How often a connection may lose its prepared statements until it stops preparing any. A pooler
# that does not support them passes each transaction to another session.
MOST_LOSSES = 2
# SQLSTATEs of a prepared statement that is gone, or whose tables have been altered since.
_LOST = ("26000", "0A000")


class StatementsLost(psycopg.OperationalError):
    """The session does not have the prepared statements that the client prepared."""


class Statement:
    """A statement that each connection prepares once.

    Its SQL names the parameters as `%(name)s`, and no other `%` needs to be doubled. PostgreSQL
    infers their types, so that a parameter needs a cast where its type is not clear from its place.
    The name stands for the statement in the session, so no two statements have the same name.
    """

    texts: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str, sql: str) -> None:
        if self.texts.setdefault(name, sql) != sql:
            raise ValueError(f"There is another statement of the name {name}.")
        self.name = name
        self.text = sql
        self.parameters: list[str] = []
        self.sql = re.sub(r"%\((\w+)\)s", self._number, sql).encode()

    def _number(self, match: re.Match[str]) -> str:
        if match[1] not in self.parameters:
            self.parameters.append(match[1])
        return f"${self.parameters.index(match[1]) + 1}"

    def __call__(self, **values: Any) -> "Bound":
        """Return the statement with a value for each of its parameters.

        Raises:
            KeyError: a parameter has no value.
            TypeError: there is a value that is not of a parameter.
        """
        if len(values) > len(self.parameters):
            unknown = values.keys() - set(self.parameters)
            raise TypeError(f"The statement {self.name} has no parameters {sorted(unknown)}.")
        return Bound(self, [values[name] for name in self.parameters])


def insert(name: str, model: type[models.Model]) -> Statement:
    """Return the statement that inserts a row of a model. Its parameters are the columns."""
    columns = [field.attname for field in model._meta.concrete_fields if not field.primary_key]
    values = ", ".join(f"%({column})s" for column in columns)
    table = model._meta.db_table
    return Statement(name, f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})")  # noqa: S608


class Bound(NamedTuple):
    """A statement with the values of its parameters."""

    statement: Statement
    values: list[Any]


class Prepared:
    """The statements that a connection has prepared.

    Their names are unique, so that no two clients of a pooler have statements of the same name in
    one session.
    """

    def __init__(self) -> None:
        self.losses = -1
        self.forget()

    def forget(self) -> None:
        """Prepare every statement again from now on, under another name."""
        self.names: set[str] = set()
        self.suffix = secrets.token_hex(4)
        self.losses += 1


def exchange(
    connection: "psycopg.Connection[Any]", statements: Sequence[Bound], prepared: Prepared | None
) -> Generator[Wait, Ready, list[Rows]]:
    """Send statements in one trip and return the rows of each; a generator for psycopg's `wait`.

    The statements are executed in order. After the first error PostgreSQL ignores the others.

    Args:
        connection: the connection, which must not be in pipeline mode.
        statements: what to send.
        prepared: what the connection has prepared, or None to prepare nothing.

    Raises:
        StatementsLost: the session lacks a prepared statement.
        psycopg.Error: the first error of a statement, or the connection is lost. The attribute
            `executed_last` of the error is false if the last statement has certainly not been
            executed. If it is true or missing, the last statement may have been executed.
    """
    session = connection.pgconn
    adapter: Any = Transformer(connection)
    # A value that cannot be sent raises its error before anything has been sent.
    values = [
        adapter.dump_sequence(bound.values, [PyFormat.TEXT] * len(bound.values))
        for bound in statements
    ]
    results: list[Any] = []
    sent: list[str | None] = []
    session.enter_pipeline_mode()
    try:
        _send(session, statements, values, prepared, sent)
        while not _received(session, results):
            # flush() returns 1 while a part of a large message does not fit into the socket.
            yield Wait.RW if session.flush() else Wait.R
            session.consume_input()
    except psycopg.OperationalError:
        # PostgreSQL may have told why it ended the connection.
        _received(session, results)
        _raise_first_error(results, sent, adapter, prepared)
        raise
    finally:
        if session.status == ConnStatus.OK:
            if session.transaction_status == TransactionStatus.ACTIVE:
                connection.close()  # the wait was interrupted, and answers are still to come
            else:
                session.exit_pipeline_mode()
    if prepared:
        _note_prepared(sent, results, prepared)
    _raise_first_error(results, sent, adapter, prepared)
    return [
        _rows(adapter, result) for name, result in zip(sent, results, strict=True) if name is None
    ]


def _send(
    session: Any,
    statements: Sequence[Bound],
    values: list[Any],
    prepared: Prepared | None,
    sent: list[str | None],
) -> None:
    """Put statements into the connection's buffer, and send it.

    Adds an item to `sent` for each result that will come: the name of a statement that is being
    prepared, or None where a statement is executed.
    """
    for (statement, _), data in zip(statements, values, strict=True):
        if prepared is None:
            session.send_query_params(statement.sql, data)
        else:
            name = f"{statement.name}_{prepared.suffix}".encode()
            if statement.name not in prepared.names and statement.name not in sent:
                session.send_prepare(name, statement.sql)
                sent.append(statement.name)
            session.send_query_prepared(name, data)
        sent.append(None)
    session.pipeline_sync()


def _received(session: Any, results: list[Any]) -> bool:
    """Collect the results that have arrived, and return whether these are all."""
    last: object = session
    while not session.is_busy():
        result = session.get_result()
        if result is None:  # it follows each result; two in a row mean that more is to come
            if last is None:
                return False
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return True
        else:
            results.append(result)
        last = result
    return False


def _note_prepared(sent: list[str | None], results: list[Any], prepared: Prepared) -> None:
    # A statement after an error has not been prepared.
    for name, result in zip(sent, results, strict=False):  # one more where the trip's end failed
        if name is not None and result.status == ExecStatus.COMMAND_OK:
            prepared.names.add(name)


def _raise_first_error(
    results: list[Any], sent: list[str | None], adapter: Any, prepared: Prepared | None
) -> None:
    for number, result in enumerate(results):
        if result.status == ExecStatus.FATAL_ERROR:
            error: Any = error_from_result(result, adapter.encoding)
            last = number >= len(sent) - 1
            if not error.sqlstate:  # libpq's own, and PostgreSQL may have gone on
                error, last = psycopg.OperationalError(str(error)), True
            elif prepared and error.sqlstate in _LOST:
                prepared.forget()
                error, last = StatementsLost(str(error)), False
            error.executed_last = last
            raise error


def _rows(adapter: Any, result: Any) -> Rows:
    if result.status != ExecStatus.TUPLES_OK or not result.ntuples:
        return []
    adapter.set_pgresult(result)
    rows: Rows = adapter.load_rows(0, result.ntuples, tuple)
    return rows
