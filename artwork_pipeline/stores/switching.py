"""The switch-over, the rollback, and the validation of foreign keys: when to try, how often, how long it took.

Why it would be refused is found by `preparation`, what happens under the locks stands in `exchange`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.stores import evidence, indexes, locks, phase, refusals
from artwork_pipeline.stores.drift import StaleError
from artwork_pipeline.stores.exchange import Exchanged, exchange, left_behind, locked_tables
from artwork_pipeline.stores.preparation import Direction, Order, Preparation, prepare
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.ledger import Ledger
from migration_kit.postgres import transient_errors

TURN_ATTEMPTS = 120
# Beside the locks: a catalog row that somebody else changed in the same moment.
_CONCURRENT = "concurrently"
_TURN = "SELECT pg_try_advisory_lock(hashtext('artwork_switch'))"
_TURN_OVER = "SELECT pg_advisory_unlock(hashtext('artwork_switch'))"
_UNVALIDATED = """
    SELECT format('%s.%I', conrelid::regclass, conname),
           format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname)
    FROM pg_constraint
    WHERE contype = 'f' AND NOT convalidated AND conparentid = 0 AND confrelid = 'public.artworks'::regclass
    ORDER BY 1
"""


class LocksNotGrantedError(TransientError):
    """Somebody holds what is needed; asking again may help."""


@dataclass(frozen=True)
class Outcome:
    """What was done: blocking window (ms), all of it (s), attempts (count), what is otherwise now, what was told."""

    transition: int
    blocking_ms: float
    seconds: float
    attempts: int
    touched_rows: int
    changed: Mapping[str, str]
    told: tuple[str, ...]
    indexes_made: tuple[str, ...]


def is_done(connection: psycopg.Connection[Any], direction: Direction) -> bool:
    """Whether the database is where it leads already: somebody was faster, or a run died after its commit."""
    return phase.current(connection) is direction.to


def carry_out(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    direction: Direction,
    order: Order,
    *,
    log: Callable[[str], None],
) -> Outcome | None:
    """Do it; None where it is done already. Locks that are not granted in time are let go and asked for again.

    Killed anywhere before the commit, nothing but an index or two is left of it; after it, everything is done.

    Raises:
        PermanentError: refused, with all reasons; or something did not fit under the locks, and nothing was changed.
        TransientError: the locks were not to be had; who holds them is told.
    """
    with _alone(connection):
        if is_done(connection, direction):
            return None
        return _carry_out(connection, ledger, direction, order, log)


def _carry_out(
    connection: psycopg.Connection[Any],
    ledger: Ledger,
    direction: Direction,
    order: Order,
    log: Callable[[str], None],
) -> Outcome | None:
    began, attempts = time.monotonic(), 0
    prepared: Preparation | None = None
    made = indexes.Made()

    def attempt() -> tuple[Exchanged, float, Preparation] | None:
        nonlocal attempts, prepared
        attempts += 1
        if prepared is None:
            if is_done(connection, direction):
                return None
            prepared = _accepted(connection, ledger, direction, order)
            indexes.make(connection, prepared.missing_indexes, prepared.other.partition(".")[2], made)
        try:
            return _attempt(connection, prepared, order)
        except StaleError as stale:
            log(f"attempt {attempts}: {stale}")
            prepared = None
            raise
        except LocksNotGrantedError as passing:
            log(f"attempt {attempts}: {passing}")
            raise

    again = retrying(
        attempts=order.attempts, first_delay=0.1, max_delay=2.0, on=(LocksNotGrantedError, StaleError)
    )
    result = again(attempt)
    if result is None:
        return None
    done, blocking_ms, carried = result
    seconds = time.monotonic() - began
    phase.measured(connection, done.transition, seconds=seconds, blocking_ms=blocking_ms)
    # From here on it counts who reads the old table.
    evidence.sample(connection, run_id=order.run_id)
    told = (*done.told, *left_behind(connection, carried))
    return Outcome(
        done.transition, blocking_ms, seconds, attempts, done.touched, {**done.changed, **made.unfit},
        told, tuple(made.made),
    )  # fmt: skip


@contextmanager
def _alone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """One at a time: whoever comes second waits, and finds it done. A dead run's turn ends with its connection.

    Asked for again and again rather than waited for: who waits in the database holds up an index that is being made.
    """

    def take() -> None:
        if not scalar(connection, _TURN):
            raise TransientError(
                "another run does this at the moment",
                item="artworks",
                remedy="Wait for it, then look at the phase",
            )

    retrying(attempts=TURN_ATTEMPTS, max_delay=1.0)(take)
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute(_TURN_OVER)


def _accepted(
    connection: psycopg.Connection[Any], ledger: Ledger, direction: Direction, order: Order
) -> Preparation:
    prepared = prepare(connection, ledger, direction, order)
    refusals.require_none(prepared.refusals, direction.confirmation)
    return prepared


def _attempt(
    connection: psycopg.Connection[Any], prepared: Preparation, order: Order
) -> tuple[Exchanged, float, Preparation] | None:
    tables = locked_tables(prepared)
    try:
        with transient_errors("the exchange of tables"), connection.transaction():
            done = exchange(connection, prepared, order)
    except (TransientError, psycopg.errors.QueryCanceled, psycopg.errors.InternalError_) as passing:
        cause = passing.__cause__ if isinstance(passing, TransientError) else passing
        waited = isinstance(
            cause,
            psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected | psycopg.errors.QueryCanceled,
        )
        if not waited and _CONCURRENT not in str(passing):
            raise
        raise LocksNotGrantedError(
            f"the tables are in use by {locks.holders(connection, tables)}",
            item=prepared.direction.confirmation,
            remedy="Nothing was changed; ask them to end what they do, then start again",
        ) from passing
    blocked = time.perf_counter()
    return None if done is None else (done, (blocked - done.granted) * 1000, prepared)


def unvalidated(connection: psycopg.Connection[Any]) -> list[str]:
    """The foreign keys to artworks whose rows were not all looked at yet, by table and name."""
    return [name for name, _ in connection.execute(_UNVALIDATED)]


def validate(
    connection: psycopg.Connection[Any],
    *,
    lock_timeout_ms: int = 300,
    attempts: int = 30,
    log: Callable[[str], None],
) -> list[str]:
    """Look at every row of the foreign keys that are not validated, while people read and write; which those were.

    Killed anywhere, the next call goes on with those that are left.

    Raises:
        PermanentError: rows point at nothing; which table, and nothing was changed.
        TransientError: a table was not to be had.
    """
    again = retrying(attempts=attempts, first_delay=0.1, max_delay=2.0)
    done = []
    for name, statement in connection.execute(_UNVALIDATED).fetchall():
        again(_validate, connection, name, statement, lock_timeout_ms)
        log(f"{name} is validated")
        done.append(name)
    return done


def _validate(connection: psycopg.Connection[Any], name: str, statement: str, lock_timeout_ms: int) -> None:
    try:
        with transient_errors(name), connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = {int(lock_timeout_ms)}".encode())
            connection.execute(statement.encode())
    except psycopg.errors.ForeignKeyViolation:
        raise PermanentError(
            "rows of it point at artworks that are not there",
            item=name,
            remedy="Find them (a left join on artworks), correct or delete them, then run artwork_validate again",
        ) from None
    except psycopg.errors.UndefinedObject:
        return  # somebody took the key away; there is nothing to validate
