"""For how long a switch-over and a rollback block a shop that is in use: requests go on at a steady rate meanwhile.

A database is filled and migrated first. Rates of the migration itself belong to `artwork_scale`; the requests stand in
`artwork_traffic`.
"""

import os
from collections.abc import Mapping
from contextlib import closing
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any
from unittest.mock import patch

from benchmarks.artwork_traffic import Traffic, traffic

REQUESTS_PER_SECOND = 200
BEFORE_AND_AFTER_SECONDS = 2.0
MILLISECONDS = 1000


def prepared_and_measured(url: str, rows: int) -> dict[str, float]:
    """Switch over and roll back under traffic: blocking windows and slowest requests (ms), failed requests (count)."""
    # The archive that a switch-over asks for is of use to nobody afterwards.
    with TemporaryDirectory() as reports, patch.dict(os.environ, REPORTS_PATH=reports):
        make_ready({"ARTWORK_DATABASE_URL": url}, rows)
        return {"switch_rows": float(rows), **measure(url)}


def make_ready(environment: Mapping[str, str], rows: int) -> None:
    """Fill the source, migrate it, compare it and back it up; what is done already is found done."""
    from artwork_pipeline.artworks.months import SLICES
    from artwork_pipeline.stores import archive, backfill, expansion, installation, plan, verification
    from artwork_pipeline.stores.sessions import SCHEMA, session
    from local_stack.sources import artworks
    from migration_kit.gates import Verdict, VerdictStatus
    from migration_kit.ledger.postgres import PostgresLedger

    url = environment["ARTWORK_DATABASE_URL"]
    artworks.fill(environment, rows=rows)
    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        ledger.install()
        source = installation.recognise_source(connection)
        plan.make_plan(connection, ledger, source, "switch")
        expansion.expand(connection, source, "switch", log=print)
        plan.make_plan(connection, ledger, source, "switch")
        backfill.create_users(connection)
        for name in SLICES:
            for _ in backfill.backfill(
                url, name, batch_size=backfill.DEFAULT_BATCH, run_id="switch", batch_id="switch"
            ):
                pass
            ledger.begin_verdict("verify", name, "compared", "switch")
            if verification.compare(connection, name).differences:
                raise RuntimeError(f"{name}: both sides differ")
            ledger.publish(Verdict.now("verify", name, "compared", VerdictStatus.PASSED, "switch"))
        archive.back_up(connection, archive.what_to_keep(connection), by="benchmark", run_id="switch")


def measure(url: str) -> dict[str, float]:
    """The same for a database that is ready to be switched over; it is rolled back in the end."""
    from artwork_pipeline.stores.preparation import ROLL_BACK, SWITCH

    figures: dict[str, float] = {}
    failed_reads = failed_writes = 0
    for name, direction in (("switch", SWITCH), ("roll_back", ROLL_BACK)):
        seen, done = _under_traffic(url, direction)
        failed_reads += seen.failed_reads
        failed_writes += seen.failed_writes
        figures |= {
            f"{name}_ms": done.blocking_ms,
            f"{name}_attempts": float(done.attempts),
            f"{name}_whole_s": done.seconds,
            f"{name}_requests": float(seen.reads + seen.writes),
            f"{name}_slowest_request_ms": max(seen.seconds) * MILLISECONDS,
            f"{name}_median_request_ms": quantiles(seen.seconds, n=2)[0] * MILLISECONDS,
        }
        for told, times in seen.errors.items():
            print(f"{name}: {times} requests failed: {told}")
    return {**figures, "failed_reads": float(failed_reads), "failed_writes": float(failed_writes)}


def _under_traffic(url: str, direction: Any) -> tuple[Traffic, Any]:
    from artwork_pipeline.stores import switching
    from artwork_pipeline.stores.preparation import Order
    from artwork_pipeline.stores.sessions import SCHEMA, session
    from migration_kit.ledger.postgres import PostgresLedger

    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        with traffic(url, per_second=REQUESTS_PER_SECOND) as seen:
            sleep(BEFORE_AND_AFTER_SECONDS)
            done = switching.carry_out(connection, ledger, direction, Order("benchmark", "switch"), log=print)
            sleep(BEFORE_AND_AFTER_SECONDS)
        switching.validate(connection, log=print)
    if done is None:
        raise RuntimeError(f"somebody else did it: {direction.confirmation}")
    return seen, done
