"""Sessions on the artworks' database, set so that what they read is the same everywhere.

What is asked in a session belongs to the other stores.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from migration_kit.postgres import connect

SCHEMA = "artwork_migration"
_SETTINGS = """
    SET timezone = 'UTC';
    SET client_min_messages = 'warning';
    -- A row that a policy hides would read as a row that is not there: fail instead.
    SET row_security = off;
    -- A batch of ten thousand rows stays in memory.
    SET work_mem = '64MB';
"""


@contextmanager
def session(conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit; transactions are opened where they are meant.

    Raises:
        TransientError: the server does not answer.
        PermanentError: it refuses the user or the database.
    """
    connection = connect(conninfo, autocommit=True)
    try:
        connection.execute(_SETTINGS)
        yield connection
    finally:
        connection.close()


def scalar(connection: psycopg.Connection[Any], query: Any, parameters: Any = None) -> Any:
    """The first column of the only row."""
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
