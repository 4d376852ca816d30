"""A shop's traffic: requests at a steady rate, whatever the database does; how many failed, how long they took.

A request that comes late counts from when it was due: whoever waits in a queue has waited. What happens to the
database meanwhile belongs to the benchmarks.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Event, Lock, Thread
from time import monotonic
from typing import Any

import psycopg

READS = (
    "SELECT id, customer_name, pet_name, generated_image_url FROM artworks WHERE id = %(id)s",
    "SELECT id, generated_image_url, token_expires_at FROM artworks WHERE access_token = %(token)s",
    "SELECT o.id, a.pet_name FROM orders o JOIN artworks a ON a.id = o.artwork_id WHERE o.artwork_id = %(id)s",
    "SELECT order_status FROM paid_artworks WHERE id = %(id)s",
)
WRITES = ("UPDATE artworks SET pet_name = %(pet)s WHERE id = %(id)s",)
CONNECTIONS = 8
SHARE_OF_WRITES = 0.1


@dataclass
class Traffic:
    """What became of the requests: counts, what the failed ones were told, and each one's time (s)."""

    reads: int = 0
    writes: int = 0
    failed_reads: int = 0
    failed_writes: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def answered(self, seconds: float, error: psycopg.Error | None, *, write: bool) -> None:
        """Count a request."""
        with self._lock:
            self.reads += not write
            self.writes += write
            self.seconds.append(seconds)
            if error is not None:
                self.failed_reads += not write
                self.failed_writes += write
                name = type(error).__name__
                self.errors[name] = self.errors.get(name, 0) + 1


@contextmanager
def traffic(url: str, *, per_second: int, seed: int = 7) -> Iterator[Traffic]:
    """Requests at this rate while the block runs."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT id, access_token FROM artworks TABLESAMPLE SYSTEM (5) WHERE access_token <> '' LIMIT 5000"
        ).fetchall()
    if not rows:
        raise RuntimeError("a shop without artworks has no traffic")
    shop = _Shop(url, rows, CONNECTIONS / per_second, seed)
    threads = [Thread(target=shop.ask, args=[number], daemon=True) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    try:
        shop.open.wait(30)
        yield shop.seen
    finally:
        shop.closed.set()
        for thread in threads:
            thread.join(30)


@dataclass(frozen=True)
class _Shop:
    """Where the requests go and what about; `every` is the time between two of one connection (s)."""

    url: str
    rows: Sequence[tuple[Any, str]]
    every: float
    seed: int
    seen: Traffic = field(default_factory=Traffic)
    open: Barrier = field(default_factory=lambda: Barrier(CONNECTIONS + 1))
    closed: Event = field(default_factory=Event)

    def ask(self, number: int) -> None:
        chance = random.Random(self.seed * CONNECTIONS + number)
        with psycopg.connect(self.url, autocommit=True) as connection:
            # Each statement is known to the server already, as it is to an application that has run for a while.
            for statement in READS:
                connection.execute(statement, {"id": self.rows[0][0], "token": self.rows[0][1]}, prepare=True)
            self.open.wait(30)
            due = monotonic() + chance.random() * self.every
            while not self.closed.wait(max(0.0, due - monotonic())):
                row, token = chance.choice(self.rows)
                write = chance.random() < SHARE_OF_WRITES
                told = {"id": row, "token": token, "pet": f"Pet {chance.random()}"}
                error = None
                try:
                    connection.execute(chance.choice(WRITES if write else READS), told, prepare=True)
                except psycopg.Error as refused:
                    error = refused
                self.seen.answered(monotonic() - due, error, write=write)
                due += self.every
