"""Taking the expansion back: the clean side goes, merged users are themselves again, and the phase is planned.

Nothing that people wrote is lost: what is in the clean table is in the old one, and that is compared first. What hangs
on the clean table is `removal`'s knowledge, the archive `archive`'s, the users `former_users`'s.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import archive, drift, former_users, phase, published, refusals, removal
from artwork_pipeline.stores.census import ALIASES
from artwork_pipeline.stores.drift import Drift
from artwork_pipeline.stores.refusals import Refusal
from artwork_pipeline.stores.scripts import script
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import TransientError
from migration_kit.postgres import transient_errors

CONFIRMATION = "take back artworks"
BEFORE_IT = (Phase.EXPANDED, Phase.ROLLED_BACK)

_ROUTED = "SELECT count(*) FROM artwork_migration.routing WHERE version = 'v2'"


@dataclass(frozen=True)
class Order:
    """What a person asked for: who, in which run, how patient with locks (ms, count)."""

    by: str
    run_id: str
    lock_timeout_ms: int = 300
    attempts: int = 30


@dataclass(frozen=True)
class Preparation:
    """What was found: rows that would go, users to restore, users that were made (counts), the reasons against it."""

    clean: str
    rows: int
    merged_users: int
    made_users: int
    drift: Drift
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class Outcome:
    """What was done: rows that went with the clean table, users restored, users removed, pointers set back (counts)."""

    transition: int
    rows: int
    users_restored: int
    users_removed: int
    repointed: int
    archive: str
    blocking_ms: float
    seconds: float


def is_done(connection: psycopg.Connection[Any]) -> bool:
    """Whether there is nothing (any more) to take back."""
    return phase.current(connection) is Phase.PLANNED


def prepare(connection: psycopg.Connection[Any]) -> Preparation:
    """Look at everything, write nothing; every reason against it at once.

    Raises:
        PermanentError: it is switched over, or over.
        TransientError: the database could not be had.
    """
    phase.require(connection, *BEFORE_IT)
    clean = phase.tables(connection).clean_name
    difference = drift.compare(connection)
    with transient_errors("the look before taking back"):
        merged, made = former_users.counts(connection)
        found = [
            *refusals.drifted(difference),
            *refusals.guards(connection, clean),
            *_hanging(connection, clean),
            *former_users.taken(connection),
        ]
        return Preparation(clean, _rows(connection, clean), merged, made, difference, tuple(found))


def carry_out(
    connection: psycopg.Connection[Any], order: Order, *, log: Callable[[str], None]
) -> Outcome | None:
    """Archive everything, prove the archive, and take the expansion back; None where there is none.

    Killed anywhere before the commit, nothing but an archive is left of it; after it, everything is done.

    Raises:
        PermanentError: refused, with all reasons; nothing was changed.
        TransientError: the locks were not to be had, and who holds them.
    """
    if is_done(connection):
        return None
    began, granted = time.monotonic(), 0.0
    prepared = prepare(connection)
    refusals.require_none(prepared.refusals, f"{CONFIRMATION} is refused")
    kept = archive.back_up(connection, archive.what_to_keep(connection), by=order.by, run_id=order.run_id)
    log(
        f"everything is archived in {kept.folder}, restored and compared: {kept.rows} rows, {kept.size} bytes"
    )

    def do() -> Outcome | None:
        nonlocal granted
        granted = time.perf_counter()
        return None if is_done(connection) else _take_back(connection, prepared, kept, order)

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


def _take_back(
    connection: psycopg.Connection[Any], prepared: Preparation, kept: archive.Archive, order: Order
) -> Outcome:
    """Under the locks: look again at what may have changed, then take everything back."""
    phase.require(connection, *BEFORE_IT)
    archive.require_intact(kept)
    called = phase.tables(connection)
    found = [
        *refusals.guards(connection, called.clean_name),
        *_hanging(connection, called.clean_name),
        *former_users.taken(connection),
    ]
    refusals.require_none(found, f"{CONFIRMATION} is refused")
    touched = drift.touched_since(connection, prepared.drift.horizon)
    if differing := drift.differing(connection, touched, called.old_name):
        raise TransientError(
            f"{differing} things differ among {len(touched)} rows written since both tables were compared",
            item=called.clean_name,
            remedy="Nothing was changed; start again, and the comparison names them",
        )
    rows = _rows(connection, called.clean_name)
    removal.drop_triggers(connection)
    with removal.nothing_else("what was published in the schema public"):
        connection.execute(published.removal().encode())
    removal.drop_functions(connection)
    removal.drop_table(connection, ALIASES)
    removal.drop_table(connection, called.clean_name)
    restored, repointed, removed = former_users.as_they_were(connection)
    connection.execute(script("forget_expansion").encode())
    transition = phase.advance(
        connection,
        Phase.PLANNED,
        by=order.by,
        run_id=order.run_id,
        details={
            "archive": kept.id,
            "rows": rows,
            "users_restored": restored,
            "users_removed": removed,
            "repointed": repointed,
        },
    )
    connection.execute("NOTIFY pgrst, 'reload schema'")
    return Outcome(transition, rows, restored, removed, repointed, kept.id, 0.0, 0.0)


def _hanging(connection: psycopg.Connection[Any], clean: str) -> Iterator[Refusal]:
    """What hangs on the clean side, and customers who are served by it."""
    yield from removal.dependents(connection, clean, with_aliases=True)
    yield from removal.dependents(connection, ALIASES)
    yield from removal.dependents(connection, f"public.{published.VIEW}")
    customers = scalar(connection, _ROUTED)
    if customers:
        yield Refusal(
            "routed",
            f"{customers} customers",
            "they are served by the clean table",
            "Route them to v1 (artwork_route), or give them back to the table that everybody is served by",
        )


def _locked(connection: psycopg.Connection[Any]) -> list[str]:
    called = phase.tables(connection)
    both = [f"public.{name}" for name in (called.old, called.clean) if name]
    there = [
        name for name in (*both, ALIASES) if scalar(connection, "SELECT to_regclass(%s)", [name]) is not None
    ]
    return list(dict.fromkeys([*removal.tables_with_triggers(connection), *there, "public.users"]))


def _rows(connection: psycopg.Connection[Any], table: str) -> int:
    named = sql.Identifier(*table.split("."))
    return int(scalar(connection, sql.SQL("SELECT count(*) FROM {}").format(named)))
