"""Writing outcomes to the ledger when another run may be at the same files: what it has verified stays.

The ledger itself is the kit's. Which outcome a file has is decided in the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from migration_kit.accounting import State
from migration_kit.postgres import transient_errors

if TYPE_CHECKING:
    import psycopg

    from migration_kit.ledger import Entry
    from migration_kit.ledger.postgres import PostgresLedger

_DONE = (State.MIGRATED, State.ALREADY_PRESENT)


@dataclass(frozen=True)
class Outcome:
    """What a run made of a file, and what the ledger said of it when the file was taken up."""

    entry: Entry
    known: Entry | None


def record_outcomes(
    ledger: PostgresLedger, connection: psycopg.Connection[Any], partition: str, outcomes: Sequence[Outcome]
) -> int:
    """Records those outcomes that prevail over what the ledger says by now; returns how many were written.

    Two runs take turns: each sees what the other one has recorded before it writes.
    """
    if not outcomes:
        return 0
    with transient_errors("ledger"), connection.transaction():
        take_turn(connection, partition)
        standing = {entry.item: entry for entry in ledger.entries(items=[one.entry.item for one in outcomes])}
        prevailing = [found for one in outcomes if (found := prevails(one, standing.get(one.entry.item)))]
        return ledger.record(prevailing, connection=connection)


def take_turn(connection: psycopg.Connection[Any], partition: str) -> None:
    """Waits until no other transaction writes outcomes of this partition; the turn ends with the transaction."""
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"nabo outcomes of {partition}"])


def prevails(outcome: Outcome, standing: Entry | None) -> Entry | None:
    """The outcome to record, None if what stands is as good: the same bytes, verified, perhaps with their row.

    Who finds an equal object does not know whether another run has just put it there; who put it there does. And what
    another run has verified meanwhile is not undone by one that could not read the file, or found its place taken.
    """
    new = outcome.entry
    if standing is None or standing.state not in _DONE:
        return new
    if new.state not in _DONE:
        return new if outcome.known is not None and _same(outcome.known, standing) else None
    if not _same(new, standing):
        return new
    if standing.state is State.ALREADY_PRESENT and new.state is State.MIGRATED:
        row = standing.detail.get("row")
        return replace(new, detail={**new.detail, "row": row}) if row else new
    if standing.detail.get("version") != new.detail.get("version"):
        return replace(standing, detail={**standing.detail, "version": new.detail.get("version")})
    return None


def _same(one: Entry, other: Entry) -> bool:
    """Whether two entries stand for the same object: its bytes and its place."""
    return one.target_hash == other.target_hash and one.detail.get("path") == other.detail.get("path")
