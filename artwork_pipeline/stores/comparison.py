"""The parallel run: the application's reads on both sides, sampled and compared; and how often they have differed.

The reads stand in `sql/comparison.sql`. Every row compared with every column is `verification`'s business.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from artwork_pipeline.artworks.columns import SOURCE_COLUMNS
from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import evidence, installation, phase, rendering, scripts
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError
from migration_kit.postgres import transient_errors

READS: Mapping[str, str] = {
    "by_id": "one artwork by its id",
    "by_token": "the artwork that a token opens, a twin's token included",
    "by_email": "a customer's artworks, newest first",
    "by_status": "the newest artworks of each state",
    "by_order": "an order with its artwork",
}
"""The application's reads that are compared."""
MOST_EXAMPLES = 10

_NOTHING: Mapping[Phase, str] = {
    Phase.PLANNED: "there is no clean table yet: materialise artwork/expanded_schema and artwork/backfill first",
    Phase.CLEANED: "the old table is gone: there is nothing left to compare with",
}
_ROWS = "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass"
_KEEP = """
    INSERT INTO artwork_migration.comparisons (at, run_id, phase, read, compared, mismatched, examples)
    VALUES (now(), %s, %s, %s, %s, %s, %s)
"""
_HISTORY = """
    SELECT at, phase, run_id, sum(compared)::bigint, sum(mismatched)::bigint FROM artwork_migration.comparisons
    GROUP BY at, phase, run_id ORDER BY at DESC LIMIT %s
"""


@dataclass(frozen=True)
class Mismatch:
    """A read that gave something else on the clean side; people's data is told by length and hash."""

    read: str
    subject: str
    column: str | None
    expected: str
    found: str


@dataclass(frozen=True)
class ParallelRun:
    """What was read on both sides: reads by kind (count), everything that differed; ``seconds``: wall-clock time."""

    phase: Phase
    compared: Mapping[str, int]
    mismatches: tuple[Mismatch, ...]
    seconds: float

    def mismatched(self, read: str) -> int:
        """How many reads of a kind differed (count): a row that differs in two columns is one."""
        return len({one.subject for one in self.mismatches if one.read == read})

    @property
    def rate(self) -> float:
        """Which part of all reads differed, from 0 to 1; 0 where nothing was read."""
        total = sum(self.compared.values())
        return sum(map(self.mismatched, self.compared)) / total if total else 0.0


@dataclass(frozen=True)
class Rate:
    """One earlier comparison: when (database's clock), in which phase; reads, and those that differed (counts)."""

    at: datetime
    phase: str
    run_id: str
    compared: int
    mismatched: int

    @property
    def rate(self) -> float:
        """Which part of the reads differed, from 0 to 1."""
        return self.mismatched / self.compared if self.compared else 0.0


def nothing_to_compare(connection: psycopg.Connection[Any]) -> str:
    """Why there is nothing to compare, and what to do; empty where there is."""
    return _NOTHING.get(phase.current(connection), "")


def compare(connection: psycopg.Connection[Any], sample: int) -> ParallelRun:
    """Make the reads for about ``sample`` rows of each side, in one snapshot: people who write make no difference.

    Small tables are read whole.

    Raises:
        PermanentError: the sample is empty, or there is no other side.
    """
    if sample < 1:
        raise PermanentError(
            f"a sample of {sample} rows", item="sample", remedy="Set it to 1 or more, as 500"
        )
    if why := nothing_to_compare(connection):
        raise PermanentError("there is nothing to compare", item="public.artworks", remedy=why)
    installation.require_installed(connection, "base", "expansion")
    begun = time.monotonic()
    with transient_errors("the parallel run"), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        standing, tables = phase.current(connection), phase.tables(connection)
        asked = {
            "old_percent": _percent(connection, tables.old_name, sample),
            "clean_percent": _percent(connection, tables.clean_name, sample),
            "orders_percent": _percent(connection, "public.orders", sample),
            "newest": max(1, sample // 10),
        }
        text = scripts.script(
            "comparison",
            **scripts.table_tokens(tables),
            source_pairs=rendering.pairs(SOURCE_COLUMNS, "s", "said"),
        )
        with evidence.own_reads(connection):
            rows = connection.execute(text.encode(), asked).fetchall()
    return ParallelRun(
        standing,
        {read: compared for read, compared, subject, *_ in rows if subject is None},
        tuple(
            Mismatch(read, subject, column, expected, found)
            for read, _, subject, column, expected, found in rows
            if subject is not None
        ),
        time.monotonic() - begun,
    )


def keep(connection: psycopg.Connection[Any], run_id: str, result: ParallelRun) -> None:
    """Add the result to the history, all kinds of reads at one moment."""
    with transient_errors("the history of comparisons"), connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('artwork_migration.comparisons'))")
        connection.execute(scripts.script("comparisons").encode())
        for read, compared in result.compared.items():
            differing = result.mismatched(read)
            examples = [vars(one) for one in result.mismatches if one.read == read][:MOST_EXAMPLES]
            told = [run_id, str(result.phase), read, max(compared, differing), differing, Jsonb(examples)]
            connection.execute(_KEEP, told)


def history(connection: psycopg.Connection[Any], most: int) -> list[Rate]:
    """The newest comparisons, at most so many, the oldest of them first."""
    if scalar(connection, "SELECT to_regclass('artwork_migration.comparisons')") is None:
        return []
    return [Rate(*row) for row in reversed(connection.execute(_HISTORY, [most]).fetchall())]


def _percent(connection: psycopg.Connection[Any], table: str, sample: int) -> float:
    """Which part of the table's rows (percent) is about the sample; all of a table that is small or never counted."""
    rows = int(scalar(connection, _ROWS, [table]))
    return 100.0 if rows <= sample else max(100.0 * sample / rows, 0.0001)
