"""Fill a PostgreSQL database with the old schema and its rows, set-wise and the same for the same seed.

Hostile rows stand in `hostile`; the statements in `sql/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import psycopg
from psycopg.types.json import Jsonb

DATABASE_VARIABLE = "ARTWORK_DATABASE_URL"
DEFAULT_ROWS = 20_000
Dialect = Literal["A", "B", "C"]

_TABLES = ("artworks", "users", "orders", "order_status_history", "admin_reviews")
_MARKER = """
    CREATE SCHEMA IF NOT EXISTS synthetic_source;
    CREATE TABLE IF NOT EXISTS synthetic_source.filled (
        seed bigint NOT NULL, dialect text NOT NULL, artwork_rows bigint NOT NULL, counts jsonb NOT NULL
    );
"""


@dataclass(frozen=True)
class Filled:
    """What a source holds: rows by table, and what is expected to become of the artworks (rows by outcome)."""

    seed: int
    dialect: Dialect
    tables: Mapping[str, int]
    migrated: int
    merged: int
    quarantined: Mapping[str, int]


def fill(
    environment: Mapping[str, str], *, seed: int = 7, rows: int = DEFAULT_ROWS, dialect: Dialect = "B"
) -> Filled:
    """Make the source in the database at ``ARTWORK_DATABASE_URL``, or leave it alone where it is made already.

    Raises:
        KeyError: the environment names no database.
        ValueError: the database holds other artworks, or a source made with other options.
    """
    with psycopg.connect(environment[DATABASE_VARIABLE]) as connection:
        # Two fillers at once would make the same tables; the second waits and finds them made.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('synthetic artworks'))")
        earlier = _earlier(connection)
        if earlier is not None:
            if (earlier.seed, earlier.dialect, earlier.tables["artworks"]) != (seed, dialect, rows):
                raise ValueError(
                    f"this database holds the synthetic source seed={earlier.seed} dialect={earlier.dialect} "
                    f"rows={earlier.tables['artworks']}; take an empty database for other options"
                )
            return earlier
        if _scalar(connection, "SELECT to_regclass('public.artworks') IS NOT NULL"):
            raise ValueError("this database holds artworks that were not made here; take an empty database")
        return _make(connection, seed, rows, dialect)


def _make(connection: psycopg.Connection[Any], seed: int, rows: int, dialect: Dialect) -> Filled:
    connection.execute("SET LOCAL timezone = 'UTC'")
    # Without logical replication a publication is made with a warning.
    connection.execute("SET LOCAL client_min_messages = 'error'")
    # Hash joins of a million rows in the default 4 MB go through the disk.
    connection.execute("SET LOCAL work_mem = '64MB'")
    connection.execute(_MARKER)
    scripts = ["schema", *{"A": (), "B": ("dialect_b",), "C": ("dialect_b", "dialect_c")}[dialect]]
    data = ["rows", *{"A": (), "B": ("rows_b",), "C": ("rows_b", "rows_c")}[dialect]]
    for name in (*scripts, "dependents"):
        connection.execute(_script(name))
    # A trigger would stamp the rows with the time of the filling.
    connection.execute("ALTER TABLE artworks DISABLE TRIGGER USER")
    for name in data:
        connection.execute(_script(name).replace(":seed", str(int(seed))).replace(":rows", str(int(rows))))
    connection.execute("ALTER TABLE artworks ENABLE TRIGGER USER")
    tables = {table: int(_scalar(connection, f"SELECT count(*) FROM {table}")) for table in _TABLES}
    outcomes = connection.execute(
        "SELECT state, reason, count(*) FROM synthetic_source.expected GROUP BY state, reason ORDER BY 1, 2"
    ).fetchall()
    counts = {"tables": tables, "outcomes": [list(row) for row in outcomes]}
    connection.execute(
        "INSERT INTO synthetic_source.filled VALUES (%s, %s, %s, %s)",
        [seed, dialect, rows, Jsonb(counts)],
    )
    connection.execute("ANALYZE artworks, users, orders, admin_reviews, support_tickets")
    return _filled(seed, dialect, counts)


def _earlier(connection: psycopg.Connection[Any]) -> Filled | None:
    if not _scalar(connection, "SELECT to_regclass('synthetic_source.filled') IS NOT NULL"):
        return None
    row = connection.execute("SELECT seed, dialect, counts FROM synthetic_source.filled").fetchone()
    return _filled(*row) if row else None


def _filled(seed: int, dialect: Dialect, counts: Mapping[str, Any]) -> Filled:
    outcomes = {(state, reason): items for state, reason, items in counts["outcomes"]}
    return Filled(
        seed=seed,
        dialect=dialect,
        tables=counts["tables"],
        migrated=outcomes.get(("migrated", None), 0),
        merged=outcomes.get(("merged", None), 0),
        quarantined={reason: items for (state, reason), items in outcomes.items() if state == "quarantined"},
    )


def _script(name: str) -> str:
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def _scalar(connection: psycopg.Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
