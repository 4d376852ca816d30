"""Rate limits that all processes share: the library's windows, kept in the migration's own database.

What is limited, and how much, belongs to whoever asks.
"""

from typing import Any

from limits.storage.mongodb import MongoDBStorageBase
from limits.strategies import MovingWindowRateLimiter
from pymongo import MongoClient
from pymongo.database import Database


class _OnOurClient(MongoDBStorageBase):
    """The library's MongoDB storage on a connection that is open already."""

    STORAGE_SCHEME = None

    def __init__(self, database: Database[Any], collection: str) -> None:
        self._client = database.client
        super().__init__(
            "",
            database_name=database.name,
            counter_collection_name=f"{collection}_counters",
            window_collection_name=collection,
        )

    def _init_mongo_client(self, uri: str | None, **options: int | str | bool) -> MongoClient[Any]:  # noqa: ARG002
        return self._client

    def __del__(self) -> None:
        """Leave the connection open, which the library would close: it is not this storage's own."""


def shared_limiter(database: Database[Any], collection: str) -> MovingWindowRateLimiter:
    """A limiter whose windows are in this collection: of all who use it, no more than the limit get through."""
    return MovingWindowRateLimiter(_OnOurClient(database, collection))
