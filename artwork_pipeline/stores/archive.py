"""Archives of tables: copied in one snapshot, restored from the disk and compared row by row, then recorded as proved.

Tables are known by their oids: an archive is that of its tables whatever they are called later. How the files are
written and read is `archive_files`'s business.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from artwork_pipeline.stores import catalog, evidence, phase
from artwork_pipeline.stores.archive_files import (
    Stored,
    archives_path,
    remove,
    require_whole,
    store,
    stored_blocks,
)
from artwork_pipeline.stores.scripts import script
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError
from migration_kit.postgres import transient_errors
from migration_kit.reports import write_json

LOCK_TIMEOUT = "10s"
"""For the lock of readers alone; it waits for whoever changes the tables' definitions, not for who writes rows."""
_TURN = "SELECT pg_try_advisory_lock(hashtext('artwork_migration archives'))"
_TURN_OVER = "SELECT pg_advisory_unlock(hashtext('artwork_migration archives'))"
_BEGIN = "INSERT INTO artwork_migration.archives (id, by_person, run_id) VALUES (%s, %s, %s)"
_LEFTOVERS = "DELETE FROM artwork_migration.archives WHERE proved_at IS NULL RETURNING id"
_PROVED = """
    UPDATE artwork_migration.archives SET proved_at = clock_timestamp(), taken_at = %s, tables = %s WHERE id = %s
    RETURNING id, taken_at, proved_at, clock_timestamp() - taken_at, by_person, tables
"""
_NEWEST = """
    SELECT id, taken_at, proved_at, clock_timestamp() - taken_at, by_person, tables FROM artwork_migration.archives
    WHERE proved_at IS NOT NULL
      AND %s::bigint[] <@ ARRAY(SELECT (one ->> 'oid')::bigint FROM jsonb_array_elements(tables) AS one)
    ORDER BY taken_at DESC, id DESC LIMIT 1
"""
_NAME = """SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"')"""
_NAMED = """
    SELECT c.oid::bigint, format('%%I.%%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'p')
"""
_COLUMNS = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = %s::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
# Every value in its binary form: 1.0 and 1.00 in a document, NULL and '' are not the same.
_ROWS = "SELECT sha256(record_send(r)) FROM (SELECT {columns} FROM {table}) AS r"
_COPY_OUT = "COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT binary)"
_SCRATCH = "CREATE TEMP TABLE restored_archive ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"
_COPY_IN = "COPY {table} ({columns}) FROM STDIN (FORMAT binary)"
_DIFFERING = """
    SELECT (SELECT count(*) FROM ({kept} EXCEPT ALL {restored}) AS lost),
           (SELECT count(*) FROM ({restored} EXCEPT ALL {kept}) AS foreign_rows)
"""


@dataclass(frozen=True)
class ArchivedTable:
    """A table in an archive: what it was called, its oid, its columns in their order (name, SQL type), rows, file."""

    name: str
    oid: int
    columns: tuple[tuple[str, str], ...]
    rows: int
    file: str
    stored: Stored


@dataclass(frozen=True)
class Archive:
    """An archive that was restored and compared; times and age by the database's clock."""

    id: str
    taken_at: datetime
    proved_at: datetime
    age: timedelta
    by: str
    tables: tuple[ArchivedTable, ...]

    @property
    def folder(self) -> Path:
        """Where its files lie, below REPORTS_PATH."""
        return archives_path() / self.id

    @property
    def rows(self) -> int:
        """The rows of all its tables."""
        return sum(table.rows for table in self.tables)

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(table.stored.size for table in self.tables)


def what_to_keep(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """The tables that an archive of the whole migration holds, as they are called now.

    The old table and the clean one as far as they are there, the aliases, the users, and every table that points at
    artworks.
    """
    called = phase.tables(connection)
    own = [
        name
        for name in (called.old, called.clean, "artwork_token_aliases", "users")
        if name is not None
        and scalar(connection, "SELECT to_regclass(%s)", [_quoted("public", name)]) is not None
    ]
    pointing = sorted({(one.schema, one.table) for one in catalog.references_to_artworks(connection)})
    return tuple(
        dict.fromkeys([*(_quoted("public", name) for name in own), *(_quoted(*one) for one in pointing)])
    )


def newest_proved(connection: psycopg.Connection[Any], tables: Iterable[str]) -> Archive | None:
    """The newest archive that holds all these tables (names as SQL has them), None if there is none.

    Its files are read: what was tampered with proves nothing.

    Raises:
        PermanentError: a file of it is gone or was changed; or there is no such table.
    """
    if scalar(connection, "SELECT to_regclass('artwork_migration.archives')") is None:
        return None
    wanted = [_named(connection, table)[0] for table in tables]
    row = connection.execute(_NEWEST, [wanted]).fetchone()
    if row is None:
        return None
    found = _archive(row)
    require_intact(found)
    return found


def require_intact(archive: Archive) -> None:
    """Refuse an archive of which a file is gone or was changed.

    Raises:
        PermanentError: names the file.
    """
    for table in archive.tables:
        require_whole(archive.folder / table.file, table.stored)


def back_up(connection: psycopg.Connection[Any], tables: Sequence[str], *, by: str, run_id: str) -> Archive:
    """Archive the tables (names as SQL has them), restore them from the disk and compare; people may write meanwhile.

    Killed anywhere, nothing of it counts; the next archive takes away what was left. What fails leaves nothing.

    Raises:
        PermanentError: another archive is being made; a table is not there or holds what cannot be copied; the disk
            is full; or what was restored is not what was copied.
        TransientError: a table's lock was not to be had.
    """
    with _alone(connection):
        id_ = f"{scalar(connection, _NAME)}-{uuid.uuid4().hex[:8]}"
        connection.execute(_BEGIN, [id_, by, run_id])
        folder = archives_path() / id_
        try:
            with transient_errors("the archive"):
                taken_at, kept = _copied_and_compared(connection, tables, folder)
            lines = [_to_json(one) for one in kept]
            write_json(folder / "manifest.json", {"id": id_, "taken_at": str(taken_at), "tables": lines})
            row = connection.execute(_PROVED, [taken_at, Jsonb(lines), id_]).fetchone() or ()
        except BaseException:
            remove(folder)
            raise
    return _archive(row)


@contextmanager
def _alone(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """One archive at a time; what a dead run left is taken away first."""
    if not scalar(connection, _TURN):
        raise PermanentError(
            "another archive of this database is being made",
            item="artwork_back_up",
            remedy="Wait for that run to end, then start again",
        )
    try:
        connection.execute(script("archives"))
        for (left,) in connection.execute(_LEFTOVERS).fetchall():
            remove(archives_path() / left)
        yield
    finally:
        if not connection.broken:
            connection.execute(_TURN_OVER)


def _copied_and_compared(
    connection: psycopg.Connection[Any], tables: Sequence[str], folder: Path
) -> tuple[datetime, list[ArchivedTable]]:
    """Copy, restore and compare in one snapshot: what is compared is what was there when it was copied."""
    named = [_named(connection, table) for table in tables]
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
        # A server's limit for statements is meant for the application's.
        connection.execute("SET LOCAL statement_timeout = 0")
        # Before the snapshot: nobody changes a definition between the two.
        every = sql.SQL(", ").join(sql.SQL(name) for _, name in named)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(every))
        taken_at = scalar(connection, "SELECT statement_timestamp()")
        with evidence.own_reads(connection):
            return taken_at, [_one_table(connection, oid, name, folder) for oid, name in named]


def _one_table(connection: psycopg.Connection[Any], oid: int, name: str, folder: Path) -> ArchivedTable:
    columns = tuple((column, kind) for column, kind in connection.execute(_COLUMNS, [oid]))
    parts = {
        "table": sql.SQL(name),
        "columns": sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns),
    }
    scratch = {**parts, "table": sql.SQL("pg_temp.restored_archive")}
    file = f"{name.replace('/', '_')}.copy.gz"
    try:
        with connection.cursor() as cursor:
            with cursor.copy(sql.SQL(_COPY_OUT).format(**parts)) as out:
                stored = store(folder / file, out)
            rows = cursor.rowcount
        connection.execute(sql.SQL(_SCRATCH).format(**parts))
        with connection.cursor() as cursor, cursor.copy(sql.SQL(_COPY_IN).format(**scratch)) as into:
            for block in stored_blocks(folder / file, stored):
                into.write(block)
    except psycopg.errors.UndefinedFunction as unknown:
        raise PermanentError(
            f"it has a column that cannot be copied in binary form: {unknown.diag.message_primary}",
            item=name,
            remedy="Nothing was kept. Drop that column, or give it a type of PostgreSQL's own, then start again",
        ) from unknown
    both = {"kept": sql.SQL(_ROWS).format(**parts), "restored": sql.SQL(_ROWS).format(**scratch)}
    lost, foreign = connection.execute(sql.SQL(_DIFFERING).format(**both)).fetchone() or (1, 1)
    connection.execute("DROP TABLE pg_temp.restored_archive")
    if lost or foreign:
        raise PermanentError(
            f"what was restored is not what was copied: {lost} rows are missing and {foreign} are others",
            item=name,
            remedy="Nothing was kept. Look at the disk under REPORTS_PATH and at the types of the table's columns",
        )
    return ArchivedTable(name, oid, columns, rows, file, stored)


def _named(connection: psycopg.Connection[Any], table: str) -> tuple[int, str]:
    """The oid of a table and its name as SQL has it.

    Raises:
        PermanentError: there is no such table.
    """
    row = connection.execute(_NAMED, [table]).fetchone()
    if row is None:
        raise PermanentError(
            "there is no such table",
            item=table,
            remedy="Look at the phase: tables are called otherwise in others",
        )
    return row[0], row[1]


def _quoted(schema: str, table: str) -> str:
    return sql.Identifier(schema, table).as_string()


def _archive(row: Sequence[Any]) -> Archive:
    id_, taken_at, proved_at, age, by, kept = row
    return Archive(id_, taken_at, proved_at, age, by, tuple(_from_json(one) for one in kept))


def _to_json(table: ArchivedTable) -> dict[str, Any]:
    return {**vars(table), "stored": vars(table.stored)}


def _from_json(kept: Mapping[str, Any]) -> ArchivedTable:
    columns = tuple((column, kind) for column, kind in kept["columns"])
    return ArchivedTable(**{**kept, "columns": columns, "stored": Stored(**kept["stored"])})
