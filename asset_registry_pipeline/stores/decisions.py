"""Curators' decisions as stored: `migration_decisions`, written by compare-and-set only, with their history."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pymongo import IndexModel, InsertOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.stores import codec
from migration_kit.failures import TransientError
from migration_kit.fingerprints import SetDigest, fingerprint
from migration_kit.mongo import transient_errors

_FIELDS = ("layer", "name", "nna_address", "source_hash", "words", "reason", "decided_by", "decided_at")
_SONG_PARTS = {"title": SongTitleGiven, "album_art": ArtChoice, "facts": FactsGiven}
"""What a decision about a song may hold besides; rows from before these existed lack them."""
_STANDING: Mapping[str, Any] = {"withdrawn_at": None}
_WITHDRAWN = {"withdrawn_at": "", "withdrawn_by": ""}


@dataclass(frozen=True)
class Recorded:
    """What is kept under a key: the decision, standing unless it was `withdrawn`, its revision and what was before it.

    `history`: earlier decisions, the oldest first.
    """

    decision: Decision
    revision: int
    withdrawn: bool
    withdrawn_at: datetime | None
    history: tuple["Ended", ...]


@dataclass(frozen=True)
class Ended:
    """A decision that stands no more: replaced by another one or taken back; by whom and when, where that was kept."""

    decision: Decision
    revision: int
    ended_by: str | None
    ended_at: datetime | None
    how: str


class DecisionStore:
    """Decisions by layer, name and address; an earlier one is never lost, it moves into the history."""

    def __init__(self, database: Database[Any]) -> None:
        self._decisions = database.get_collection("migration_decisions", codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the indexes that are missing."""
        with transient_errors("development"):
            self._decisions.create_indexes(
                [
                    IndexModel([("layer", 1), ("_id", 1)]),
                    IndexModel([("decided_by", 1), ("decision", 1), ("decided_at", 1), ("withdrawn_at", 1)]),
                ]
            )

    def of_layer(self, layer: str) -> dict[str, Decision]:
        """The standing decisions of a layer, by their key."""
        return {decision.key: decision for decision in self.standing(layer)}

    def standing(self, layer: str) -> Iterator[Decision]:
        """The standing decisions of a layer, streamed in the order of their keys."""
        with transient_errors("development"):
            for row in self._decisions.find({"layer": layer, **_STANDING}).sort("_id", 1):
                yield _as_decision(row)

    def among(self, keys: Sequence[str]) -> dict[str, Decision]:
        """The standing decisions that have one of these keys."""
        return {key: one.decision for key, one in self.recorded(keys).items() if not one.withdrawn}

    def recorded(self, keys: Sequence[str], session: ClientSession | None = None) -> dict[str, Recorded]:
        """What is kept under these keys, of what was taken back too."""
        found = self._decisions.find({"_id": {"$in": list(keys)}}, session=session)
        if session is not None:
            # Not wrapped: inside a transaction the driver has to see its own errors to retry them.
            return {row["_id"]: _as_recorded(row) for row in found}
        with transient_errors("development"):
            return {row["_id"]: _as_recorded(row) for row in found}

    def digest(self, layer: str) -> str:
        """Hash of the standing decisions of a layer, whatever order they come in."""
        digest = SetDigest()
        for decision in self.standing(layer):
            digest.add(fingerprint(decision))
        return digest.hexdigest()

    def put(
        self,
        decisions: Sequence[tuple[Decision, Recorded | None]],
        by: str,
        now: datetime,
        session: ClientSession,
    ) -> None:
        """Store decisions within a transaction, each in the place of what was read there in the same one."""
        writes: list[Any] = []
        for decision, before in decisions:
            row = _as_row(decision) | {"stored_at": now}
            if before is None:
                new = {"_id": decision.key, **row, "revision": 1, "history": []}
                writes.append(InsertOne(new))
                continue
            change: dict[str, Any] = {"$set": row, "$unset": _WITHDRAWN, "$inc": {"revision": 1}}
            if not before.withdrawn:
                change["$push"] = {"history": _ended(before, by, now, "replaced")}
            writes.append(UpdateOne({"_id": decision.key, "revision": before.revision}, change))
        done = self._decisions.bulk_write(writes, session=session)
        if done.inserted_count + done.matched_count != len(writes):
            raise _changed()

    def withdraw(self, before: Recorded, by: str, now: datetime, session: ClientSession) -> None:
        """Take a standing decision back within the transaction that it was read in; its words stay in the history."""
        done = self._decisions.update_one(
            {"_id": before.decision.key, "revision": before.revision},
            {
                "$set": {"withdrawn_at": now, "withdrawn_by": by, "stored_at": now},
                "$push": {"history": _ended(before, by, now, "undone")},
                "$inc": {"revision": 1},
            },
            session=session,
        )
        if done.matched_count != 1:
            raise _changed()

    def by_decider(self) -> list[dict[str, Any]]:
        """How many standing decisions each person has made, by verdict, and when the last; summed up by the server."""
        stages: list[Mapping[str, Any]] = [
            {"$match": _STANDING},
            {
                "$group": {
                    "_id": {"by": "$decided_by", "decision": "$decision"},
                    "n": {"$sum": 1},
                    "last": {"$max": "$decided_at"},
                }
            },
        ]
        with transient_errors("development"):
            return list(self._decisions.aggregate(stages))


def _changed() -> TransientError:
    return TransientError(
        "another decision stands there by now", item="migration_decisions", remedy="Look at it again"
    )


def _ended(before: Recorded, by: str, now: datetime, how: str) -> dict[str, Any]:
    return _as_row(before.decision) | {
        "revision": before.revision, "ended_by": by, "ended_at": now, "how": how,
    }  # fmt: skip


def _as_recorded(row: Mapping[str, Any]) -> Recorded:
    history = [
        Ended(
            _as_decision(one),
            one.get("revision", place),
            one.get("ended_by"),
            one.get("ended_at"),
            one.get("how", "replaced"),
        )
        for place, one in enumerate(row.get("history", ()), 1)
    ]
    withdrawn_at = row.get("withdrawn_at")
    return Recorded(
        _as_decision(row), row["revision"], withdrawn_at is not None, withdrawn_at, tuple(history)
    )


def _as_row(decision: Decision) -> dict[str, Any]:
    row = {field: getattr(decision, field) for field in _FIELDS} | {"decision": str(decision.verdict)}
    for part in _SONG_PARTS:
        given = getattr(decision, part)
        # As plain texts and numbers: BSON has no names for our own kinds of text.
        row[part] = given and {
            name: str(value) if isinstance(value, str) else value for name, value in asdict(given).items()
        }
    return row


def _as_decision(row: Mapping[str, Any]) -> Decision:
    parts: dict[str, Any] = {
        part: kind(**given) for part, kind in _SONG_PARTS.items() if (given := row.get(part))
    }
    return Decision(**{field: row[field] for field in _FIELDS}, verdict=Verdict(row["decision"]), **parts)
