"""The curators' queue as stored: `migration_queue`, one row for each asset that a plan has asked about.

Pages go along an index in its order, from one key on: the last of many thousand costs as much as the first. Every
change of a row raises its `version`, by which a refresh knows that somebody was quicker. Claims have their own store.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from bson.max_key import MaxKey
from bson.min_key import MinKey
from pymongo import IndexModel, InsertOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.stores import codec
from migration_kit.mongo import transient_errors

QUEUE = "migration_queue"
_ORDER = (("blocks", -1), ("_id", 1))
BY_LAYER = (("layer", 1), ("state", 1), *_ORDER)
BY_STATE = (("state", 1), *_ORDER)
BY_LAYER_AND_ASK = (("layer", 1), ("asks", 1), ("state", 1), *_ORDER)
BY_ASK = (("asks", 1), ("state", 1), *_ORDER)
BY_CLAIM = (("claimed_by", 1), *_ORDER)
BY_WORD = (("layer", 1), ("state", 1), ("words", 1), *_ORDER)
BY_NAME = ((("item", 1),), (("name", 1),), (("nna_address", 1),))
BY_LEASE = (("lease_until", 1),)
UNSHOWN = {"words": 0, "seen": 0, "identifier": 0}
"""What no page shows of a row."""
MOST_SORTED, MOST_COUNTED = 20_000, 1_000
"""As many rows are sorted, and counted, when somebody searches; of more, the order of the queue is followed."""
_DUPLICATE_KEY = 11000


@dataclass(frozen=True)
class Wanted:
    """Which rows: every condition that is not None. `words`: beginnings of words in lower case, all of which occur."""

    layer: str | None = None
    state: str = "open"
    ask: str | None = None
    words: tuple[str, ...] = ()
    claimed_by: str | None = None

    def index(self) -> tuple[tuple[str, int], ...]:
        """The index whose order is the queue's for these rows."""
        if self.claimed_by is not None:
            return BY_CLAIM
        if self.layer is not None:
            return BY_LAYER if self.ask is None else BY_LAYER_AND_ASK
        return BY_STATE if self.ask is None else BY_ASK

    def query(self) -> dict[str, Any]:
        """The conditions as the server takes them."""
        conditions: dict[str, Any] = {"layer": self.layer, "state": self.state, "asks": self.ask}
        conditions["claimed_by"] = self.claimed_by
        query = {name: value for name, value in conditions.items() if value is not None}
        if self.words:
            query["$and"] = [{"words": {"$regex": f"^{re.escape(word)}"}} for word in self.words]
        return query


class QueueStore:
    """Rows by the key of their decision."""

    def __init__(self, database: Database[Any]) -> None:
        self._rows = database.get_collection(QUEUE, codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the indexes that are missing."""
        with transient_errors("development"):
            self._rows.create_indexes(
                [
                    IndexModel(list(keys))
                    for keys in (BY_LAYER, BY_STATE, BY_LAYER_AND_ASK, BY_ASK, BY_WORD, *BY_NAME)
                ]
                + [
                    IndexModel(list(keys), partialFilterExpression={keys[0][0]: {"$exists": True}})
                    for keys in (BY_CLAIM, BY_LEASE)
                ]
            )

    def page(self, wanted: Wanted, *, after: tuple[int, str] | None, most: int) -> list[dict[str, Any]]:
        """Rows in the order of the queue: what blocks most first; those after a place, if one is given."""
        with transient_errors("development"):
            if (rarest := self._rarest(wanted)) is not None:
                return self._found(self._by_word(wanted, rarest), after, most)
            return list(self._in_order(wanted, after).limit(most))

    def _rarest(self, wanted: Wanted) -> str | None:
        """Of the words that are searched for the one that fewest rows have; None where all stand in very many."""
        if wanted.claimed_by is not None:
            return None  # one person's claims are few
        found: dict[str, int] = {}
        for word in wanted.words:
            query = self._by_word(replace(wanted, ask=None, words=()), word)
            number = self._rows.count_documents(query, limit=MOST_SORTED + 1, hint=list(BY_WORD))
            if number <= MOST_SORTED:
                found[word] = number
        return min(found, key=found.__getitem__, default=None)

    def _found(
        self, query: Mapping[str, Any], after: tuple[int, str] | None, most: int
    ) -> list[dict[str, Any]]:
        """Rows of a search in the order of the queue: sorted by what the index of words holds, then looked up."""
        if after is not None:
            blocks, key = after
            query = {**query, "$or": [{"blocks": {"$lt": blocks}}, {"blocks": blocks, "_id": {"$gt": key}}]}
        places = self._rows.find(query, {"blocks": 1}).hint(list(BY_WORD)).sort(list(_ORDER)).limit(most)
        keys = [row["_id"] for row in places]
        rows = {row["_id"]: row for row in self._rows.find({"_id": {"$in": keys}}, UNSHOWN)}
        return [rows[key] for key in keys if key in rows]

    @staticmethod
    def _by_word(wanted: Wanted, word: str) -> dict[str, Any]:
        """The question as the index of words answers it, beginning with one of them."""
        layer = wanted.layer if wanted.layer is not None else {"$in": list(MIGRATED_LAYERS)}
        others = tuple(one for one in wanted.words if one != word)
        rest = {**replace(wanted, words=others).query(), "layer": layer}
        return {**rest, "words": {"$regex": f"^{re.escape(word)}"}}

    def _in_order(self, wanted: Wanted, after: tuple[int, str] | None) -> Any:
        """A cursor that goes along the index, kept in bounds by index keys: conditions would be sorted in memory."""
        index = wanted.index()
        fixed = [(name, _value(wanted, name)) for name, _ in index[: -len(_ORDER)]]
        blocks, key = after if after is not None else (MaxKey(), MinKey())
        # The first text after a key is the same with a NUL behind it.
        lower = [*fixed, ("blocks", blocks), ("_id", key if after is None else f"{key}\0")]
        (name, last), earlier = fixed[-1], fixed[:-1]
        upper = [*earlier, (name, f"{last}\0"), ("blocks", MaxKey()), ("_id", MinKey())]
        return self._rows.find(wanted.query(), UNSHOWN).hint(list(index)).min(lower).max(upper)

    def count(self, wanted: Wanted, most: int) -> int:
        """How many rows match, counted up to `most`; of a search up to `MOST_COUNTED`."""
        with transient_errors("development"):
            if wanted.words and wanted.claimed_by is None:
                rarest = self._rarest(wanted)
                if rarest is None:
                    return MOST_COUNTED
                query = self._by_word(wanted, rarest)
                return self._rows.count_documents(query, limit=MOST_COUNTED, hint=list(BY_WORD))
            return self._rows.count_documents(wanted.query(), limit=most, hint=list(wanted.index()))

    def get(self, key: str, session: ClientSession | None = None) -> dict[str, Any] | None:
        """One row, whole."""
        with _outside(session):
            return self._rows.find_one({"_id": key}, session=session)

    def among(self, keys: Sequence[str], session: ClientSession | None = None) -> dict[str, dict[str, Any]]:
        """Rows by key, without what no page shows."""
        with _outside(session):
            found = self._rows.find({"_id": {"$in": [*keys]}}, UNSHOWN, session=session)
            return {row["_id"]: row for row in found}

    def among_whole(
        self, keys: Sequence[str], session: ClientSession | None = None
    ) -> dict[str, dict[str, Any]]:
        """The same with what a step needs to look at their sources."""
        with _outside(session):
            found = self._rows.find({"_id": {"$in": [*keys]}}, {"words": 0, "seen": 0}, session=session)
            return {row["_id"]: row for row in found}

    def among_full(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The same with all that a refresh compares."""
        with transient_errors("development"):
            return {row["_id"]: row for row in self._rows.find({"_id": {"$in": [*keys]}}, {"seen": 0})}

    def called(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Rows by what composites call them: an address, a name or a ledger key."""
        found: dict[str, dict[str, Any]] = {}
        if not names:
            return found
        with transient_errors("development"):
            for field in ("item", "name", "nna_address"):
                rows = self._rows.find({field: {"$in": [*names]}}, UNSHOWN).hint([(field, 1)])
                found.update({row[field]: row for row in rows})
        return found

    def counts(self) -> dict[tuple[str, str], int]:
        """How many rows each layer has in each state; answered from the index alone."""
        stages: list[Mapping[str, Any]] = [
            {"$sort": {"layer": 1, "state": 1}},
            {"$group": {"_id": {"layer": "$layer", "state": "$state"}, "n": {"$sum": 1}}},
        ]
        with transient_errors("development"):
            found = self._rows.aggregate(stages, hint=dict(BY_LAYER))
            return {(row["_id"]["layer"], row["_id"]["state"]): row["n"] for row in found}

    def keys_of_layer(self, layer: str, state: str) -> Iterator[str]:
        """The keys of a layer's rows in a state, in the order of the queue, streamed."""
        with transient_errors("development"):
            for row in self._in_order(Wanted(layer=layer, state=state), None):
                yield row["_id"]

    def write(self, new: Sequence[Mapping[str, Any]], changes: Sequence["Change"]) -> set[str]:
        """Insert rows and change others; the keys of those where somebody else was quicker."""
        writes: list[Any] = [InsertOne({**row, "version": 1}) for row in new]
        writes += [each.as_write() for each in changes]
        if not writes:
            return set()
        refused: set[str] = set()
        with transient_errors("development"):
            try:
                written = self._rows.bulk_write(writes, ordered=False).matched_count
            except BulkWriteError as clash:
                errors = clash.details["writeErrors"]
                if any(error["code"] != _DUPLICATE_KEY for error in errors):
                    raise
                refused = {new[error["index"]]["_id"] for error in errors}
                written = clash.details["nMatched"]
            if written < len(changes):
                stamps = {each.key: each.stamp for each in changes}
                now = self._rows.find({"_id": {"$in": [*stamps]}}, {"stamp": 1})
                refused |= {row["_id"] for row in now if row.get("stamp") != stamps[row["_id"]]}
        return refused

    def settle(
        self, key: str, values: Mapping[str, Any], unset: Sequence[str], session: ClientSession, **seen: Any
    ) -> bool:
        """Change a row within a transaction, if it still is as it was `seen`; whether it was."""
        change: dict[str, Any] = {"$set": {**values}, "$inc": {"version": 1}}
        if unset:
            change["$unset"] = dict.fromkeys(unset, "")
        return self._rows.update_one({"_id": key, **seen}, change, session=session).matched_count == 1

    def settle_many(
        self,
        changes: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
        unset: Sequence[str],
        session: ClientSession,
    ) -> None:
        """Change rows within a transaction, each where its conditions hold."""
        self._rows.bulk_write(
            [
                UpdateOne(
                    dict(where),
                    {"$set": {**values}, "$unset": dict.fromkeys(unset, ""), "$inc": {"version": 1}},
                )
                for where, values in changes
            ],
            session=session,
        )


@dataclass(frozen=True)
class Change:
    """What a refresh changes in a row, if it still has the `version` that was read; `stamp` is the writer's own."""

    key: str
    version: int
    stamp: Any
    values: Mapping[str, Any]
    unset: tuple[str, ...] = ()

    def as_write(self) -> UpdateOne:
        """The change as the server takes it."""
        change: dict[str, Any] = {"$set": {**self.values, "stamp": self.stamp}, "$inc": {"version": 1}}
        if self.unset:
            change["$unset"] = dict.fromkeys(self.unset, "")
        return UpdateOne({"_id": self.key, "version": self.version}, change)


def _outside(session: ClientSession | None) -> AbstractContextManager[None]:
    """Passing errors are told outside of a transaction; within one the driver has to see its own, to try again."""
    return nullcontext() if session is not None else transient_errors("development")


def _value(wanted: Wanted, name: str) -> Any:
    return wanted.ask if name == "asks" else getattr(wanted, name)
