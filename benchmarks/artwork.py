"""How fast the artworks' migration is: rows a second through plan, backfill and comparison, and again.

The stores are called as the assets call them, without Dagster around them. The database does the work: its memory
is measured beside this process's own.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from threading import Event, Thread
from time import perf_counter
from typing import Any

SCALES = {"default": 100_000, "full": 1_000_000}
"""BENCH_SCALE to rows of artworks."""
MIB = 1024 * 1024


def run(environment: Mapping[str, str]) -> dict[str, float]:
    """Fill a source, migrate it, compare it, and do it again; rows a second and seconds, memory in MiB."""
    from artwork_pipeline.artworks.months import SLICES
    from artwork_pipeline.stores import backfill, expansion, installation, plan, verification
    from artwork_pipeline.stores.sessions import SCHEMA, session
    from local_stack.sources import artworks
    from migration_kit.ledger.postgres import PostgresLedger

    url = environment["ARTWORK_DATABASE_URL"]
    rows = SCALES.get(environment.get("BENCH_SCALE", "default"), SCALES["default"])
    spent: dict[str, float] = {}

    def fill(batch: str) -> int:
        written = 0
        for month in SLICES:
            batches = backfill.backfill(
                url, month, batch_size=backfill.DEFAULT_BATCH, run_id=batch, batch_id=batch
            )
            written += sum(one.clean_rows + one.outcomes for one in batches)
        return written

    def compare() -> int:
        with session(url) as connection:
            return sum(len(verification.compare(connection, month).differences) for month in SLICES)

    spent["fill_source_s"], _ = _timed(lambda: artworks.fill(environment, rows=rows))
    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        ledger.install()
        source = installation.recognise_source(connection)
        spent["plan_s"], _ = _timed(lambda: plan.make_plan(connection, ledger, source, "first"))
        spent["expansion_s"], _ = _timed(lambda: expansion.expand(connection, source, "first", log=print))
        plan.make_plan(connection, ledger, source, "first")
        spent["users_s"], _ = _timed(lambda: backfill.create_users(connection))
    with _Memory() as memory:
        spent["backfill_s"], _ = _timed(lambda: fill("first"))
        spent["verification_s"], differences = _timed(compare)
    if differences:
        raise RuntimeError(f"the benchmark's migration left {differences} differences")
    spent["second_backfill_s"], written = _timed(lambda: fill("second"))
    return {
        "rows": float(rows),
        "backfill_rows_per_s": rows / spent["backfill_s"],
        "verification_rows_per_s": rows / spent["verification_s"],
        "second_run_writes": float(written),
        "peak_own_mib": memory.own / MIB,
        "peak_database_mib": memory.database / MIB,
        **spent,
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = perf_counter()
    done = work()
    return perf_counter() - began, done


class _Memory:
    """The peak of resident memory (bytes) of this process, and of the largest process of a PostgreSQL beside it."""

    def __init__(self) -> None:
        self.own = 0
        self.database = 0
        self._ended = Event()
        self._watch = Thread(target=self._look, daemon=True)

    def __enter__(self) -> "_Memory":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watch.join()

    def _look(self) -> None:
        import psutil

        me = psutil.Process()
        while not self._ended.wait(0.2):
            self.own = max(self.own, me.memory_info().rss)
            for process in psutil.process_iter(["name", "memory_info"]):
                info = process.info["memory_info"]
                if info and process.info["name"] == "postgres":
                    self.database = max(self.database, info.rss)
