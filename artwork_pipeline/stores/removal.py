"""Taking one of the two tables away for good: what hangs on it, whose it is, and locks that wait for nobody for long.

Never CASCADE: what is not ours and hangs on the table refuses. When a table may go is `cleanup`'s and `taking_back`'s.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from artwork_pipeline.stores import locks, published
from artwork_pipeline.stores.refusals import Refusal
from artwork_pipeline.stores.scripts import script
from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.postgres import transient_errors

T = TypeVar("T")

_TRIGGERS = """
    SELECT t.tgname, n.nspname, c.relname
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE p.pronamespace = to_regnamespace('artwork_migration') AND NOT t.tgisinternal AND t.tgparentid = 0
    ORDER BY n.nspname, c.relname, t.tgname
"""
_FUNCTIONS = """
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = to_regnamespace('artwork_migration') AND p.prokind = 'f' ORDER BY 1
"""

_NOT_GRANTED = (
    psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected | psycopg.errors.QueryCanceled
)


def dependents(
    connection: psycopg.Connection[Any], table: str, *, with_aliases: bool = False
) -> Iterator[Refusal]:
    """What hangs on the table (its qualified name) and is not ours: views, keys, functions, also those by text alone.

    ``with_aliases``: the table of aliases goes, too.
    """
    asked = {
        "table": table,
        "name": rf"\m{table.rpartition('.')[2]}\M",
        "functions": [*published.FUNCTIONS],
        "view": f"public.{published.VIEW}",
        "with_aliases": with_aliases,
    }
    for (told,) in connection.execute(script("hanging").encode(), asked).fetchall():
        yield Refusal(
            "dependent",
            told,
            f"it needs {table}, which is to be dropped",
            "Let it read the other table, or drop it if nobody needs it; nothing is dropped with CASCADE",
        )


def tables_with_triggers(connection: psycopg.Connection[Any]) -> list[str]:
    """The tables that have triggers of the migration (qualified, quoted)."""
    found = connection.execute(_TRIGGERS).fetchall()
    return list(dict.fromkeys(sql.Identifier(schema, table).as_string() for _, schema, table in found))


def drop_triggers(connection: psycopg.Connection[Any]) -> list[str]:
    """Drop every trigger that calls a function of the migration's schema; which, by table and name."""
    dropped = []
    for name, schema, table in connection.execute(_TRIGGERS).fetchall():
        on = sql.Identifier(schema, table)
        connection.execute(sql.SQL("DROP TRIGGER {} ON {}").format(sql.Identifier(name), on))
        dropped.append(f"{schema}.{table}.{name}")
    return dropped


def drop_functions(connection: psycopg.Connection[Any]) -> list[str]:
    """Drop every function of the migration's schema; which.

    Raises:
        PermanentError: something that is not ours uses one.
    """
    names = [row[0] for row in connection.execute(_FUNCTIONS)]
    if names:
        with nothing_else("the functions of artwork_migration"):
            connection.execute(f"DROP FUNCTION {', '.join(names)} RESTRICT".encode())
    return names


def drop_table(connection: psycopg.Connection[Any], table: str) -> None:
    """Drop the table (its qualified name), and nothing else.

    Raises:
        PermanentError: something hangs on it.
    """
    with nothing_else(table):
        connection.execute(sql.SQL("DROP TABLE {} RESTRICT").format(sql.Identifier(*table.split("."))))


def patiently(
    connection: psycopg.Connection[Any],
    tables: Callable[[], Iterable[str]],
    do: Callable[[], T],
    *,
    what: str,
    lock_timeout_ms: int,
    attempts: int,
    log: Callable[[str], None],
) -> T:
    """Lock the tables all at once in a transaction and do it; what is not granted in time is asked for again, bounded.

    Raises:
        TransientError: the locks were not to be had; who holds them is named.
    """
    made = 0

    def attempt() -> T:
        nonlocal made
        made += 1
        wanted = [*tables()]
        try:
            with transient_errors(what), connection.transaction():
                _lock(connection, wanted, lock_timeout_ms)
                return do()
        except TransientError as passing:
            if not isinstance(passing.__cause__, _NOT_GRANTED):
                raise
            holders = locks.holders(connection, wanted)
            log(f"attempt {made}: a lock was not granted within {lock_timeout_ms} ms; held by {holders}")
            raise NotGrantedError(
                f"the tables are in use by {holders}",
                item=what,
                remedy="Nothing was changed; ask them to end what they do, then start again",
            ) from passing

    again = retrying(attempts=attempts, first_delay=0.1, max_delay=2.0, on=(NotGrantedError,))
    return again(attempt)


def _lock(connection: psycopg.Connection[Any], tables: list[str], lock_timeout_ms: int) -> None:
    patience = sql.Literal(f"{lock_timeout_ms}ms")
    # The one bounds each lock, the other all of them together: whoever reads the first waits for the last.
    for bound in ("lock_timeout", "statement_timeout"):
        connection.execute(sql.SQL("SET LOCAL {} = {}").format(sql.SQL(bound), patience))
    try:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('artwork_migration'))")
        connection.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE".encode())
    except psycopg.errors.QueryCanceled as waited:
        raise TransientError("the locks were not granted in time", item="artworks") from waited
    connection.execute("SET LOCAL statement_timeout = 0")


class NotGrantedError(TransientError):
    """Somebody holds a table; asking again on the same connection may help. A lost connection it cannot help."""


@contextmanager
def nothing_else(what: str) -> Iterator[None]:
    """What hangs on what is dropped, named by PostgreSQL itself, for the person on call."""
    try:
        yield
    except psycopg.errors.DependentObjectsStillExist as needed:
        raise PermanentError(
            f"something else needs it: {needed.diag.message_detail}",
            item=what,
            remedy="Nothing was dropped, and nothing is dropped with CASCADE; let what is named read the other table,"
            " or drop it, then start again",
        ) from needed
