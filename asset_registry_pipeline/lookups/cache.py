"""What music services have answered, in `migration_lookups`: found and not found alike, with what was asked.

Failures and lock-outs are no answers and never kept. How well an answer fits is judged anew each time it is read, and
not here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from asset_registry_pipeline.registry.song_matches import Found
from migration_kit.fingerprints import fingerprint
from migration_kit.mongo import transient_errors

if TYPE_CHECKING:
    from pymongo.database import Database

LOOKUPS = "migration_lookups"
FOUND_FOR, NOT_FOUND_FOR = timedelta(days=30), timedelta(days=1)
"""How long an answer stands; one without what was looked for is asked again sooner, as catalogues grow."""


class LookUpCache:
    """Answers by service and question. The service's address is part of the question: a stand-in's are its own."""

    def __init__(self, database: "Database[Any]") -> None:
        self._answers = database[LOOKUPS]
        self._indexed = False

    def get(self, asked: Mapping[str, Any], now: datetime) -> tuple[Found, ...] | None:
        """What was answered to this, if that still stands; None where it has to be asked."""
        with transient_errors("development"):
            row = self._answers.find_one({"_id": fingerprint(dict(asked)), "expires_at": {"$gt": now}})
        return None if row is None else tuple(Found(**one) for one in row["found"])

    def put(self, asked: Mapping[str, Any], found: Sequence[Found], now: datetime, *, fits: bool) -> None:
        """Keep an answer in the place of an earlier one. `fits`: what was looked for is in it."""
        row = {
            "asked": dict(asked),
            "found": [asdict(one) for one in found],
            "asked_at": now,
            "expires_at": now + (FOUND_FOR if fits else NOT_FOUND_FOR),
        }
        with transient_errors("development"):
            if not self._indexed:
                self._answers.create_index("expires_at", expireAfterSeconds=0)
                self._indexed = True
            self._answers.replace_one({"_id": fingerprint(dict(asked))}, row, upsert=True)
