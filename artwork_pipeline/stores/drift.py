"""Drift: whether both tables say the same, compared whole in one snapshot; then just the rows touched since.

How rows are compared stands in `sql/verification.sql` and `sql/apply.sql`.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.stores import evidence
from artwork_pipeline.stores.sessions import scalar
from artwork_pipeline.stores.verification import Difference
from migration_kit.failures import TransientError
from migration_kit.postgres import transient_errors

MOST_KEPT = 1_000
MOST_TOUCHED = 5_000
"""Rows that are compared again under the locks; more would take too long there."""

_DIFFERENCES = (
    "SELECT problem, artwork_id::text, column_name, expected, found FROM artwork_migration.differences(NULL) "
    "ORDER BY 1, 2, 3"
)
_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::xid::text"
# Whatever a transaction wrote that the snapshot did not see as ended: one that began before it counts, too.
_TOUCHED = """
    SELECT item::uuid FROM artwork_migration.outcomes
    WHERE run_id = 'live' AND age(xmin) <= age(%s::text::xid) LIMIT %s
"""
_CHANGED_UNSEEN = """
    SELECT count(*) FROM unnest(%s::uuid[]) AS touched (id)
    JOIN {old} a ON a.id = touched.id
    LEFT JOIN artwork_migration.plan p ON p.artwork_id = touched.id
    WHERE p.source_hash IS DISTINCT FROM artwork_migration.row_hash(artwork_migration.as_source(a))
"""
# What says the same already is not written: so nothing is, where both sides agree.
_WOULD_WRITE = "SELECT clean_rows + outcomes FROM artwork_migration.apply_rows(%s::uuid[], 'live', 'live')"


class StaleError(TransientError):
    """What was prepared is not what is there any more: look again, then ask for the locks again."""


@dataclass(frozen=True)
class Drift:
    """The differences (the first of them, and their count) as of a snapshot; ``horizon``: its oldest transaction."""

    count: int
    differences: tuple[Difference, ...]
    horizon: str


def compare(connection: psycopg.Connection[Any]) -> Drift:
    """Compare both tables whole in one snapshot; people may write meanwhile."""
    kept: list[Difference] = []
    count = 0
    with transient_errors("the comparison of both tables"), evidence.snapshot(connection):
        horizon = str(scalar(connection, _HORIZON))
        for row in connection.execute(_DIFFERENCES):
            count += 1
            if len(kept) < MOST_KEPT:
                kept.append(Difference(*row))
    return Drift(count, tuple(kept), horizon)


def touched_since(connection: psycopg.Connection[Any], horizon: str) -> list[Any]:
    """The ids of the rows that triggers touched since a snapshot.

    Raises:
        StaleError: too many to compare under locks; a newer snapshot has fewer.
    """
    ids = [row[0] for row in connection.execute(_TOUCHED, [horizon, MOST_TOUCHED + 1])]
    if len(ids) > MOST_TOUCHED:
        raise StaleError(f"more than {MOST_TOUCHED} rows were written since both tables were compared")
    return ids


def differing(connection: psycopg.Connection[Any], ids: list[Any], old: str) -> int:
    """How many things differ among these rows (count), as they are now; nothing is written."""
    if not ids:
        return 0
    unseen = int(scalar(connection, _CHANGED_UNSEEN.format(old=old).encode(), [ids]))
    with connection.transaction(force_rollback=True):
        return unseen + int(scalar(connection, _WOULD_WRITE, [ids]))
