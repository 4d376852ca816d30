"""The backfill of a slice: batches in the order of ids, each with its cursor and its outcomes in one transaction.

A batch is one call of `artwork_migration.backfill_batch` (`sql/apply.sql`). Killed anywhere, the next run goes on
behind the last batch that was committed.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.stores import installation, phase
from artwork_pipeline.stores.sessions import scalar, session
from migration_kit.failures import PermanentError, retrying
from migration_kit.postgres import transient_errors

DEFAULT_BATCH = 10_000
# A worker's part of a slice has this many rows at least; below, one is done before another has a connection.
SMALLEST_PART = 1_000
# Well below the server's deadlock_timeout (one second): whoever waits longest is shot first, and that must not be a
# customer. The backfill lets go and comes again.
LOCK_TIMEOUT = "300ms"
ATTEMPTS = 20
# What a batch refuses, by its SQLSTATE.
_REMEDIES = {
    "AM001": "Find out what switched the triggers off, then materialise artwork/classification and "
    "artwork/expanded_schema again; they take the changed rows up",
    "AM002": "Materialise artwork/users first",
}

_UNPLANNED = "SELECT artwork_migration.unplanned_rows(%s)"
# A finished slice begins anew; one that another runner is in the middle of, or died in, is gone on with.
_BEGIN = "SELECT artwork_migration.begin_backfill(%s, %s, %s)"
_BATCH = (
    "SELECT read_rows, clean_rows, outcomes, finished FROM artwork_migration.backfill_batch(%s, %s, %s, %s)"
)


@dataclass(frozen=True)
class Batch:
    """What one batch did: rows read, rows of the clean table written, outcomes written (counts).

    ``finished``: the slice has no more rows to fill.
    """

    read_rows: int
    clean_rows: int
    outcomes: int
    finished: bool


def create_users(connection: psycopg.Connection[Any]) -> int:
    """Make the users of all customers with an artwork, in a transaction of its own; how many were made."""
    with transient_errors("the users"):
        return int(scalar(connection, "SELECT artwork_migration.create_users()"))


def planned_rows(connection: psycopg.Connection[Any], partition: str) -> int:
    """How many rows the plan has for the slice.

    Raises:
        PermanentError: there was never a plan.
    """
    installation.require_installed(connection, "base")
    return int(
        scalar(connection, "SELECT count(*) FROM artwork_migration.plan WHERE partition = %s", [partition])
    )


def require_ready(connection: psycopg.Connection[Any], partition: str) -> None:
    """Refuse to fill a slice whose plan, schema or users are not there.

    Raises:
        PermanentError: says what is missing and what to materialise.
    """
    installation.require_installed(connection, "base", "expansion")
    phase.require(connection, *installation.BESIDE)
    unplanned = scalar(connection, _UNPLANNED, [partition])
    if unplanned:
        raise PermanentError(
            f"{unplanned} rows came since the plan was made, and no trigger saw them",
            item=partition,
            remedy="Materialise artwork/classification and artwork/expanded_schema again",
        )


def backfill(
    conninfo: str, partition: str, *, batch_size: int, run_id: str, batch_id: str, workers: int = 1
) -> Iterator[Batch]:
    """Fill the slice, batch by batch; each batch that is handed out is committed.

    With several workers as many batches run at once, each on a connection of its own; what was begun when the caller
    stops is still committed. Locks and lost connections are tried again with back-off, bounded.

    Raises:
        PermanentError: the slice is not ready, customers have no user, or rows changed without a trigger seeing it.
        TransientError: the database could not be had.
    """
    if batch_size < 1 or workers < 1:
        raise PermanentError(
            f"{workers} workers with a batch of {batch_size} rows",
            item=partition,
            remedy="Set workers and batch_size to 1 or more; 2 and 10000 are good sizes",
        )
    with session(conninfo) as connection:
        require_ready(connection, partition)
        parts = max(1, min(workers, planned_rows(connection, partition) // min(batch_size, SMALLEST_PART)))
        connection.execute(_BEGIN, [partition, parts, run_id])

    def one() -> Batch:
        again = retrying(attempts=ATTEMPTS, max_delay=5.0)
        return again(_one_batch, conninfo, (partition, batch_size, run_id, batch_id))

    with ThreadPoolExecutor(parts) as pool:
        running = {pool.submit(one) for _ in range(parts)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                batch = future.result()
                yield batch
                if not batch.finished:
                    running.add(pool.submit(one))


def _one_batch(conninfo: str, arguments: tuple[str, int, str, str]) -> Batch:
    # A connection for each batch: one that broke is not tried again, and its cost is nothing beside the batch's.
    with session(conninfo) as connection:
        try:
            with transient_errors(f"backfill of {arguments[0]}"), connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                row = connection.execute(_BATCH, arguments).fetchone()
        except psycopg.Error as refused:
            remedy = _REMEDIES.get(refused.sqlstate or "")
            if remedy is None:
                raise
            raise PermanentError(
                str(refused.diag.message_primary), item=arguments[0], remedy=remedy
            ) from None
    if row is None:
        raise PermanentError("the database gave no answer to a batch", item=arguments[0])
    return Batch(*row)
