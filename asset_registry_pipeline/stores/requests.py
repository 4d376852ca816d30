"""Writing requests that may come twice: `migration_api_requests`, each with its hash and the answer that it was given.

A request's key, its answer and all that it writes are stored in one transaction: a request that was answered, or died
before its answer arrived, is answered again in the same words and writes nothing more. What is written is others' work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.transactions import in_transaction
from migration_kit.mongo import transient_errors

KEPT_SECONDS = 24 * 3600
"""How long an answer is given again; after that the same key is a new request."""


@dataclass(frozen=True)
class Keyed:
    """A request that its sender gave a key: `key` stands for sender and key, `digest` for all that it asks."""

    key: str
    digest: str


@dataclass(frozen=True)
class Answer:
    """What a request was answered: status, headers and body, in the very words."""

    status: int
    headers: Mapping[str, str]
    body: str
    repeated: bool = False


class KeyReusedError(ValueError):
    """The key of a request that asked for something else."""


class Requests:
    """The collection `migration_api_requests`; its rows go by themselves after a day."""

    def __init__(self, database: Database[Any]) -> None:
        self._client = database.client
        self._rows = database.get_collection("migration_api_requests", codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the collection and its index where they are missing."""
        with transient_errors("development"):
            self._rows.create_index([("at", 1)], expireAfterSeconds=KEPT_SECONDS)

    def once(self, keyed: Keyed | None, write: Callable[[ClientSession], Answer], *, now: datetime) -> Answer:
        """Write in a transaction, once for each key, acknowledged by the majority; the answer, or the one of before.

        Of two equal requests at once one writes, the other is given its answer. What `write` raises undoes all of it,
        key included.

        Raises:
            KeyReusedError: the key came with another request before.
            TransientError: the server is lost.
        """

        def whole(session: ClientSession) -> Answer:
            if keyed is None:
                return write(session)
            row = self._rows.find_one({"_id": keyed.key}, session=session)
            if row is not None:
                if row["digest"] != keyed.digest:
                    raise KeyReusedError
                return Answer(row["status"], row["headers"], row["body"], repeated=True)
            # First of all: an equal request at the same moment meets this row before it meets anything that is written.
            self._rows.insert_one({"_id": keyed.key, "digest": keyed.digest, "at": now}, session=session)
            answer = write(session)
            said = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
            self._rows.update_one({"_id": keyed.key}, {"$set": said}, session=session)
            return answer

        return in_transaction(self._client.start_session, whole)
