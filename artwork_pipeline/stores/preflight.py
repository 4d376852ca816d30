"""The look before anything is written: dialect, dependents, and the dry run of the classification.

The dry run's functions are installed in a transaction that is rolled back, so nothing of it remains.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.stores import catalog, installation
from artwork_pipeline.stores.catalog import Reference
from migration_kit.failures import PermanentError

# What a row costs in writing, for one second of dry run: measured on two cores with rows of dialect B.
APPLY_AND_VERIFY_PER_DRY_RUN = 12
_SAMPLES_OF_EACH = 3

_COUNTS = """
    CREATE TEMP TABLE dry_run ON COMMIT DROP AS SELECT * FROM artwork_migration.classify();
    SELECT state, reason, count(*) FROM dry_run GROUP BY state, reason ORDER BY state, reason
"""
_SLICES = "SELECT partition, count(*) FROM dry_run GROUP BY partition ORDER BY partition"
_SAMPLES = """
    SELECT COALESCE(reason, state), artwork_id,
           '***@' || CASE WHEN position('@' IN public.normalised_email(customer_email)) > 0
                          THEN split_part(public.normalised_email(customer_email), '@', -1) ELSE '***' END
    FROM (SELECT d.*, row_number() OVER (PARTITION BY d.reason, d.state ORDER BY d.artwork_id) AS position
          FROM dry_run d WHERE d.state <> 'migrated') AS ranked
    JOIN public.artworks a ON a.id = ranked.artwork_id
    WHERE position <= %s ORDER BY 1, 2
"""
_UNKNOWN_STATUSES = """
    SELECT 'generation_status', generation_status, count(*) FROM public.artworks
    WHERE generation_status NOT IN ('pending', 'processing', 'completed', 'failed')
    GROUP BY generation_status ORDER BY 2
"""


@dataclass(frozen=True)
class Sample:
    """A row that would not be migrated as it is; of its address only the domain is told."""

    outcome: str
    artwork_id: str
    customer_email: str


@dataclass(frozen=True)
class Preflight:
    """What a migration would meet. ``outcomes`` counts rows by (state, reason); seconds are wall-clock time."""

    dialect: str
    rows: int
    outcomes: Mapping[tuple[str, str | None], int]
    slices: Mapping[str, int]
    samples: tuple[Sample, ...]
    unknown_statuses: Mapping[str, int]
    references: tuple[Reference, ...]
    dependents: tuple[tuple[str, str], ...]
    dry_run_seconds: float
    estimated_seconds: float


def look(connection: psycopg.Connection[Any]) -> Preflight:
    """Look at the database and write nothing.

    Raises:
        PermanentError: not the artworks' database, an unknown dialect, or no rows at all.
    """
    source = installation.recognise_source(connection)
    hanging = tuple(catalog.dependents(connection))
    with connection.transaction(force_rollback=True):
        installation.install_base(connection, source, "dry run")
        begun = time.monotonic()
        create, count = _COUNTS.split(";")
        connection.execute(create)
        outcomes = {(state, reason): items for state, reason, items in connection.execute(count)}
        seconds = time.monotonic() - begun
        slices = dict(connection.execute(_SLICES).fetchall())
        samples = tuple(
            Sample(outcome, str(item), address or "none")
            for outcome, item, address in connection.execute(_SAMPLES, [_SAMPLES_OF_EACH])
        )
        unknown = {
            f"{column} {value}": items for column, value, items in connection.execute(_UNKNOWN_STATUSES)
        }
    rows = sum(outcomes.values())
    if rows == 0:
        raise PermanentError(
            "the table is empty",
            item="public.artworks",
            remedy="Check that ARTWORK_DATABASE_URL is right; an empty source is never taken for a finished one",
        )
    return Preflight(
        dialect=str(source.dialect),
        rows=rows,
        outcomes=outcomes,
        slices=slices,
        samples=samples,
        unknown_statuses=unknown,
        references=source.references,
        dependents=hanging,
        dry_run_seconds=seconds,
        estimated_seconds=seconds * APPLY_AND_VERIFY_PER_DRY_RUN,
    )
