"""What the database's catalog says: the old table's columns and what points at it.

What hangs on it besides is `census`'s knowledge.

Read every time, never kept as a list: installations differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from artwork_pipeline.artworks.dialects import Dialect
from artwork_pipeline.artworks.phases import BEFORE
from artwork_pipeline.artworks.slices import BY_MONTH, Slicing
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError

OLDEST_SERVER = 140000
_OWN_TABLES = ("artworks", "artworks_v1", "artworks_v2", "artwork_token_aliases")

_COLUMNS = """
    SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""
_FOREIGN_KEYS = """
    SELECT n.nspname, c.relname, a.attname
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    -- A key to another column than the id, a token say, points at no row by what it is known by.
    JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1] AND b.attname = 'id'
    WHERE k.contype = 'f' AND k.conparentid = 0
      AND k.confrelid = ANY (ARRAY(SELECT to_regclass('public.' || name) FROM unnest(%s::text[]) AS name))
      AND NOT (n.nspname = 'public' AND c.relname = ANY (%s)) AND n.nspname <> 'artwork_migration'
    ORDER BY 1, 2, 3
"""
# A column called artwork_id points at an artwork, whether or not somebody declared it.
_UNDECLARED = """
    SELECT n.nspname, c.relname, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attname = 'artwork_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
      AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'artwork_migration')
      AND NOT (n.nspname = 'public' AND c.relname = ANY (%s))
    ORDER BY 1, 2, 3
"""
_COLLATIONS = """
    SELECT collname FROM pg_collation
    WHERE collname IN ('und-x-icu', 'pg_c_utf8', 'C.utf8') AND collencoding IN (-1, pg_char_to_encoding('UTF8'))
"""
_NOT_OURS = """
    SELECT oid::regclass::text FROM pg_class
    WHERE oid IN ('public.artworks'::regclass, 'public.users'::regclass, 'public.orders'::regclass)
      AND NOT pg_has_role(relowner, 'USAGE')
    UNION ALL
    SELECT 'the database' WHERE NOT has_database_privilege(current_database(), 'CREATE')
    ORDER BY 1
"""
_NEEDED_BESIDES = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = 'public.users'::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull
      AND NOT atthasdef AND attidentity = '' AND attname NOT IN ('id', 'email')
"""


@dataclass(frozen=True)
class Reference:
    """A column whose rows point at another table's rows; ``declared`` by a foreign key, or by its name alone."""

    schema: str
    table: str
    column: str
    declared: bool

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}.{self.column}"


@dataclass(frozen=True)
class Source:
    """The old table as it was recognised: its dialect, what points at it, and how its rows are cut into slices."""

    dialect: Dialect
    references: tuple[Reference, ...]
    slicing: Slicing = BY_MONTH


def require_artworks_database(connection: psycopg.Connection[Any]) -> None:
    """Refuse a database that cannot be the artworks': too old, not UTF-8, without the three tables, or not ours.

    Raises:
        PermanentError: names what is missing.
    """
    version = int(scalar(connection, "SELECT current_setting('server_version_num')"))
    name = f"database {scalar(connection, 'SELECT current_database()')}"
    if version < OLDEST_SERVER:
        raise PermanentError(
            f"its server is PostgreSQL {version // 10000}",
            item=name,
            remedy="PostgreSQL 14 or newer is needed",
        )
    encoding = scalar(connection, "SHOW server_encoding")
    if encoding != "UTF8":
        raise PermanentError(
            f"its encoding is {encoding}", item=name, remedy="E-mail addresses can be compared in UTF8 only"
        )
    missing = [
        table
        for table in ("artworks", "users", "orders")
        if scalar(connection, "SELECT to_regclass(%s)", [f"public.{table}"]) is None
    ]
    if missing:
        raise PermanentError(
            f"it has no table {', '.join(f'public.{table}' for table in missing)}",
            item=name,
            remedy="Point ARTWORK_DATABASE_URL at the database of the artworks; nothing was written here",
        )
    foreign = [row[0] for row in connection.execute(_NOT_OURS)]
    if foreign:
        raise PermanentError(
            f"its user may not change {', '.join(foreign)}",
            item=name,
            remedy="Let ARTWORK_DATABASE_URL name the owner of these tables, with the right to create schemas",
        )
    needed = [row[0] for row in connection.execute(_NEEDED_BESIDES)]
    if needed:
        raise PermanentError(
            f"a user needs {', '.join(needed)} besides an address, and customers' users have an address alone",
            item="public.users",
            remedy="Give the column a default or let it be NULL",
        )


def columns(connection: psycopg.Connection[Any], table: str) -> Mapping[str, str]:
    """The catalog's type name by column name; empty where there is no such table."""
    return dict(connection.execute(_COLUMNS, [table]).fetchall())


def references_to_artworks(connection: psycopg.Connection[Any]) -> tuple[Reference, ...]:
    """What points at artworks: foreign keys, and uuid columns called ``artwork_id`` without one."""
    declared = connection.execute(_FOREIGN_KEYS, [[*_OWN_TABLES], [*_OWN_TABLES]]).fetchall()
    named = connection.execute(_UNDECLARED, [[*_OWN_TABLES]]).fetchall()
    return tuple(
        Reference(schema, table, column, declared=(schema, table, column) in declared)
        for schema, table, column in sorted({*declared, *named})
    )


def references_to_users(connection: psycopg.Connection[Any]) -> tuple[Reference, ...]:
    """The foreign keys to users, that of the old table included."""
    rows = connection.execute(_FOREIGN_KEYS, [["users"], [BEFORE.clean]]).fetchall()
    return tuple(Reference(schema, table, column, declared=True) for schema, table, column in rows)


def lower_collation(connection: psycopg.Connection[Any]) -> str:
    """A collation that knows lower case beyond ASCII, whatever the database was made with.

    Raises:
        PermanentError: the server has none.
    """
    found = {row[0] for row in connection.execute(_COLLATIONS)}
    for name in ("und-x-icu", "pg_c_utf8", "C.utf8"):
        if name in found:
            return name
    raise PermanentError(
        "the server has neither the collation und-x-icu nor pg_c_utf8 nor C.utf8",
        item="pg_collation",
        remedy="Import the operating system's collations: SELECT pg_import_system_collations('pg_catalog')",
    )
