"""The memory of this process, and of the largest process of a PostgreSQL beside it, while a block runs."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

import psutil

EVERY_SECONDS = 0.2


@dataclass
class Memory:
    """The peaks of resident memory (bytes); shared buffers count with each process of PostgreSQL."""

    own: int = 0
    database: int = 0


@contextmanager
def watched_memory() -> Iterator[Memory]:
    """Watch while the block runs, five times a second."""
    seen, ended = Memory(), Event()

    def look() -> None:
        me = psutil.Process()
        while not ended.wait(EVERY_SECONDS):
            seen.own = max(seen.own, me.memory_info().rss)
            with suppress(psutil.NoSuchProcess):
                for process in psutil.process_iter(["name", "memory_info"]):
                    info = process.info["memory_info"]
                    if info and process.info["name"] == "postgres":
                        seen.database = max(seen.database, info.rss)

    watcher = Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()
