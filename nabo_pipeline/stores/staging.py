"""Rows of a category that are staged and then published at once: what differs is written, what is gone is deleted.

What the rows are is the business of who stages them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from migration_kit.chunks import chunked
from migration_kit.postgres import transient_errors
from nabo_pipeline.stores.state import SCHEMA

if TYPE_CHECKING:
    import psycopg

ROWS_A_COPY = 5_000


def copy_rows(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Appends rows to a table by COPY, as they come."""
    statement = f"copy {table} ({', '.join(columns)}) from stdin".encode()
    with transient_errors(table), connection.cursor() as cursor:
        # In one COPY, rows that the server has not taken yet would heap up in the client, all of them if it is slower.
        for chunk in chunked(rows, ROWS_A_COPY):
            with cursor.copy(statement) as copy:
                for row in chunk:
                    copy.write_row(row)


@contextmanager
def publishing(connection: psycopg.Connection[Any], what: str) -> Iterator[None]:
    """A transaction in which `what` (a kind and a category) is published: two publishers take turns."""
    with transient_errors(what), connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"{SCHEMA} {what}"])
        yield


def replace_category(
    connection: psycopg.Connection[Any], staged: str, table: str, columns: Sequence[str], category: str
) -> int:
    """A category's rows of `table` become those of `staged`; returns the rows written or deleted.

    The first of the columns is the table's key. In the caller's transaction. Rows that say the same already are not
    touched, nor locked: an `on conflict` alone would lock every one of them.
    """
    key, target = columns[0], f"{SCHEMA}.{table}"
    named = ", ".join(columns)
    others = columns[1:]
    update = ", ".join(f"{column} = excluded.{column}" for column in others)
    kept, wanted = (", ".join(f"{side}.{column}" for column in others) for side in ("kept", "staged"))
    connection.execute(f"analyze {staged}".encode())
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {target} ({named})"  # noqa: S608 - constants
            f" select {', '.join(f'staged.{column}' for column in columns)}"
            f" from {staged} as staged left join {target} as kept using ({key})"
            f" where kept.{key} is null or ({kept}) is distinct from ({wanted})"
            f" order by {key} on conflict ({key}) do update set {update}".encode()
        )
        changed = cursor.rowcount
        cursor.execute(
            f"delete from {target} as kept where category = %s"  # noqa: S608 - constants
            f" and not exists (select 1 from {staged} as staged where staged.{key} = kept.{key})".encode(),
            [category],
        )
        return changed + cursor.rowcount
