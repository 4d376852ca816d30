"""Connections to MongoDB, and which of its errors pass by themselves.

Queries belong to the stores that ask them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    InvalidURI,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)
from pymongo.errors import ServerSelectionTimeoutError as NoServer

from migration_kit.failures import PermanentError, TransientError
from migration_kit.redaction import redact

SERVER_SELECTION_SECONDS = 10
_INTERRUPTED = 11601


@contextmanager
def connect(uri: str, *, patience: float | None = None) -> Iterator[MongoClient[Mapping[str, Any]]]:
    """A client whose server has answered, closed at the end.

    `patience`: seconds that it waits for any answer (`NetworkTimeout`), by default as long as one takes.

    Raises:
        TransientError: no server answers.
        PermanentError: the address is not one of MongoDB's, or the server refuses the credentials.
    """
    server = redact(uri)
    try:
        client: MongoClient[Mapping[str, Any]] = MongoClient(
            uri,
            serverSelectionTimeoutMS=SERVER_SELECTION_SECONDS * 1000,
            socketTimeoutMS=None if patience is None else int(patience * 1000),
            tz_aware=True,
            appname="migration",
        )
        client.admin.command("ping")
    except (InvalidURI, ConfigurationError, OperationFailure, ValueError) as wrong:
        raise PermanentError(
            f"MongoDB cannot be used: {redact(str(wrong))}",
            item=server,
            remedy="Correct the variable that holds this address",
        ) from wrong
    except PyMongoError as down:
        raise TransientError(
            "MongoDB does not answer",
            item=server,
            remedy="Start the server, or correct the variable that holds this address",
        ) from down
    with client:
        yield client


def is_passing(error: BaseException) -> bool:
    """Whether a later try may not meet this error of MongoDB."""
    if isinstance(error, WriteConcernError) or (
        isinstance(error, OperationFailure) and error.code == _INTERRUPTED
    ):
        # Ended by an operator, or written and not known to be on a majority: looked at again, it is clear.
        return True
    if isinstance(error, OperationFailure):
        return error.has_error_label("TransientTransactionError") or error.has_error_label(
            "RetryableWriteError"
        )
    return isinstance(error, (AutoReconnect, NetworkTimeout, NoServer))


@contextmanager
def transient_errors(what: str) -> Iterator[None]:
    """Turn MongoDB's passing errors into ``TransientError``; others go through as they are."""
    try:
        yield
    except PyMongoError as error:
        if not is_passing(error):
            raise
        raise TransientError(redact(str(error)), item=what) from error
