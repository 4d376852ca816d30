"""The audit log of the curators' queue, `migration_audit`: who did what, when; written with what it tells of."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson.objectid import ObjectId
from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.stores import codec
from migration_kit.mongo import transient_errors


class AuditStore:
    """Entries are added and read, never changed."""

    def __init__(self, database: Database[Any]) -> None:
        self._entries = database.get_collection("migration_audit", codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the indexes that are missing."""
        with transient_errors("development"):
            self._entries.create_index([("key", 1), ("_id", -1)])

    def add(self, entries: Iterable[Mapping[str, Any]], session: ClientSession) -> None:
        """Keep entries within the transaction of what they tell of."""
        self._entries.insert_many([dict(entry) for entry in entries], session=session)

    def newest(
        self, *, key: str | None, before: str | None, most: int
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Entries from the newest on, of one item or of all; and what to hand in as `before` for more."""
        wanted: dict[str, Any] = {} if key is None else {"key": key}
        if before is not None and ObjectId.is_valid(before):
            wanted["_id"] = {"$lt": ObjectId(before)}
        with transient_errors("development"):
            found = list(self._entries.find(wanted).sort("_id", -1).limit(most + 1))
        return found[:most], str(found[most - 1]["_id"]) if len(found) > most else None


def entry(
    at: datetime, actor: str, role: str, act: str, *, layer: str | None, key: str | None, **detail: Any
) -> dict[str, Any]:
    """An entry as it is kept."""
    return {"at": at, "actor": actor, "role": role, "act": act, "layer": layer, "key": key, "detail": detail}
