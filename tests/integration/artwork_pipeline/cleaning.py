"""A shop's database that is due for its cleanup, and the calls of the stores that a cleanup consists of.

Fixtures stand in `conftest`.
"""

import threading
import time
from typing import Any

import psycopg

from artwork_pipeline.stores import cleanup, evidence, switching
from artwork_pipeline.stores.sessions import scalar, session
from local_stack.sources import artworks
from tests.integration.artwork_pipeline import shop

_MONTH_AGO = "UPDATE artwork_migration.transitions SET at = at - interval '31 days'"
_COUNTED_FOR_A_MONTH = "UPDATE artwork_migration.reads SET at = at - interval '31 days'"


def switch_over(url: str, steps: Any) -> None:
    """Fill a database, and switch it over; every key is validated."""
    owner = shop.owned(url)
    artworks.fill({"ARTWORK_DATABASE_URL": owner}, rows=120)
    steps.prepare(owner)
    steps.fill_all(owner)
    shop.pass_verification(owner)
    shop.back_up(owner)
    shop.switch(owner)
    with session(owner) as connection:
        switching.validate(connection, log=print)


def let_a_month_pass(url: str) -> None:
    """From the switch to 31 days later, watched from its first hour on."""
    with session(url) as connection:
        # A copy of a database has statistics of its own.
        evidence.sample(connection, run_id="switch")
        connection.execute(_MONTH_AGO)


def count_anew(url: str) -> None:
    """What a person does who found the reader; 31 days later."""
    with session(url) as connection:
        evidence.sample(connection, run_id="run", begun_anew="tester: it was the test")
        connection.execute(_COUNTED_FOR_A_MONTH)


def prepare(url: str, **changes: Any) -> cleanup.Preparation:
    """What a rehearsal finds."""
    with session(url) as connection:
        return cleanup.prepare(connection, cleanup.Order(by="tester", run_id="run", **changes))


def rules(url: str) -> set[str]:
    """The rules that speak against it."""
    return {refusal.rule for refusal in prepare(url).refusals}


def clean_up(url: str, **changes: Any) -> cleanup.Outcome | None:
    """Do it, as the job does."""
    with session(url) as connection:
        order = cleanup.Order(by="tester", run_id="run", **changes)
        return cleanup.carry_out(connection, order, log=print)


def wait_until_alone(url: str, *, but_for: int = 0) -> None:
    """Until no more sessions than these are left in the database: by then the others have told what they read."""
    _wait(url, "SELECT count(*) <= %s FROM pg_stat_activity WHERE datname = current_database()"
               " AND backend_type = 'client backend' AND pid <> pg_backend_pid()", but_for)  # fmt: skip


def wait_for_a_waiter(url: str) -> None:
    """Until somebody waits for the lock of a table."""
    _wait(url, "SELECT %s < count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database ="
               " (SELECT oid FROM pg_database WHERE datname = current_database())", 0)  # fmt: skip


def _wait(url: str, condition: str, number: int) -> None:
    deadline = time.monotonic() + 10
    with psycopg.connect(url, autocommit=True) as connection:
        while not scalar(connection, condition, [number]):
            assert time.monotonic() < deadline, condition
            threading.Event().wait(0.01)


_EVERYTHING = """
    SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'i' THEN 'index' ELSE relkind::text END,
           n.nspname || '.' || c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    UNION ALL SELECT 'function', n.nspname || '.' || p.oid::regprocedure
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
    UNION ALL SELECT 'constraint', conrelid::regclass::text || '.' || conname FROM pg_constraint
    WHERE connamespace <> 'pg_catalog'::regnamespace AND connamespace <> 'information_schema'::regnamespace
      AND conrelid <> COALESCE(to_regclass('artworks_v1'), 0)
    UNION ALL SELECT 'trigger', tgrelid::regclass::text || '.' || tgname FROM pg_trigger
    WHERE NOT tgisinternal AND tgrelid <> COALESCE(to_regclass('artworks_v1'), 0)
    UNION ALL SELECT 'policy', polrelid::regclass::text || '.' || polname FROM pg_policy
    WHERE polrelid <> COALESCE(to_regclass('artworks_v1'), 0)
    UNION ALL SELECT 'type', n.nspname || '.' || t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND t.typtype <> 'c' AND t.typelem = 0
"""


def everything(url: str) -> set[tuple[str, str]]:
    """All that a database has, by kind and name; what belongs to the old table and goes with it is left out."""
    with psycopg.connect(url) as connection:
        return {(kind, name) for kind, name in connection.execute(_EVERYTHING.encode())}
