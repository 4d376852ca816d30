"""Transactions on development's server: all that is written in one is there on a majority, or nothing of it.

What is done within one of somebody else's belongs to theirs: a request to the API keeps its answer together with what
it has written, whoever writes that. Which writes belong together is not decided here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from pymongo import WriteConcern
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.read_concern import ReadConcern

from migration_kit.failures import TransientError
from migration_kit.mongo import transient_errors

_ATTEMPTS = 5
_DUPLICATE_KEY = 11000
_JOINED: ContextVar[ClientSession | None] = ContextVar("joined", default=None)

T = TypeVar("T")


def in_transaction(start: Callable[[], ClientSession], work: Callable[[ClientSession], T]) -> T:
    """What `work` writes is there whole, on a majority of the servers, or not at all; then only is this done.

    It may be called several times, until nobody else's write stands in its way. Within another transaction of this
    thread it joins that one, and is there when that is.

    Raises:
        TransientError: the server was lost; whether it is there is then to be looked up.
    """
    outer = _JOINED.get()
    if outer is not None:
        # Its errors are not wrapped: whose transaction it is has to see them to try again.
        return work(outer)

    def joined(session: ClientSession) -> T:
        token = _JOINED.set(session)
        try:
            return work(session)
        finally:
            _JOINED.reset(token)

    with transient_errors("development"), start() as session:
        for _ in range(_ATTEMPTS):
            try:
                return session.with_transaction(
                    joined, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
                )
            except (BulkWriteError, DuplicateKeyError) as clash:
                # Somebody was the first to store something under a key since this transaction's look: look again.
                if not _is_duplicate(clash):
                    raise
    raise TransientError(
        "others kept changing what is stored here", item="development", remedy="Try it again"
    )


@contextmanager
def joining(what: str) -> Iterator[ClientSession | None]:
    """The session of this thread's transaction; None outside of any, where passing errors are told as transient.

    For a single write that is mostly done alone and belongs to somebody's transaction when there is one: beside that
    it would wait for the transaction, which waits for it.
    """
    outer = _JOINED.get()
    if outer is not None:
        yield outer
        return
    with transient_errors(what):
        yield None


def _is_duplicate(clash: BulkWriteError | DuplicateKeyError) -> bool:
    if isinstance(clash, DuplicateKeyError):
        return True
    return all(error["code"] == _DUPLICATE_KEY for error in clash.details["writeErrors"])
