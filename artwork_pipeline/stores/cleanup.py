"""The cleanup: the old table goes for good, and the clean one stays alone. After this there is no way back.

Every reason against it is told at once. Whether somebody reads the old table is `evidence`'s knowledge, what hangs on
it `removal`'s, and that it can be had back from a disk `archive`'s.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.phases import Phase, Tables, tables_of
from artwork_pipeline.stores import archive, drift, evidence, phase, published, refusals, removal, switching
from artwork_pipeline.stores.drift import Drift
from artwork_pipeline.stores.evidence import Judgement
from artwork_pipeline.stores.refusals import Refusal
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError, TransientError

CONFIRMATION = "clean up artworks"
WAIT = timedelta(days=30)
"""By the database's clock, from the switch or from where counting of reads began anew. It may only be lengthened."""

_SWITCHED_AT = "SELECT max(at) FROM artwork_migration.transitions WHERE to_phase = 'switched'"
_NOW = "SELECT clock_timestamp()"
_ROUTED = "SELECT count(*) FROM artwork_migration.routing WHERE version = 'v1'"
_SIZE = "SELECT pg_total_relation_size(to_regclass(%s))"


@dataclass(frozen=True)
class Order:
    """What a person asked for: who, in which run, how long to wait (days), how patient with locks (ms, count)."""

    by: str
    run_id: str
    wait_days: int = WAIT.days
    lock_timeout_ms: int = 300
    attempts: int = 30


@dataclass(frozen=True)
class Preparation:
    """What was found: since when the switch is, when the time is up, the reads, the drift, all reasons against it."""

    old: str
    switched_at: datetime
    due: datetime
    reads: Judgement
    drift: Drift
    rows: int
    size: int
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class Outcome:
    """What was dropped: the table with its rows, triggers, functions; the archive; how long it blocked (ms)."""

    transition: int
    table: str
    rows: int
    triggers: tuple[str, ...]
    functions: tuple[str, ...]
    archive: str
    blocking_ms: float
    seconds: float


@dataclass(frozen=True)
class _Look:
    """What can be looked at under the locks, too: everything but the rows."""

    old: str
    switched_at: datetime
    due: datetime
    reads: Judgement
    refusals: tuple[Refusal, ...]


def is_done(connection: psycopg.Connection[Any]) -> bool:
    """Whether the old table is gone already: a run that died after its commit, or somebody else."""
    return phase.current(connection) is Phase.CLEANED


def prepare(connection: psycopg.Connection[Any], order: Order) -> Preparation:
    """Look at everything; nothing is written but a sample of the reads. Every reason against it at once.

    Raises:
        PermanentError: not switched over, or a waiting time shorter than 30 days.
        TransientError: the database could not be had.
    """
    if order.wait_days < WAIT.days:
        raise PermanentError(
            f"{order.wait_days} days to wait",
            item="wait_days",
            remedy=f"It may be lengthened, not shortened: set it to {WAIT.days} or more",
        )
    found = _look(connection, order)
    difference = drift.compare(connection)
    return Preparation(
        old=found.old,
        switched_at=found.switched_at,
        due=found.due,
        reads=found.reads,
        drift=difference,
        rows=_rows(connection, found.old),
        size=int(scalar(connection, _SIZE, [found.old])),
        refusals=(*found.refusals, *refusals.drifted(difference)),
    )


def carry_out(
    connection: psycopg.Connection[Any], order: Order, *, log: Callable[[str], None]
) -> Outcome | None:
    """Archive the old table, prove the archive, and drop the table; None where it is gone already.

    Killed anywhere before the commit, nothing but an archive is left of it; after it, everything is done.

    Raises:
        PermanentError: refused, with all reasons; nothing was dropped.
        TransientError: the locks were not to be had, and who holds them.
    """
    if is_done(connection):
        return None
    began = time.monotonic()
    prepared = prepare(connection, order)
    refusals.require_none(prepared.refusals, f"{CONFIRMATION} is refused")
    kept = archive.back_up(connection, [prepared.old], by=order.by, run_id=order.run_id)
    log(
        f"{prepared.old} is archived in {kept.folder}, restored and compared: {kept.rows} rows, {kept.size} bytes"
    )
    granted = 0.0

    def do() -> Outcome | None:
        nonlocal granted
        granted = time.perf_counter()
        if is_done(connection):
            return None
        return _drop(connection, prepared, kept, order)

    done = removal.patiently(
        connection,
        lambda: _locked(connection),
        do,
        what=CONFIRMATION,
        lock_timeout_ms=order.lock_timeout_ms,
        attempts=order.attempts,
        log=log,
    )
    if done is None:
        return None
    blocking_ms, seconds = (time.perf_counter() - granted) * 1000, time.monotonic() - began
    phase.measured(connection, done.transition, seconds=seconds, blocking_ms=blocking_ms)
    return Outcome(**{**vars(done), "blocking_ms": blocking_ms, "seconds": seconds})


def _drop(
    connection: psycopg.Connection[Any], prepared: Preparation, kept: archive.Archive, order: Order
) -> Outcome:
    """Under the locks: look again at what may have changed, then drop."""
    archive.require_intact(kept)
    found = _look(connection, order)
    refusals.require_none(found.refusals, f"{CONFIRMATION} is refused")
    touched = drift.touched_since(connection, prepared.drift.horizon)
    with evidence.own_reads(connection):
        differing = drift.differing(connection, touched, prepared.old)
    if differing:
        raise TransientError(
            f"{differing} things differ among {len(touched)} rows written since both tables were compared",
            item=prepared.old,
            remedy="Nothing was dropped; start again, and the comparison names them",
        )
    rows = _rows(connection, prepared.old)
    alone = Tables(None, tables_of(Phase.CLEANED).clean)
    triggers = removal.drop_triggers(connection)
    connection.execute(published.functions(alone).encode())
    functions = removal.drop_functions(connection)
    removal.drop_table(connection, prepared.old)
    transition = phase.advance(
        connection,
        Phase.CLEANED,
        by=order.by,
        run_id=order.run_id,
        details={
            "archive": kept.id,
            "dropped": [prepared.old, *triggers, *functions],
            "rows": rows,
            "reads_since": str(found.reads.since),
            "samples": found.reads.samples,
        },
    )
    connection.execute("NOTIFY pgrst, 'reload schema'")
    return Outcome(transition, prepared.old, rows, tuple(triggers), tuple(functions), kept.id, 0.0, 0.0)


def _look(connection: psycopg.Connection[Any], order: Order) -> _Look:
    """All but the rows: before the locks, and again under them."""
    phase.require(connection, Phase.SWITCHED)
    called = phase.tables(connection)
    evidence.sample(connection, run_id=order.run_id)
    reads = evidence.judged(connection)
    switched_at = scalar(connection, _SWITCHED_AT)
    begin = max(switched_at, reads.since) if reads.begun_anew and reads.since else switched_at
    due = begin + timedelta(days=order.wait_days)
    found = [
        *_too_early(scalar(connection, _NOW), due),
        *_read(reads, called.old_name),
        *_routed(connection),
        *refusals.guards(connection, called.clean_name),
        *_not_validated(connection),
        *removal.dependents(connection, called.old_name),
    ]
    return _Look(called.old_name, switched_at, due, reads, tuple(found))


def _locked(connection: psycopg.Connection[Any]) -> list[str]:
    """What is locked: both tables, the users that the old one points at, and whatever has a trigger of ours."""
    called = phase.tables(connection)
    both = [f"public.{name}" for name in (called.old, called.clean, "users") if name]
    return list(dict.fromkeys([*removal.tables_with_triggers(connection), *both]))


def _rows(connection: psycopg.Connection[Any], old: str) -> int:
    with connection.transaction(), evidence.own_reads(connection):
        table = sql.Identifier(*old.split("."))
        return int(scalar(connection, sql.SQL("SELECT count(*) FROM {}").format(table)))


def _too_early(now: datetime, due: datetime) -> Iterator[Refusal]:
    if now < due:
        yield Refusal(
            "too early",
            f"{due:%Y-%m-%d %H:%M %Z}",
            f"the time is up in {_days(due - now)}",
            "Start again then; until then artwork_roll_back leads back without losing a write",
        )


def _read(reads: Judgement, old: str) -> Iterator[Refusal]:
    again = (
        "Find out who (views, reports, dumps, an application that was not deployed), let them read the clean table,"
        " then count anew: artwork_watch with begin_anew; the waiting time begins anew with it"
    )
    if reads.lost:
        yield Refusal("no evidence", old, f"whether somebody reads it is not known: {reads.lost}", again)
    elif reads.reads:
        between = ""
        if reads.between:
            first, last = reads.between
            between = f", the first between {first:%Y-%m-%d %H:%M:%S} and {last:%Y-%m-%d %H:%M:%S %Z}"
        yield Refusal("read", old, f"it was scanned {reads.reads} times by others than us{between}", again)


def _routed(connection: psycopg.Connection[Any]) -> Iterator[Refusal]:
    if scalar(connection, "SELECT to_regclass('artwork_migration.routing')") is None:
        return
    customers = scalar(connection, _ROUTED)
    if customers:
        yield Refusal(
            "routed",
            f"{customers} customers",
            "they are served by the old table",
            "Route them to v2 (artwork_route), or give them back to the table that everybody is served by",
        )


def _not_validated(connection: psycopg.Connection[Any]) -> Iterator[Refusal]:
    for name in switching.unvalidated(connection):
        yield Refusal(
            "not validated",
            name,
            "not all rows of this foreign key were looked at",
            "Run the job artwork_validate",
        )


def _days(left: timedelta) -> str:
    return (
        f"{left.days} days and {left.seconds // 3600} hours"
        if left.days
        else f"{left.seconds // 60 + 1} minutes"
    )
