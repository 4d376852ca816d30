"""The plan: what is to become of each row of the old table, kept in `artwork_migration.plan`.

How rows are judged stands in `sql/classification.sql`; here the plan is made, refreshed and summed up.
"""

from collections.abc import Iterator
from typing import Any

import psycopg

from artwork_pipeline.artworks.slices import Slicing
from artwork_pipeline.stores import installation, phase, rendering
from artwork_pipeline.stores.catalog import Source
from migration_kit.fingerprints import combine
from migration_kit.ledger import Ledger, Plan
from migration_kit.postgres import transient_errors

# The rows' hashes in the order of their ids; the plan's own fingerprint takes the decisions in as well.
_SUMMARY = """
    SELECT partition, count(*),
           encode(sha256(convert_to(string_agg(source_hash, '' ORDER BY artwork_id), 'UTF8')), 'hex'),
           encode(sha256(convert_to(string_agg(concat_ws(':', artwork_id, state, reason, merged_into), ' '
                                               ORDER BY artwork_id), 'UTF8')), 'hex')
    FROM artwork_migration.plan GROUP BY partition
"""
_OUTCOMES = """
    SELECT partition, COALESCE(state || ': ' || reason, state), count(*) FROM artwork_migration.plan
    GROUP BY 1, 2 ORDER BY 1, 2
"""


def make_plan(connection: psycopg.Connection[Any], ledger: Ledger, source: Source, run_id: str) -> list[Plan]:
    """Make or refresh the plan of every row and keep a summary of each slice, in the order of the slices.

    A plan that says the same already is not rewritten.
    """
    with transient_errors("the plan"), connection.transaction():
        installation.install_base(connection, source, run_id)
        refresh(connection)
        plans = list(_summed_up(connection, source.slicing, run_id))
    for plan in plans:
        kept = ledger.plan(plan.partition)
        if kept is None or kept.fingerprint != plan.fingerprint:
            ledger.save_plan(plan)
    return plans


def refresh(connection: psycopg.Connection[Any]) -> None:
    """Bring the plan up to date, inside the caller's transaction."""
    connection.execute(rendering.refresh_plan(phase.tables(connection)))


def _summed_up(connection: psycopg.Connection[Any], slicing: Slicing, run_id: str) -> Iterator[Plan]:
    outcomes: dict[str, dict[str, int]] = {}
    for partition, outcome, items in connection.execute(_OUTCOMES):
        outcomes.setdefault(partition, {})[outcome] = items
    found = {partition: rest for partition, *rest in connection.execute(_SUMMARY)}
    for partition in slicing.names:
        items, source_print, decisions = found.get(partition, (0, "empty", "empty"))
        yield Plan(
            partition=partition,
            fingerprint=combine([source_print, decisions]),
            source_fingerprint=source_print,
            items=items,
            summary=outcomes.get(partition, {}),
            run_id=run_id,
        )
