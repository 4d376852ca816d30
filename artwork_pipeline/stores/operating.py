"""What is asked by night and after a failure: which slices are worth another run, and whether all are verified.

Looks at ledger, plan and phase; writes nothing. What Dagster knows of runs is handed in.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import installation, phase
from artwork_pipeline.stores.sessions import SCHEMA, scalar, session
from migration_kit.fingerprints import combine
from migration_kit.gates import Gate, judge
from migration_kit.ledger.postgres import PostgresLedger

VERIFY = "verify"
WHOLE = ""
"""Among what failed: assets without partitions."""
WHILE_BESIDE = (Phase.EXPANDED, Phase.ROLLED_BACK)
"""The phases in which slices are filled: afterwards the clean table is the application's own."""

_WITHOUT_OUTCOME = """
    SELECT p.partition, count(*) FROM artwork_migration.plan p
    WHERE EXISTS (SELECT FROM artwork_migration.cursors c WHERE c.partition = p.partition)
      AND NOT EXISTS (SELECT FROM artwork_migration.outcomes o WHERE o.item = p.artwork_id::text)
    GROUP BY p.partition
"""
_UNFINISHED = "SELECT partition FROM artwork_migration.cursors WHERE NOT finished"


@dataclass(frozen=True)
class Again:
    """What is to be run again, with reasons by slice; what is left alone now, and why; whether the report is due."""

    why: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    report: bool

    def slices(self, names: Sequence[str]) -> list[str]:
        """The slices to run again, in the order of their names given."""
        return [name for name in names if name in self.why]


@dataclass(frozen=True)
class Verified:
    """The gate before the report; where it is open, what it stands for and the run of the newest verdict."""

    gate: Gate
    fingerprint: str
    newest_run: str


def what_to_run_again(
    conninfo: str, names: Sequence[str], failed: Mapping[str, Sequence[str]], busy: Mapping[str, str]
) -> Again:
    """Judge every slice. ``failed``: assets whose newest run failed, by slice; ``busy``: slices in work, with what is.

    A slice that nobody has begun has not failed. After the switch-over nothing is filled any more.
    """
    with session(conninfo) as connection:
        standing = phase.current(connection)
        planned = _is_planned(connection)
        known = dict(_of_slices(connection)) if planned else {}
    closed = _closed(conninfo) if planned else {}
    why = {
        name: tuple(reasons)
        for name in names
        if (
            reasons := [
                *(f"the newest run failed at {asset}" for asset in failed.get(name, ())[:1]),
                *closed.get(name, ()),
                *known.get(name, ()),
            ]
        )
    }
    if standing not in WHILE_BESIDE:
        told = f"the phase is {standing}: slices are filled in {' and '.join(WHILE_BESIDE)} only"
        return Again({}, dict.fromkeys(why, told), report=False)
    left_out = {name: busy[name] for name in why if name in busy}
    again = {name: reasons for name, reasons in why.items() if name not in busy}
    would_be_whole = not left_out and _others_verified(
        conninfo, [name for name in names if name not in again]
    )
    if failed.get(WHOLE) and not again and WHOLE not in busy and would_be_whole:
        again[WHOLE] = ("the newest report failed",)
    return Again(again, left_out, report=bool(again) and would_be_whole)


def verified(conninfo: str, names: Sequence[str]) -> Verified | None:
    """Whether every slice's newest comparison passed; None before the first."""
    with session(conninfo) as connection:
        if not _is_planned(connection):
            return None
    with closing(PostgresLedger(conninfo, SCHEMA)) as ledger:
        gate, verdicts = ledger.gate(VERIFY, names), ledger.verdicts(VERIFY)
    if not verdicts:
        return None
    newest = max(verdicts.values(), key=lambda verdict: verdict.at)
    fingerprint = combine(gate.accepted[name] for name in names) if gate.open else ""
    return Verified(gate, fingerprint, newest.run_id)


def may_be_verified(conninfo: str) -> str:
    """Why slices cannot be verified now; empty where they can."""
    with session(conninfo) as connection:
        standing = phase.current(connection)
    if standing in {Phase.PLANNED, Phase.CLEANED}:
        return f"the phase is {standing}: there are no two tables to compare"
    return ""


def _is_planned(connection: psycopg.Connection[Any]) -> bool:
    return (
        installation.installed(connection, "base") is not None
        and scalar(connection, "SELECT to_regclass('artwork_migration.verdicts')") is not None
    )


def _of_slices(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, list[str]]]:
    """What the plan's cursors and outcomes say is not done, by slice."""
    unfinished = {row[0] for row in connection.execute(_UNFINISHED)}
    lost = dict(connection.execute(_WITHOUT_OUTCOME).fetchall())
    for name in sorted({*unfinished, *lost}):
        reasons = ["its backfill was begun and not finished"] if name in unfinished else []
        yield name, [*reasons, *([f"{lost[name]} rows have no outcome"] if name in lost else [])]


def _closed(conninfo: str) -> dict[str, list[str]]:
    """Why the gate is closed, of slices that were verified at all."""
    with closing(PostgresLedger(conninfo, SCHEMA)) as ledger:
        verdicts = ledger.verdicts(VERIFY)
        gate = judge(VERIFY, sorted(verdicts), verdicts, ledger.publications(VERIFY))
    return {closed.partition: [f"verification: {closed.why}"] for closed in gate.closed}


def _others_verified(conninfo: str, others: Sequence[str]) -> bool:
    """Whether all other slices are verified, so that the report can follow."""
    with session(conninfo) as connection:
        if not _is_planned(connection):
            return False
    with closing(PostgresLedger(conninfo, SCHEMA)) as ledger:
        return ledger.gate(VERIFY, others).open
