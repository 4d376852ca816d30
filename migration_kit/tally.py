"""Counting by name in flat memory, however many names: in a temporary file. What is counted is the caller's."""

import sqlite3
from collections.abc import Iterator, Mapping
from tempfile import TemporaryDirectory
from types import TracebackType


class Tally:
    """Counts by name; used in a `with`, at whose end they are gone."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="tally-")
        self._connection = sqlite3.connect(f"{self._folder.name}/counts")
        # Nothing here outlives the process, so nothing has to survive a crash.
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(
            "CREATE TABLE counts (name BLOB PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID"
        )

    def __enter__(self) -> "Tally":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._folder.cleanup()

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counts of these names."""
        # As bytes: SQLite refuses a text with a lone surrogate, which a hostile document may hold.
        self._connection.executemany(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
            ((name.encode("utf-8", "surrogatepass"), count) for name, count in counts.items()),
        )

    def __len__(self) -> int:
        """How many names have been counted."""
        (names,) = self._connection.execute("SELECT count(*) FROM counts").fetchone()
        return int(names)

    def most_first(self) -> Iterator[tuple[str, int]]:
        """Names with their counts, the highest first, equal ones in the order of their names; streamed."""
        for name, count in self._connection.execute("SELECT name, n FROM counts ORDER BY n DESC, name"):
            yield name.decode("utf-8", "surrogatepass"), count
