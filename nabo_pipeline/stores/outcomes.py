"""Writing outcomes to the ledger when another run may be at the same files: what it has verified stays.

The ledger itself is the kit's. Which outcome a file has is decided in the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration_kit.accounting import State
from migration_kit.postgres import transient_errors

if TYPE_CHECKING:
    import psycopg

    from migration_kit.ledger import Entry
    from migration_kit.ledger.postgres import PostgresLedger

_DONE = (State.MIGRATED, State.ALREADY_PRESENT)


def record_outcomes(
    ledger: PostgresLedger, connection: psycopg.Connection[Any], partition: str, entries: Sequence[Entry]
) -> int:
    """Records those outcomes that prevail over what the ledger says by now; returns how many were written.

    Two runs take turns: each sees what the other one has recorded before it writes.
    """
    if not entries:
        return 0
    with transient_errors("ledger"), connection.transaction():
        take_turn(connection, partition)
        verified = [entry.item for entry in entries if entry.state in _DONE]
        standing = {entry.item: entry for entry in ledger.entries(items=verified)}
        prevailing = [found for entry in entries if (found := prevails(entry, standing.get(entry.item)))]
        return ledger.record(prevailing, connection=connection)


def take_turn(connection: psycopg.Connection[Any], partition: str) -> None:
    """Waits until no other transaction writes outcomes of this partition; the turn ends with the transaction."""
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"nabo outcomes of {partition}"])


def prevails(new: Entry, standing: Entry | None) -> Entry | None:
    """The outcome to record, None if what stands is as good: the same bytes, verified, perhaps with their row.

    Who finds an equal object does not know whether another run has just put it there; who put it there does.
    """
    if standing is None or standing.state not in _DONE or new.state not in _DONE:
        return new
    if standing.target_hash != new.target_hash or standing.detail.get("path") != new.detail.get("path"):
        return new
    if standing.state is State.ALREADY_PRESENT and new.state is State.MIGRATED:
        row = standing.detail.get("row")
        return replace(new, detail={**new.detail, "row": row}) if row else new
    if standing.detail.get("version") != new.detail.get("version"):
        return replace(standing, detail={**standing.detail, "version": new.detail.get("version")})
    return None
