"""Who works on which item of the queue, and until when: one atomic change of a row, so nobody gets what another has.

With a claim the source is kept as it was shown, so that it can be told how it has changed since.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson.binary import Binary
from pymongo import ReturnDocument, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.queue import BY_LEASE, QUEUE, Wanted
from asset_registry_pipeline.stores.transactions import joining

CLAIM_FIELDS = ("claimed_by", "claimed_at", "lease_until", "seen")
"""What a row holds while it is claimed, and no longer."""
_LARGEST_SEEN = 1024 * 1024
"""Bytes of a source that are kept with a claim; of a larger one it is only told that it has changed."""


class ClaimStore:
    """Claims on rows of the queue."""

    def __init__(self, database: Database[Any]) -> None:
        self._rows = database.get_collection(QUEUE, codec_options=codec.OPTIONS)

    def free_what_is_over(self, now: datetime) -> int:
        """Open the items again whose lease has run out; how many there were."""
        over = {"state": "claimed", "lease_until": {"$lte": now}}
        change = _given_back({})
        with joining("development") as session:
            # Mostly there is none; a write that changes nothing would wait for a majority all the same.
            if self._rows.find_one(over, {"_id": 1}, hint=list(BY_LEASE), session=session) is None:
                return 0
            return self._rows.update_many(over, change, hint=list(BY_LEASE), session=session).modified_count

    def take(self, key: str, by: str, now: datetime, until: datetime) -> dict[str, Any] | None:
        """Claim an item that is open, whose lease is over, or that is one's own; None where it is neither."""
        free: list[Mapping[str, Any]] = [
            {"state": "open"},
            {"state": "claimed", "lease_until": {"$lte": now}},
            {"state": "claimed", "claimed_by": by},
        ]
        return self._take({"_id": key, "$or": free}, by, now, until)

    def take_next(self, wanted: Wanted, by: str, now: datetime, until: datetime) -> dict[str, Any] | None:
        """Claim the first open item in the order of the queue; None where there is none."""
        index = list(wanted.index())
        return self._take(wanted.query(), by, now, until, sort=[("blocks", -1), ("_id", 1)], hint=index)

    def _take(
        self, where: Mapping[str, Any], by: str, now: datetime, until: datetime, **how: Any
    ) -> dict[str, Any] | None:
        claim = {"state": "claimed", "claimed_by": by, "claimed_at": now, "lease_until": until}
        with joining("development") as session:
            return self._rows.find_one_and_update(
                where,
                {"$set": claim, "$unset": {"seen": ""}, "$inc": {"version": 1}},
                {"words": 0, "seen": 0},
                return_document=ReturnDocument.AFTER,
                session=session,
                **how,
            )

    def show(self, key: str, by: str, raw: bytes) -> None:
        """Keep the source that was shown to who holds the claim."""
        if len(raw) <= _LARGEST_SEEN:
            with joining("development") as session:
                # Lost with a server, it is only not known any more what was changed: nobody waits for a majority.
                self._rows.with_options(write_concern=WriteConcern(1)).update_one(
                    {"_id": key, "claimed_by": by}, {"$set": {"seen": Binary(raw)}}, session=session
                )

    def renew(self, key: str, by: str, now: datetime, until: datetime) -> bool:
        """Make a lease that is not over last longer; False where somebody has none."""
        held = {"_id": key, "state": "claimed", "claimed_by": by, "lease_until": {"$gt": now}}
        with joining("development") as session:
            found = self._rows.update_one(
                held, {"$set": {"lease_until": until}, "$inc": {"version": 1}}, session=session
            )
        return found.matched_count == 1

    def give_back(self, key: str, by: str | None, note: str | None, session: ClientSession) -> bool:
        """Open an item again, that somebody (or, with None, anybody) has claimed; False where it is not."""
        held: dict[str, Any] = {
            "_id": key,
            "state": "claimed",
            **({"claimed_by": by} if by is not None else {}),
        }
        change = _given_back({"note": {"$literal": note}} if note else {})
        return self._rows.update_one(held, change, session=session).matched_count == 1


def _given_back(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The change of a row whose claim ends: open again, or withdrawn where nobody asks about it any more."""
    state = {"$cond": [{"$eq": ["$asks", []]}, "withdrawn", "open"]}
    return [
        {"$set": {"state": state, "version": {"$add": ["$version", 1]}, **values}},
        {"$unset": list(CLAIM_FIELDS)},
    ]
