"""Connections to MongoDB, which of its errors pass by themselves, and documents as the bytes that it sends.

Queries belong to the stores that ask them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from struct import Struct
from typing import Any

from pymongo import MongoClient
from pymongo.cursor import RawBatchCursor
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
_DOCUMENTS_A_BATCH = 2_000
"""Left to itself a server fills each batch with 16 MB."""
_size_at = Struct("<i").unpack_from


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


def raw_documents(cursor: "RawBatchCursor[Any]") -> Iterator[bytes]:
    """The bytes of each document that a cursor of batches finds, streamed; the cursor is closed at the end.

    The driver makes no object for each of them: that costs more than most of what is done with the bytes.
    """
    with cursor.batch_size(_DOCUMENTS_A_BATCH) as batches:
        for batch in batches:
            offset, end = 0, len(batch)
            while offset < end:
                (size,) = _size_at(batch, offset)
                yield batch[offset : offset + size]
                offset += size
