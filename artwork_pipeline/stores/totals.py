"""What became of the rows, counted on both sides in one snapshot.

The counts of a single slice's comparison stand in `verification`.
"""

from typing import Any

import psycopg

from artwork_pipeline.stores import evidence
from artwork_pipeline.stores.sessions import scalar
from migration_kit.accounting import Accounting
from migration_kit.postgres import transient_errors

# What an earlier batch did counts as already present, so that the answer is what this batch did.
_COUNTS = """
    SELECT CASE WHEN state IN ('migrated', 'merged') AND batch_id <> %(batch)s
                THEN 'already_present' ELSE state END AS ended, reason, count(*)
    FROM artwork_migration.outcomes WHERE %(partition)s::text IS NULL OR partition = %(partition)s
    GROUP BY ended, reason
"""
_ROWS = "SELECT artwork_migration.source_rows(%(partition)s)"


def account(connection: psycopg.Connection[Any], batch: str, partition: str | None = None) -> Accounting:
    """The accounting of a slice or of everything, as this batch sees it; people may write meanwhile."""
    asked = {"batch": batch, "partition": partition}
    with transient_errors("the accounting"), evidence.snapshot(connection):
        rows = int(scalar(connection, _ROWS, asked))
        return Accounting.from_counts(rows, connection.execute(_COUNTS, asked).fetchall())
