"""Locks that others feel: taken within a time, and who holds them or waits, for the person who must ask somebody."""

import time
from collections.abc import Iterable
from typing import Any

import psycopg

_HOLDERS = """
    SELECT DISTINCT a.pid, COALESCE(a.usename, 'the server itself, autovacuum say'),
           COALESCE(NULLIF(a.application_name, ''), 'no name'), COALESCE(a.state, 'unknown'), l.granted
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = ANY (%s::regclass[]) AND a.pid <> pg_backend_pid()
    ORDER BY l.granted DESC, a.pid LIMIT 8
"""


def holders(connection: psycopg.Connection[Any], tables: Iterable[str]) -> str:
    """Who holds or waits for any of the tables (qualified names), as of now."""
    rows = connection.execute(_HOLDERS, [[*tables]]).fetchall()
    told = (
        f"pid {pid} ({user}, {name}, {state}{'' if granted else ', waits'})"
        for pid, user, name, state, granted in rows
    )
    return "; ".join(told) or "nobody any more"


def take(connection: psycopg.Connection[Any], statements: Iterable[str], *, within_ms: int) -> float:
    """Take locks one after the other, all of them within this time (ms); when the first was granted (perf_counter, s).

    Whoever wants what is granted already waits until the last is, and no longer than that.

    Raises:
        psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled: not in time.
    """
    ends = time.perf_counter() + within_ms / 1000
    granted = 0.0
    for statement in statements:
        left = max(1, int(1000 * (ends - time.perf_counter())))
        connection.execute(f"SET LOCAL lock_timeout = {left}; SET LOCAL statement_timeout = {left}".encode())
        connection.execute(statement.encode())
        granted = granted or time.perf_counter()
    connection.execute(f"SET LOCAL lock_timeout = {int(within_ms)}; SET LOCAL statement_timeout = 0".encode())
    return granted
