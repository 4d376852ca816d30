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
from migration_kit.gates import Gate
from migration_kit.ledger.postgres import PostgresLedger

VERIFY = "verify"
NEVER = "never checked"
"""What the gate says of a slice that nobody has verified."""
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
    """What is to be run again, with reasons by slice; what is left alone now, and why; whether the report is due.

    ``preparation``: the assets without partitions that come first, from the first that failed on.
    """

    why: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    report: bool
    preparation: tuple[str, ...] = ()

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
    conninfo: str,
    names: Sequence[str],
    failed: Mapping[str, Sequence[str]],
    busy: Mapping[str, str],
    preparation: Sequence[str] = (),
) -> Again:
    """Judge every slice, and the assets without partitions that come before them (``preparation``, in their order).

    ``failed``: assets whose newest run failed, by slice; ``busy``: slices in work, with what is. A slice that nobody
    has begun has not failed, unless it waits for a preparation that has. After the switch-over nothing is filled.
    """
    seen = _look(conninfo, names)
    why = seen.reasons(names, failed)
    broken = [asset for asset in preparation if asset in failed.get(WHOLE, ())]
    if broken:
        why |= {
            name: why.get(name, (f"it waits for {broken[0]}",)) for name in names if name in seen.unverified
        }
        why[WHOLE] = tuple(f"the newest run failed at {asset}" for asset in broken)
    if seen.standing not in WHILE_BESIDE and not (broken and seen.standing is Phase.PLANNED):
        told = f"the phase is {seen.standing}: slices are filled in {' and '.join(WHILE_BESIDE)} only"
        return Again({}, dict.fromkeys(why, told), report=False)
    left_out = {name: busy[name] for name in why if name in busy}
    again = {name: reasons for name, reasons in why.items() if name not in left_out}
    if broken and WHOLE in left_out:
        # What waits for it goes on when that is done.
        return Again({}, left_out | dict.fromkeys(again, f"it waits: {left_out[WHOLE]}"), report=False)
    would_be_whole = not left_out and seen.unverified <= again.keys()
    if failed.get(WHOLE) and not again and WHOLE not in busy and would_be_whole:
        again[WHOLE] = ("the newest report failed",)
    first = preparation.index(broken[0]) if broken else len(preparation)
    return Again(again, left_out, bool(again) and would_be_whole, tuple(preparation[first:]))


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


@dataclass(frozen=True)
class _Seen:
    """What the database says: the phase, why slices' gates are closed, and what their cursors and outcomes lack."""

    standing: Phase
    closed: Mapping[str, str]
    lacking: Mapping[str, Sequence[str]]

    @property
    def unverified(self) -> frozenset[str]:
        """The slices whose newest comparison did not pass, or that have none."""
        return frozenset(self.closed)

    def reasons(
        self, names: Sequence[str], failed: Mapping[str, Sequence[str]]
    ) -> dict[str, tuple[str, ...]]:
        """Why each slice is worth another run, of those that are."""
        found = {
            name: (
                *(f"the newest run failed at {asset}" for asset in failed.get(name, ())[:1]),
                *(f"verification: {why}" for why in [self.closed.get(name, NEVER)] if why != NEVER),
                *self.lacking.get(name, ()),
            )
            for name in names
        }
        return {name: reasons for name, reasons in found.items() if reasons}


def _look(conninfo: str, names: Sequence[str]) -> _Seen:
    with session(conninfo) as connection:
        standing = phase.current(connection)
        if not _is_planned(connection):
            return _Seen(standing, dict.fromkeys(names, NEVER), {})
        lacking = dict(_of_slices(connection))
    with closing(PostgresLedger(conninfo, SCHEMA)) as ledger:
        gate = ledger.gate(VERIFY, names)
    return _Seen(standing, {one.partition: one.why for one in gate.closed}, lacking)


def _of_slices(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, list[str]]]:
    """What the plan's cursors and outcomes say is not done, by slice."""
    unfinished = {row[0] for row in connection.execute(_UNFINISHED)}
    lost = dict(connection.execute(_WITHOUT_OUTCOME).fetchall())
    for name in sorted({*unfinished, *lost}):
        reasons = ["its backfill was begun and not finished"] if name in unfinished else []
        yield name, [*reasons, *([f"{lost[name]} rows have no outcome"] if name in lost else [])]
