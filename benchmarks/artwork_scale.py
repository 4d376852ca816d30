"""How fast the artworks' migration is at ten thousand rows and at very many, against the plan's single statement.

The stores are called as the assets call them, without Dagster around them; what that adds is measured once. The plan's
statement runs before and after, in the same database, so that what the machine does besides weighs on both alike.
"""

import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.artwork_memory import watched_memory
from benchmarks.measure import MIB

SMALL = 10_000
SMALL_TIMES = 3
WORKERS = 2
WRITES = 200

# As the plan has it: one INSERT..SELECT of everything, users found by their address, nothing kept of what has no
# column, no twins merged; into a table with the same keys and indexes. Its filter drops rows without an image and is
# left out, so that both carry the same rows.
_PLAN_TABLE = """
    DROP SCHEMA IF EXISTS plan_way CASCADE;
    CREATE SCHEMA plan_way;
    CREATE TABLE plan_way.artworks (
        LIKE public.artworks_v2 INCLUDING ALL, FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE SET NULL
    );
"""
_PLAN_WAY = """
    INSERT INTO plan_way.artworks (
        id, user_id, customer_name, customer_email, pet_name, pet_mom_image_url, pet_image_url, generated_image_url,
        upscaled_image_url, generation_status, upscale_status, upscale_completed_at, access_token, token_expires_at,
        mockup_urls, mockup_generated_at, legacy, created_at, updated_at)
    SELECT a.id, u.id, a.customer_name, a.customer_email, a.pet_name, a.original_pet_mom_url, a.original_pet_url,
           a.generated_image_url, a.upscaled_image_url, COALESCE(a.generation_status, 'pending'),
           CASE WHEN a.upscale_status IN ('processing', 'completed', 'failed') THEN a.upscale_status
                ELSE 'not_started' END,
           a.upscaled_at, COALESCE(a.access_token, encode(
               sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex')),
           COALESCE(a.token_expires_at, a.created_at + interval '30 days', now() + interval '30 days'),
           a.mockup_urls, a.mockup_generated_at, '{}', a.created_at, a.updated_at
    FROM public.artworks a LEFT JOIN public.users u ON u.email = lower(btrim(a.customer_email))
"""
_MIGRATED_ALONE = """
    WHERE EXISTS (SELECT FROM artwork_migration.plan p WHERE p.artwork_id = a.id AND p.state = 'migrated')
"""
_INSERT = """
    INSERT INTO public.artworks (original_image_url, customer_name, customer_email)
    VALUES ('pending', 'Ida Bench', %s) RETURNING id
"""
_UPDATE = """
    UPDATE public.artworks SET generation_status = 'completed', generated_image_url = 'https://x/1' WHERE id = %s
"""
_ORDER = """
    INSERT INTO public.orders (artwork_id, stripe_session_id, product_type, price_cents, customer_email, customer_name)
    VALUES (%s, gen_random_uuid()::text, 'digital', 1900, 'ida@example.net', 'Ida Bench')
"""
_DELETE = "DELETE FROM public.artworks WHERE id = %s"


@dataclass
class Place:
    """A database of its own with a synthetic source, planned and expanded, its users made; and what that took (s)."""

    url: str
    rows: int
    plan_seconds: float = 0.0
    write_ms_before: float = 0.0

    def fill(self, batch: str) -> int:
        """Fill every slice; rows of the clean table and outcomes that were written."""
        from artwork_pipeline.artworks.months import SLICES
        from artwork_pipeline.stores import backfill

        written = 0
        for name in SLICES:
            batches = backfill.backfill(
                self.url,
                name,
                batch_size=backfill.DEFAULT_BATCH,
                run_id=batch,
                batch_id=batch,
                workers=WORKERS,
            )
            written += sum(one.clean_rows + one.outcomes for one in batches)
        return written

    def differences(self) -> int:
        """Compare every slice; how many differences there are."""
        from artwork_pipeline.artworks.months import SLICES
        from artwork_pipeline.stores import verification
        from artwork_pipeline.stores.sessions import session

        with session(self.url) as connection:
            return sum(len(verification.compare(connection, name).differences) for name in SLICES)

    def plan_way(self, which: str = "") -> float:
        """Seconds of the plan's single statement, in a session as anybody has it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(_PLAN_TABLE.encode())
            seconds, _ = timed(lambda: connection.execute((_PLAN_WAY + which).encode()))
            connection.execute("DROP SCHEMA plan_way CASCADE")
        return seconds

    def write_ms(self) -> float:
        """Milliseconds of one write of an application (insert, update, order, delete: the mean), each committed."""
        seconds = []
        with psycopg.connect(self.url, autocommit=True) as connection:
            for number in range(WRITES):
                began = time.perf_counter()
                key = connection.execute(_INSERT, [f"bench{number}@example.net"]).fetchone()
                for statement in (_UPDATE, _ORDER, _DELETE):
                    connection.execute(statement.encode(), key)
                seconds.append((time.perf_counter() - began) / 4)
        return statistics.median(seconds) * 1000


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done


@contextmanager
def own_database(environment: Mapping[str, str]) -> Iterator[str]:
    """The address of an empty database beside the configured one; dropped at the end."""
    server, _, _ = environment["ARTWORK_DATABASE_URL"].rpartition("/")
    name = sql.Identifier(f"bench_artwork_{uuid.uuid4().hex}")
    with psycopg.connect(environment["ARTWORK_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            yield f"{server}/{name.as_string().strip(chr(34))}"
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def place(environment: Mapping[str, str], rows: int) -> Iterator[Place]:
    """A database of its own, as it is just before the backfill; dropped at the end."""
    with own_database(environment) as url:
        yield _prepared(Place(url, rows))


def _prepared(here: Place) -> Place:
    from artwork_pipeline.stores import backfill, expansion, installation, plan
    from artwork_pipeline.stores.sessions import SCHEMA, session
    from local_stack.sources import artworks
    from migration_kit.ledger.postgres import PostgresLedger

    artworks.fill({"ARTWORK_DATABASE_URL": here.url}, rows=here.rows)
    here.write_ms_before = here.write_ms()
    with session(here.url) as connection, closing(PostgresLedger(here.url, SCHEMA)) as ledger:
        ledger.install()
        source = installation.recognise_source(connection)
        here.plan_seconds, _ = timed(lambda: plan.make_plan(connection, ledger, source, "first"))
        expansion.expand(connection, source, "first", log=print)
        plan.make_plan(connection, ledger, source, "first")
        backfill.create_users(connection)
        connection.execute("CHECKPOINT")
    return here


def large(environment: Mapping[str, str], rows: int) -> Iterator[dict[str, Any]]:
    """The figures at `rows` rows, and at ten thousand, to compare the rates.

    Raises:
        RuntimeError: what was measured was no migration: something differs, or a second run wrote something.
    """
    small = []
    for _ in range(SMALL_TIMES):
        with place(environment, SMALL) as here:
            small.append(SMALL / timed(lambda: here.fill("first"))[0])
    with place(environment, rows) as here:
        single, alone = [here.plan_way()], [here.plan_way(_MIGRATED_ALONE)]
        with watched_memory() as memory:
            filling, _ = timed(lambda: here.fill("first"))
        single.append(here.plan_way())
        alone.append(here.plan_way(_MIGRATED_ALONE))
        statement = statistics.mean(single)
        yield {
            "large_n": rows,
            "vs_single_statement": statement / filling,
            "rate_large_vs_10k": rows / filling / statistics.median(small),
            "backfill_rows_per_s": rows / filling,
            "backfill_rows_per_s_10k": statistics.median(small),
            "single_statement_rows_per_s": rows / statement,
            # The statement without the rows that are merged or set aside, which a backfill keeps, too.
            "vs_single_statement_of_migrated_rows": statistics.mean(alone) / filling,
            "single_statements_s": [round(seconds, 2) for seconds in single],
            "plan_rows_per_s": rows / here.plan_seconds,
            "peak_own_mib": memory.own / MIB,
            "peak_database_mib": memory.database / MIB,
        }
        comparing, differences = timed(here.differences)
        again, _ = timed(here.differences)
        if differences:
            raise RuntimeError(f"the benchmark's migration left {differences} differences")
        yield {
            "verify_rows_per_s": rows / min(comparing, again),
            "verifications_s": [round(one, 2) for one in (comparing, again)],
        }
        seconds, written = timed(lambda: here.fill("second"))
        if written:
            raise RuntimeError(f"a second backfill wrote {written} rows")
        yield {"second_backfill_s": seconds}
        after = here.write_ms()
        yield {
            "write_cost": after / here.write_ms_before,
            "write_ms_with_triggers": after,
            "write_ms_before": here.write_ms_before,
        }
