"""The ledger in MongoDB: ``migration_*`` collections beside the data they account for.

A database needs a replica set for ``publish``, whose two writes go in one transaction.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from bson.codec_options import CodecOptions
from bson.timestamp import Timestamp
from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from migration_kit.accounting import State
from migration_kit.chunks import chunked
from migration_kit.fingerprints import SetDigest
from migration_kit.gates import Gate, Verdict, VerdictStatus, judge
from migration_kit.ledger import CHUNK, Entry, Plan
from migration_kit.mongo import raw_documents

_DUPLICATE_KEY = 11000
_SAYS = ("partition", "state", "reason", "source_hash", "target_hash", "detail")
_BY = ("run_id", "batch_id")
_HASHED = ("state", "reason", "source_hash", "target_hash")
_ENTRY_FIELDS = dict.fromkeys(_SAYS + _BY, 1)
# An empty timestamp becomes the server's own at insertion, and grows from one to the next. Ids and clocks are the
# clients': two machines do not agree on them, and the newest verdict decides.
_IN_ORDER = MappingProxyType({"order": Timestamp(0, 0)})


class MongoLedger:
    """A ``Ledger`` in the given database; the client belongs to the caller, who closes it."""

    def __init__(self, database: Database[Any]) -> None:
        own: Database[Any] = database.with_options(codec_options=CodecOptions(tz_aware=True, tzinfo=UTC))
        self._database = own
        self._outcomes = own["migration_ledger"]
        self._plans = own["migration_plans"]
        self._verdicts = own["migration_verdicts"]
        self._publications = own["migration_publications"]

    def install(self) -> None:
        """Make the collections' indexes where they are missing."""
        self._outcomes.create_index([("partition", ASCENDING), ("state", ASCENDING), ("reason", ASCENDING)])
        self._verdicts.create_index([("stage", ASCENDING), ("partition", ASCENDING), ("order", DESCENDING)])
        # Collections cannot be made inside a transaction of every server version: be sure they are there.
        self._publications.create_index([("stage", ASCENDING)])
        self._plans.create_index([("run_id", ASCENDING)])

    def record(self, entries: Iterable[Entry], *, session: ClientSession | None = None) -> int:
        """Insert or update the entries; with ``session`` inside its transaction, with what they tell of.

        Raises:
            BulkWriteError: inside a transaction another writer recorded one of the items first; it is lost then.
        """
        return sum(self._record_chunk(chunk, session) for chunk in chunked(entries, CHUNK))

    def add(self, entries: Sequence[Entry], *, session: ClientSession | None = None) -> None:
        """Insert entries of items that have none, without looking first: the cheapest way where that is known.

        Raises:
            BulkWriteError: an item has a record; outside a transaction those before it are written.
        """
        if entries:
            now = datetime.now(UTC)
            self._outcomes.insert_many([_as_new_row(entry, now) for entry in entries], session=session)

    def _record_chunk(self, chunk: Sequence[Entry], session: ClientSession | None) -> int:
        known = {
            row["_id"]: row
            for row in self._outcomes.find({"_id": {"$in": [entry.item for entry in chunk]}}, session=session)
        }
        now = datetime.now(UTC)
        rows, updates = {}, []
        for entry in chunk:
            before = known.get(entry.item)
            if before is None:
                # Of an item that comes twice the last word counts, as it does from one chunk to the next.
                rows[entry.item] = _as_new_row(entry, now)
                continue
            says = _as_row(entry)
            if any(before.get(name) != says[name] for name in _SAYS):
                # Compare-and-set: a writer that came between has the last word, and is met again as a duplicate.
                unchanged = {"_id": entry.item, "updated_at": before["updated_at"]}
                change = {"$set": says | {"updated_at": now}, "$setOnInsert": {"first_at": now}}
                updates.append(UpdateOne(unchanged, change, upsert=True))
        added, already = self._insert([*rows.values()], session)
        changed, overtaken = self._update(updates, session)
        lost = already | overtaken
        again = self._record_chunk([entry for entry in chunk if entry.item in lost], session) if lost else 0
        return added + changed + again

    def _insert(self, rows: Sequence[dict[str, Any]], session: ClientSession | None) -> tuple[int, set[str]]:
        """How many rows were inserted, and the items that another writer has recorded meanwhile."""
        if not rows:
            return 0, set()
        try:
            self._outcomes.insert_many(rows, ordered=False, session=session)
        except BulkWriteError as clash:
            lost = _duplicates(clash, session)
            return clash.details["nInserted"], {error["op"]["_id"] for error in lost}
        return len(rows), set()

    def _update(self, updates: Sequence[UpdateOne], session: ClientSession | None) -> tuple[int, set[str]]:
        """How many rows were changed, and the items that another writer has changed meanwhile."""
        if not updates:
            return 0, set()
        try:
            result = self._outcomes.bulk_write(list(updates), ordered=False, session=session)
        except BulkWriteError as clash:
            lost = _duplicates(clash, session)
            won = clash.details["nModified"] + clash.details["nUpserted"]
            return int(won), {error["op"]["q"]["_id"] for error in lost}
        return result.modified_count + result.upserted_count, set()

    def entry(self, item: str) -> Entry | None:
        """The item's record, if it has one."""
        row = self._outcomes.find_one({"_id": item}, _ENTRY_FIELDS)
        return _as_entry(row) if row else None

    def entries(
        self,
        *,
        partition: str | None = None,
        states: Sequence[State] | None = None,
        items: Sequence[str] | None = None,
        session: ClientSession | None = None,
    ) -> Iterator[Entry]:
        """Records in the order of their items, streamed."""
        wanted: dict[str, Any] = {} if partition is None else {"partition": partition}
        if states is not None:
            wanted["state"] = {"$in": [str(state) for state in states]}
        if items is not None:
            wanted["_id"] = {"$in": [*items]}
        found = self._outcomes.find(wanted, _ENTRY_FIELDS, session=session).sort("_id", ASCENDING)
        # Left to itself a server fills each batch with 16 MB, of which rows make many times as much here.
        return map(_as_entry, found.batch_size(CHUNK))

    def states(self, partition: str, items: Sequence[str]) -> Iterator[tuple[str, State, str | None, str]]:
        """Item, state, reason and batch of those of the items that have a record in the partition, in any order."""
        wanted = {"_id": {"$in": [*items]}, "partition": partition}
        for row in self._outcomes.find(wanted, {"state": 1, "reason": 1, "batch_id": 1}):
            yield row["_id"], State(row["state"]), row.get("reason"), row["batch_id"]

    def digest(self, partition: str) -> str:
        """Hash of all that is recorded of a partition, whatever order it is read in; not of runs, times and details."""
        digest = SetDigest()
        # A row is hashed as the bytes that the server sends: its fields keep their order as long as it lives.
        found = self._outcomes.find_raw_batches({"partition": partition}, dict.fromkeys(_HASHED, 1))
        for raw in raw_documents(found):
            digest.add_bytes(raw)
        return digest.hexdigest()

    def counts(
        self, *, partition: str | None = None, batch_id: str | None = None
    ) -> list[tuple[State, str | None, int]]:
        """Items by state and reason, of one batch's view if ``batch_id`` is given (see ``Ledger``)."""
        earlier = {
            "$and": [
                {"$in": ["$state", [str(State.MIGRATED), str(State.MERGED)]]},
                {"$ne": ["$batch_id", batch_id]},
            ]
        }
        ended: Any = (
            "$state" if batch_id is None else {"$cond": [earlier, str(State.ALREADY_PRESENT), "$state"]}
        )
        rows = self._outcomes.aggregate(
            [
                {"$match": {} if partition is None else {"partition": partition}},
                {"$group": {"_id": {"state": ended, "reason": "$reason"}, "items": {"$sum": 1}}},
                {"$sort": {"_id.state": 1, "_id.reason": 1}},
            ]
        )
        return [(State(row["_id"]["state"]), row["_id"].get("reason"), row["items"]) for row in rows]

    def save_plan(self, plan: Plan) -> None:
        """Keep the partition's newest plan."""
        made = asdict(plan) | {"summary": dict(plan.summary), "made_at": datetime.now(UTC)}
        self._plans.replace_one({"_id": plan.partition}, made, upsert=True)

    def plan(self, partition: str) -> Plan | None:
        """The partition's newest plan."""
        row = self._plans.find_one({"_id": partition}, {"_id": 0, "made_at": 0})
        return Plan(**row) if row else None

    def begin_verdict(self, stage: str, partition: str, candidate: str, run_id: str) -> None:
        """Say that a validation has begun."""
        self.record_verdict(Verdict.now(stage, partition, candidate, VerdictStatus.RUNNING, run_id))

    def record_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict as the newest of its stage and partition."""
        self._verdicts.insert_one(_verdict_row(verdict) | _IN_ORDER)

    def publish(self, verdict: Verdict) -> None:
        """Keep a passed verdict and its publication in one transaction."""

        def both(session: ClientSession) -> None:
            self._verdicts.insert_one(_verdict_row(verdict) | _IN_ORDER, session=session)
            self._publications.replace_one(
                {"_id": f"{verdict.stage}/{verdict.partition}"},
                _verdict_row(verdict),
                upsert=True,
                session=session,
            )

        with self._database.client.start_session() as session:
            session.with_transaction(both)

    def verdicts(self, stage: str) -> dict[str, Verdict]:
        """The newest verdict of each partition."""
        rows = self._verdicts.aggregate(
            [
                {"$match": {"stage": stage}},
                {"$sort": {"stage": 1, "partition": 1, "order": -1}},
                {"$group": {"_id": "$partition", "newest": {"$first": "$$ROOT"}}},
            ]
        )
        return {row["_id"]: _as_verdict(row["newest"]) for row in rows}

    def publications(self, stage: str) -> dict[str, str]:
        """The newest published candidate of each partition."""
        return {row["partition"]: row["candidate"] for row in self._publications.find({"stage": stage})}

    def gate(self, stage: str, needed: Sequence[str]) -> Gate:
        """Judge whether the needed partitions of the stage may be built upon."""
        # Publications first: one that arrives between the two reads then closes the gate, never opens it.
        publications = self.publications(stage)
        return judge(stage, needed, self.verdicts(stage), publications)

    def close(self) -> None:
        """Nothing to give back: the client is the caller's."""


def _duplicates(clash: BulkWriteError, session: ClientSession | None) -> list[dict[str, Any]]:
    """The errors of a bulk write if all of them are keys that another writer took; else it is raised again."""
    errors: list[dict[str, Any]] = clash.details["writeErrors"]
    # Inside a transaction an error has ended it: whoever began it has to begin it again.
    if session is not None or any(error["code"] != _DUPLICATE_KEY for error in errors):
        raise clash
    return errors


def _as_new_row(entry: Entry, now: datetime) -> dict[str, Any]:
    return {"_id": entry.item, **_as_row(entry), "updated_at": now, "first_at": now}


def _as_row(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _SAYS + _BY} | {
        "state": str(entry.state),
        "detail": dict(entry.detail),
    }


def _as_entry(row: Mapping[str, Any]) -> Entry:
    said: dict[str, Any] = {**row, "item": row["_id"], "state": State(row["state"])}
    del said["_id"]
    return Entry(**said)


def _verdict_row(verdict: Verdict) -> dict[str, Any]:
    return asdict(verdict) | {"status": str(verdict.status)}


def _as_verdict(row: Mapping[str, Any]) -> Verdict:
    told = {name: row[name] for name in ("stage", "partition", "candidate", "run_id", "at")}
    return Verdict(status=VerdictStatus(row["status"]), **told)
