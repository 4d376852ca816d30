"""Rows of any number, kept in a file of SQLite while they are judged; no rules here.

Memory does not grow with the rows: neither here nor in SQLite, which sorts in files of its own.
"""

import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from migration_kit.chunks import chunked
from migration_kit.failures import PermanentError

TABLE = "rows"
_CHUNK = 1_000
_LARGEST_INTEGER = 2**63 - 1


@contextmanager
def stored(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], parts: Iterable[str] = ()
) -> Iterator[Path]:
    """A SQLite file with one table of the rows, deleted afterwards.

    Values are booleans (kept as 0 and 1), numbers, texts or None. ``parts``: columns, for each of which there is a view
    of the rows where it is true (see ``table_of``).

    Raises:
        PermanentError: the file could not be written, as where its disk is full.
    """
    with TemporaryDirectory(prefix="rows-to-check-") as folder:
        path = Path(folder) / "rows.sqlite"
        try:
            # No journal: a file that is lost with its process needs none.
            with closing(sqlite3.connect(path, isolation_level=None)) as database:
                database.execute("PRAGMA journal_mode = OFF")
                database.execute("PRAGMA synchronous = OFF")
                # Columns without a type keep each value as what it is.
                database.execute(f"CREATE TABLE {TABLE} ({', '.join(map(_quoted, columns))})")
                insert = f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - a constant
                database.execute("BEGIN")
                for chunk in chunked(rows, _CHUNK):
                    _insert(database, insert, chunk)
                database.execute("COMMIT")
                for part in parts:
                    database.execute(
                        f"CREATE VIEW {_quoted(table_of(part))} AS SELECT * FROM {TABLE} WHERE {_quoted(part)}"  # noqa: S608
                    )
        except sqlite3.OperationalError as error:
            raise PermanentError(
                f"the rows could not be kept for checking: {error}",
                item=str(Path(folder).parent),
                remedy="Free some space in that folder, or let TMPDIR name a roomier one",
            ) from error
        yield path


def table_of(part: str | None) -> str:
    """The table of all rows, or the view of those where a column is true."""
    return TABLE if part is None else f"{TABLE}_{part}"


def _insert(database: sqlite3.Connection, insert: str, chunk: Sequence[Sequence[Any]]) -> None:
    before = database.total_changes
    try:
        database.executemany(insert, chunk)
    except (UnicodeEncodeError, OverflowError):
        done = database.total_changes - before
        database.executemany(insert, ([_storable(value) for value in row] for row in chunk[done:]))


def _storable(value: object) -> object:
    """What SQLite can keep: a text with a lone surrogate as its bytes, so that no two texts become one.

    Of an integer that is too large the nearest number: those as large may become one.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    elif isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return _nearest(value)
    return value


def _nearest(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def as_text(value: object) -> str:
    """A stored value as a text that can be shown anywhere."""
    text = value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


def matches(pattern: str, value: object) -> bool | None:
    """What ``value REGEXP pattern`` asks: whether the pattern is found in the value; None of None."""
    if value is None:
        return None
    return _compiled(pattern)(value if isinstance(value, str) else as_text(value)) is not None


@lru_cache(maxsize=32)
def _compiled(pattern: str) -> Any:
    return re.compile(pattern).search


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
