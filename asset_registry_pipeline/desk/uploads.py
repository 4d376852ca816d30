"""Files between their preview and their import: kept for an hour, for the one who sent them, whatever restarts."""

import gzip
import secrets
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.stores import codec
from migration_kit.mongo import transient_errors

KEPT = timedelta(hours=1)
LARGEST = 12 * 1024 * 1024
"""Bytes, compressed: MongoDB keeps documents of 16 MB."""


class Uploads:
    """Texts by a name that nobody can guess, in `migration_desk_uploads`."""

    def __init__(self, database: Database[Any]) -> None:
        self._rows = database.get_collection("migration_desk_uploads", codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the index by which MongoDB removes what nobody confirmed."""
        with transient_errors("development"):
            self._rows.create_index("ends_at", expireAfterSeconds=0)

    def keep(self, owner: str, text: str, now: datetime) -> str:
        """Keep a text; what its owner has to name to get it.

        Raises:
            Problem: it is too large to be kept.
        """
        packed = gzip.compress(text.encode(), 6)
        if len(packed) > LARGEST:
            raise Problem(413, "too_large", "The file is too large to be kept", "Import it in two parts")
        key = secrets.token_urlsafe(24)
        with transient_errors("development"):
            self._rows.insert_one({"_id": key, "owner": owner, "text": packed, "ends_at": now + KEPT})
        return key

    def of(self, owner: str, key: str, now: datetime) -> str | None:
        """A text that its owner sent; None where it is another's, or not kept any more."""
        with transient_errors("development"):
            row = self._rows.find_one({"_id": key, "owner": owner, "ends_at": {"$gt": now}})
        return None if row is None else gzip.decompress(row["text"]).decode()

    def forget(self, key: str) -> None:
        """Remove a text that was imported."""
        with transient_errors("development"):
            self._rows.delete_one({"_id": key})
