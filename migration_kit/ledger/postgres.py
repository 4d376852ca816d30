"""The ledger in PostgreSQL: a schema of its own beside the data it accounts for.

Its tables stand in ``postgres.sql``. Pipelines that work set-wise may write ``outcomes`` by their own SQL,
under the same rule: what says the same already is not rewritten.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from migration_kit.accounting import State
from migration_kit.chunks import chunked
from migration_kit.gates import Gate, Verdict, VerdictStatus, judge
from migration_kit.ledger import CHUNK, Entry, Plan
from migration_kit.postgres import connect

_RECORD = """
    INSERT INTO {schema}.outcomes AS kept
        (item, partition, state, reason, source_hash, target_hash, detail, run_id, batch_id)
    VALUES (%(item)s, %(partition)s, %(state)s, %(reason)s, %(source_hash)s, %(target_hash)s, %(detail)s,
            %(run_id)s, %(batch_id)s)
    ON CONFLICT (item) DO UPDATE SET
        partition = excluded.partition, state = excluded.state, reason = excluded.reason,
        source_hash = excluded.source_hash, target_hash = excluded.target_hash, detail = excluded.detail,
        run_id = excluded.run_id, batch_id = excluded.batch_id, updated_at = now()
    WHERE (kept.partition, kept.state, kept.reason, kept.source_hash, kept.target_hash, kept.detail)
        IS DISTINCT FROM (excluded.partition, excluded.state, excluded.reason, excluded.source_hash,
                          excluded.target_hash, excluded.detail)
"""
_ENTRIES = """
    SELECT item, partition, state, reason, source_hash, target_hash, detail, run_id, batch_id
    FROM {schema}.outcomes
    WHERE (%(partition)s::text IS NULL OR partition = %(partition)s)
      AND (%(states)s::text[] IS NULL OR state = ANY(%(states)s))
    ORDER BY item
"""
# A statement of its own: where a list of items may be absent, the planner would read the whole table for it.
_ENTRIES_OF_ITEMS = _ENTRIES.replace("WHERE ", "WHERE item = ANY(%(items)s) AND ")
_COUNTS = """
    SELECT CASE WHEN state IN ('migrated', 'merged') AND batch_id IS DISTINCT FROM %(batch_id)s
                     AND %(batch_id)s::text IS NOT NULL
                THEN 'already_present' ELSE state END AS ended, reason, count(*)
    FROM {schema}.outcomes
    WHERE %(partition)s::text IS NULL OR partition = %(partition)s
    GROUP BY ended, reason ORDER BY ended, reason
"""
_SAVE_PLAN = """
    INSERT INTO {schema}.plans (partition, fingerprint, source_fingerprint, items, summary, run_id)
    VALUES (%(partition)s, %(fingerprint)s, %(source_fingerprint)s, %(items)s, %(summary)s, %(run_id)s)
    ON CONFLICT (partition) DO UPDATE SET
        fingerprint = excluded.fingerprint, source_fingerprint = excluded.source_fingerprint,
        items = excluded.items, summary = excluded.summary, run_id = excluded.run_id, made_at = now()
"""
_PLAN = """
    SELECT partition, fingerprint, source_fingerprint, items, summary, run_id
    FROM {schema}.plans WHERE partition = %s
"""
_VERDICT = """
    INSERT INTO {schema}.verdicts (stage, partition, candidate, status, run_id, at)
    VALUES (%(stage)s, %(partition)s, %(candidate)s, %(status)s, %(run_id)s, %(at)s)
"""
_PUBLICATION = """
    INSERT INTO {schema}.publications (stage, partition, candidate, run_id, at)
    VALUES (%(stage)s, %(partition)s, %(candidate)s, %(run_id)s, %(at)s)
    ON CONFLICT (stage, partition) DO UPDATE SET
        candidate = excluded.candidate, run_id = excluded.run_id, at = excluded.at
"""
_NEWEST_VERDICTS = """
    SELECT DISTINCT ON (partition) stage, partition, candidate, status, run_id, at
    FROM {schema}.verdicts WHERE stage = %s ORDER BY partition, id DESC
"""
_PUBLICATIONS = "SELECT partition, candidate FROM {schema}.publications WHERE stage = %s"


class PostgresLedger:
    """A ``Ledger`` in the named schema, over one connection that ``close`` closes: one for each thread."""

    def __init__(self, conninfo: str, schema: str) -> None:
        self._schema = schema
        self._connection = connect(conninfo, autocommit=True)

    def _sql(self, text: str) -> sql.Composed:
        return sql.SQL(text).format(schema=sql.Identifier(self._schema))

    def install(self) -> None:
        """Make schema and tables where they are missing; two runs may do so at once."""
        script = files(__package__).joinpath("postgres.sql").read_text(encoding="utf-8")
        with self._connection.transaction():
            # IF NOT EXISTS is not safe between two sessions: the first to come makes them, the second waits.
            self._connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [self._schema])
            self._connection.execute(self._sql(script))

    def record(self, entries: Iterable[Entry], *, connection: psycopg.Connection[Any] | None = None) -> int:
        """Insert or update the entries; with ``connection`` inside its transaction, with what they tell of."""
        written = 0
        target = connection or self._connection
        for chunk in chunked(entries, CHUNK):
            # Sorted, so that two writers of the same items take their row locks in the same order.
            rows = [_as_row(entry) for entry in sorted(chunk, key=lambda entry: entry.item)]
            with target.transaction(), target.cursor() as cursor:
                cursor.executemany(self._sql(_RECORD), rows)
                written += cursor.rowcount
        return written

    def entry(self, item: str) -> Entry | None:
        """The item's record, if it has one."""
        return next(self.entries(items=[item]), None)

    def entries(
        self,
        *,
        partition: str | None = None,
        states: Sequence[State] | None = None,
        items: Sequence[str] | None = None,
    ) -> Iterator[Entry]:
        """Records in the order of their items, streamed by a cursor on the server."""
        query = _ENTRIES if items is None else _ENTRIES_OF_ITEMS
        wanted = {
            "partition": partition,
            "states": [*states] if states is not None else None,
            "items": [*items] if items is not None else None,
        }
        with (
            self._connection.transaction(),
            self._connection.cursor("ledger_entries", row_factory=dict_row) as cursor,
        ):
            cursor.itersize = CHUNK
            cursor.execute(self._sql(query), wanted)
            for row in cursor:
                yield Entry(**(row | {"state": State(row["state"])}))

    def counts(
        self, *, partition: str | None = None, batch_id: str | None = None
    ) -> list[tuple[State, str | None, int]]:
        """Items by state and reason, of one batch's view if ``batch_id`` is given (see ``Ledger``)."""
        rows = self._connection.execute(self._sql(_COUNTS), {"partition": partition, "batch_id": batch_id})
        return [(State(state), reason, items) for state, reason, items in rows]

    def save_plan(self, plan: Plan) -> None:
        """Keep the partition's newest plan."""
        self._connection.execute(self._sql(_SAVE_PLAN), asdict(plan) | {"summary": Jsonb(dict(plan.summary))})

    def plan(self, partition: str) -> Plan | None:
        """The partition's newest plan."""
        with self._connection.cursor(row_factory=class_row(Plan)) as cursor:
            return cursor.execute(self._sql(_PLAN), [partition]).fetchone()

    def begin_verdict(self, stage: str, partition: str, candidate: str, run_id: str) -> None:
        """Say that a validation has begun."""
        self.record_verdict(Verdict.now(stage, partition, candidate, VerdictStatus.RUNNING, run_id))

    def record_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict as the newest of its stage and partition."""
        self._connection.execute(self._sql(_VERDICT), asdict(verdict))

    def publish(self, verdict: Verdict) -> None:
        """Keep a passed verdict and its publication in one transaction."""
        with self._connection.transaction():
            self._connection.execute(self._sql(_VERDICT), asdict(verdict))
            self._connection.execute(self._sql(_PUBLICATION), asdict(verdict))

    def verdicts(self, stage: str) -> dict[str, Verdict]:
        """The newest verdict of each partition."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(self._sql(_NEWEST_VERDICTS), [stage]).fetchall()
        return {row["partition"]: Verdict(**(row | {"status": VerdictStatus(row["status"])})) for row in rows}

    def publications(self, stage: str) -> dict[str, str]:
        """The newest published candidate of each partition."""
        return dict(self._connection.execute(self._sql(_PUBLICATIONS), [stage]).fetchall())

    def gate(self, stage: str, needed: Sequence[str]) -> Gate:
        """Judge whether the needed partitions of the stage may be built upon."""
        with self._connection.transaction():
            return judge(stage, needed, self.verdicts(stage), self.publications(stage))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _as_row(entry: Entry) -> dict[str, Any]:
    return asdict(entry) | {"state": str(entry.state), "detail": Jsonb(dict(entry.detail))}
