"""Sessions on the artworks' database, set so that what they read is the same everywhere.

What is asked in a session belongs to the other stores.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from migration_kit.failures import PermanentError
from migration_kit.postgres import connect, transient_errors
from migration_kit.redaction import mask_email, redact

SCHEMA = "artwork_migration"
_SETTINGS = """
    SET timezone = 'UTC';
    SET client_min_messages = 'warning';
    -- Hashes of rows are made of texts as they are sent.
    SET client_encoding = 'UTF8';
    -- A row that a policy hides would read as a row that is not there: fail instead.
    SET row_security = off;
    -- A batch of ten thousand rows stays in memory.
    SET work_mem = '64MB';
    -- Slices and batches are small parts of their tables: look rows up rather than read every table for each of them.
    SET random_page_cost = 1.1;
    -- The bounds of a slice say how many rows it has, as long as they are known when the query is planned.
    SET plan_cache_mode = force_custom_plan;
"""


@contextmanager
def session(conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit; transactions are opened where they are meant.

    What the server says of an error is told without its details: they quote the row, with addresses and tokens.

    Raises:
        TransientError: the server does not answer, or an error that passes by itself.
        PermanentError: it refuses the user, the database or a statement.
    """
    connection = connect(conninfo, autocommit=True)
    try:
        with transient_errors("the artworks' database"):
            connection.execute(_SETTINGS)
            yield connection
    except psycopg.Error as refused:
        raise _told(refused) from None
    finally:
        connection.close()


def _told(refused: psycopg.Error) -> PermanentError:
    told = refused.diag
    where = ".".join(filter(None, (told.schema_name, told.table_name, told.constraint_name)))
    return PermanentError(
        mask_email(
            redact(f"PostgreSQL refused a statement: {told.message_primary or type(refused).__name__}")
        ),
        item=where or None,
        remedy=f"SQLSTATE {refused.sqlstate or 'unknown'}; the details are in the server's log",
    )


def scalar(connection: psycopg.Connection[Any], query: Any, parameters: Any = None) -> Any:
    """The first column of the only row."""
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
