"""Connections to PostgreSQL, and which of its errors pass by themselves.

Queries belong to the stores that ask them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors

from migration_kit.failures import PermanentError, TransientError
from migration_kit.redaction import redact

CONNECT_TIMEOUT_SECONDS = 10

TRANSIENT = (
    errors.LockNotAvailable,  # 55P03
    errors.DeadlockDetected,  # 40P01
    errors.SerializationFailure,  # 40001
    errors.AdminShutdown,  # 57P01
    errors.CannotConnectNow,  # 57P03
    errors.TooManyConnections,  # 53300
    errors.ConnectionException,
)
"""Errors that a later try may not meet (SQLSTATE beside each)."""


def connect(conninfo: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """Connect with a time limit, and name the server without its password when that fails.

    Raises:
        TransientError: the server does not answer.
        PermanentError: it answers, and refuses the user, the password or the database.
    """
    try:
        return psycopg.connect(conninfo, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_SECONDS)
    except psycopg.OperationalError as refused:
        told = redact(" ".join(str(refused).split()))
        server = redact(conninfo)
        if "FATAL" in told and "starting up" not in told and "too many" not in told:
            raise PermanentError(
                f"PostgreSQL refused the connection: {told}",
                item=server,
                remedy="Correct user, password or database in the variable that holds this address",
            ) from refused
        raise TransientError(
            f"PostgreSQL does not answer: {told}",
            item=server,
            remedy="Start the server, or correct the variable that holds this address",
        ) from refused


def is_passing(error: BaseException) -> bool:
    """Whether a later try may not meet this error of PostgreSQL: a lock, a limit, a broken connection."""
    broken = (
        isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    )  # the server gave no state
    return broken or isinstance(error, TRANSIENT)


@contextmanager
def transient_errors(what: str) -> Iterator[None]:
    """Turn PostgreSQL's passing errors into ``TransientError``; others go through as they are."""
    try:
        yield
    except psycopg.Error as error:
        if not is_passing(error):
            raise
        raise TransientError(redact(str(error)).strip(), item=what) from error
