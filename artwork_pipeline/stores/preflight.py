"""The look before anything is written: the dialect, what hangs on the table, the dry run, how long it will take.

The functions that are needed for it are installed in transactions that are rolled back, so nothing of them remains.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.mapping import CLEAN_GENERATION, CLEAN_UPSCALE
from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.artworks.slices import Slicing
from artwork_pipeline.stores import catalog, census, evidence, installation, phase
from artwork_pipeline.stores.catalog import Reference, Source
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError
from migration_kit.postgres import transient_errors

WITH_AN_OLD_TABLE = (Phase.PLANNED, Phase.EXPANDED, Phase.SWITCHED, Phase.ROLLED_BACK)
KNOWN_WORDS: Mapping[str, frozenset[str]] = {
    "generation_status": frozenset(CLEAN_GENERATION),
    "upscale_status": frozenset({*CLEAN_UPSCALE, "not_required"}),
}
"""What the old table's columns of states may say without the mapping having to guess."""
_SAMPLES_OF_EACH = 3
_TIMED_ROWS = 5_000

# What a stage costs for each second that reading, putting into shape and hashing the same rows takes: measured with
# 20,000 rows of dialect B and one worker. The plan is made twice; starting runs and the suites' rules come on top.
COST_OF_STAGE: Mapping[str, float] = {"plan": 12.0, "backfill": 14.0, "verification": 10.0}

_STATES = "SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50"
_SIZE = "SELECT (SELECT count(*) FROM {table}), pg_total_relation_size({name}::regclass)"
_CLASSIFY = "CREATE TEMP TABLE dry_run ON COMMIT DROP AS SELECT * FROM artwork_migration.classify()"
_COUNTS = "SELECT state, reason, count(*) FROM dry_run GROUP BY state, reason ORDER BY state, reason"
_SLICES = "SELECT partition, count(*) FROM dry_run GROUP BY partition ORDER BY partition"
_SAMPLES = """
    SELECT COALESCE(reason, state), artwork_id,
           '***@' || CASE WHEN position('@' IN public.normalised_email(customer_email)) > 0
                          THEN split_part(public.normalised_email(customer_email), '@', -1) ELSE '***' END
    FROM (SELECT d.*, row_number() OVER (PARTITION BY d.reason, d.state ORDER BY d.artwork_id) AS position
          FROM dry_run d WHERE d.state <> 'migrated') AS ranked
    JOIN {table} a ON a.id = ranked.artwork_id
    WHERE position <= %s ORDER BY 1, 2
"""
_TIMED = """
    SELECT count(*), count(artwork_migration.row_hash(artwork_migration.as_source(a))),
           count(public.normalised_email(a.customer_email))
    FROM (SELECT * FROM {table} LIMIT %s) AS a
"""
_ROWS_OF_SLICES = """
    SELECT artwork_migration.slice_of(a.id, a.created_at), count(*) FROM {table} a GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Recognised:
    """The old table as it is: its dialect, size (rows; bytes with indexes), types by column, rows by (column, word)."""

    dialect: str
    cut_by: str
    phase: str
    table: str
    rows: int
    bytes: int
    columns: Mapping[str, str]
    states: Mapping[tuple[str, str | None], int]

    @property
    def unknown_words(self) -> Mapping[tuple[str, str | None], int]:
        """The words among the states that nobody planned for (rows by column and word)."""
        return {
            (column, word): rows
            for (column, word), rows in self.states.items()
            if word is not None and word not in KNOWN_WORDS[column]
        }


@dataclass(frozen=True)
class Hanging:
    """What hangs on the old table: the columns that point at it, and everything that a switch-over takes along."""

    table: str
    references: tuple[Reference, ...]
    census: census.Census


@dataclass(frozen=True)
class Sample:
    """A row that would not be migrated as it is; of its address only the domain is told."""

    outcome: str
    artwork_id: str
    customer_email: str


@dataclass(frozen=True)
class DryRun:
    """What would become of the rows: counts by (state, reason) and by slice, samples; ``seconds``: wall-clock time."""

    outcomes: Mapping[tuple[str, str | None], int]
    slices: Mapping[str, int]
    samples: tuple[Sample, ...]
    seconds: float

    @property
    def rows(self) -> int:
        """How many rows there are (count)."""
        return sum(self.outcomes.values())


@dataclass(frozen=True)
class Estimate:
    """How long it will take one worker (seconds), by stage and by slice; ``rows`` by slice are counts."""

    timed_rows: int
    stages: Mapping[str, float]
    rows: Mapping[str, int]

    @property
    def seconds(self) -> float:
        """All of it, in wall-clock seconds."""
        return sum(self.stages.values())

    def of_slice(self, name: str) -> float:
        """Backfill and verification of one slice, in wall-clock seconds."""
        total = sum(self.rows.values())
        return (self.seconds - self.stages["plan"]) * self.rows.get(name, 0) / total if total else 0.0


def recognise(connection: psycopg.Connection[Any], slicing: Slicing) -> Recognised:
    """Recognise the old table's dialect, or stop.

    Raises:
        PermanentError: not the artworks' database, an unknown dialect (names the difference), or no rows at all.
    """
    source, table = _source(connection, slicing)
    columns = catalog.columns(connection, table)
    with (
        transient_errors("the look at the dialect"),
        connection.transaction(),
        evidence.own_reads(connection),
    ):
        asked = _on(_SIZE, table, name=sql.Literal(table))
        rows, size = connection.execute(asked).fetchone() or (0, 0)
        if rows == 0:
            raise PermanentError(
                "the table is empty",
                item=table,
                remedy="Check that ARTWORK_DATABASE_URL is right; an empty source is never taken for a finished one",
            )
        states = {
            (column, word): items
            for column in KNOWN_WORDS
            if column in columns
            for word, items in connection.execute(_on(_STATES, table, column=sql.Identifier(column)))
        }
    standing = str(phase.current(connection))
    return Recognised(
        str(source.dialect),
        str(source.slicing),
        standing,
        table,
        rows,
        size,
        dict(sorted(columns.items())),
        states,
    )


def hanging(connection: psycopg.Connection[Any]) -> Hanging:
    """Everything that hangs on the old table, by the catalog."""
    source, table = _source(connection, None)
    found = census.census(connection, table, census.own_names(connection, source))
    return Hanging(table, source.references, found)


def dry_run(connection: psycopg.Connection[Any], slicing: Slicing) -> DryRun:
    """Classify every row and write nothing."""
    with _installed(connection, slicing) as table:
        begun = time.monotonic()
        connection.execute(_CLASSIFY)
        outcomes = {(state, reason): items for state, reason, items in connection.execute(_COUNTS)}
        seconds = time.monotonic() - begun
        slices = dict(connection.execute(_SLICES).fetchall())
        samples = tuple(
            Sample(outcome, str(item), address or "none")
            for outcome, item, address in connection.execute(_on(_SAMPLES, table), [_SAMPLES_OF_EACH])
        )
    return DryRun(outcomes, slices, samples, seconds)


def estimate(connection: psycopg.Connection[Any], slicing: Slicing) -> Estimate:
    """How long it will take, by a sample of the rows that is read, put into shape and hashed."""
    with _installed(connection, slicing) as table:
        rows = dict(connection.execute(_on(_ROWS_OF_SLICES, table)).fetchall())
        begun = time.monotonic()
        timed = int(scalar(connection, _on(_TIMED, table), [_TIMED_ROWS]))
        of_all = (time.monotonic() - begun) * sum(rows.values()) / max(timed, 1)
    return Estimate(timed, {stage: cost * of_all for stage, cost in COST_OF_STAGE.items()}, rows)


def _source(connection: psycopg.Connection[Any], slicing: Slicing | None) -> tuple[Source, str]:
    # First of all whether it is the right database: only then is its phase worth telling.
    catalog.require_artworks_database(connection)
    phase.require(connection, *WITH_AN_OLD_TABLE)
    return installation.recognise_source(connection, slicing), phase.tables(connection).old_name


@contextmanager
def _installed(connection: psycopg.Connection[Any], slicing: Slicing) -> Iterator[str]:
    """The old table's name, with the functions for planning there while the block runs, and gone after it."""
    source, table = _source(connection, slicing)
    with transient_errors("the dry run"), connection.transaction(force_rollback=True):
        installation.install_base(connection, source, "dry run")
        yield table


def _on(statement: str, table: str, **names: sql.Composable) -> sql.Composed:
    return sql.SQL(statement).format(table=sql.Identifier(*table.split(".")), **names)
