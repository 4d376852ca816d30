"""What a connection must keep between two statements: its temporary tables. A transaction pooler keeps nothing.

Which tables a store makes is its own matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import errors

from migration_kit.failures import PermanentError


@contextmanager
def session_kept(what: str) -> Iterator[None]:
    """Raises PermanentError where the server behind the connection was changed: temporary table or statement gone."""
    try:
        yield
    except (
        errors.UndefinedTable,
        errors.InvalidSqlStatementName,
        errors.DuplicatePreparedStatement,
    ) as error:
        told = error.diag.message_primary or str(error)
        if isinstance(error, errors.UndefinedTable) and "." in told:
            raise  # one of the installed tables
        raise PermanentError(
            f"the database connection lost what it had prepared: {told}",
            item=what,
            remedy="Give NABO_DATABASE_URL a direct connection or the session pooler (port 5432), not the transaction"
            " pooler (6543).",
        ) from error
