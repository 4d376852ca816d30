"""Who holds a table, and who waits for it: for the person who must decide whom to ask."""

from collections.abc import Iterable
from typing import Any

import psycopg

_HOLDERS = """
    SELECT DISTINCT a.pid, a.usename, COALESCE(NULLIF(a.application_name, ''), 'no name'), a.state, l.granted
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
