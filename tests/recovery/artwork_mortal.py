"""What the artworks' migration does to its database, and how one of its steps is run: for `mortal.py`."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from tests.recovery.mortal import before

_READS = re.compile(r"^\s*(select|show|set|with|values|lock|--)", re.IGNORECASE)
_WORKS = re.compile(r"artwork_migration\.(backfill_batch|create_users)\b|for update", re.IGNORECASE)
_MOST_OF_A_NAME = 60


class _Statements:
    """Statements that write, and commits; the first of a transaction stands for all: death undoes the same."""

    def __init__(self, reached: Callable[[str], None]) -> None:
        self._reached = reached
        self._written: dict[int, str] = {}

    def statement(self, cursor: Any, statement: Any, *_: Any, **__: Any) -> None:
        """A statement that is about to be executed."""
        text = statement.decode() if isinstance(statement, bytes) else statement
        text = text if isinstance(text, str) else text.as_string(cursor.connection)
        bare = re.sub(r"--.*", "", text).strip()
        if not bare or (_READS.match(bare) and not _WORKS.search(bare)):
            return
        name = " ".join(bare.split())[:_MOST_OF_A_NAME]
        if id(cursor.connection) in self._written:
            return
        if cursor.connection.info.transaction_status.name != "IDLE":
            self._written[id(cursor.connection)] = name
        self._reached(name)

    def end_of_transaction(self, transaction: Any, kind: Any = None, *_: Any) -> None:
        """A transaction that commits, if anything was written in it."""
        if transaction.savepoint_name:
            return
        written = self._written.pop(id(transaction.connection), None)
        if kind is None and written:
            self._reached(f"commit of {written}")


def _drop_connections() -> None:
    import psycopg

    query = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    with psycopg.connect(os.environ["ARTWORK_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(query)


HAPPENINGS: Mapping[str, Callable[[], None]] = {"lost connections": _drop_connections}


def watch(outside: Any) -> None:
    """Every statement that writes and every commit of this process is told to ``outside``."""
    import psycopg

    statements = _Statements(outside.reached)
    for name in ("execute", "executemany", "copy"):
        before(psycopg.Cursor, name, statements.statement)
    before(psycopg.Transaction, "__exit__", statements.end_of_transaction)


def _prepare(url: str) -> None:
    from artwork_pipeline.stores import backfill, expansion, installation, plan
    from artwork_pipeline.stores.sessions import SCHEMA, session
    from migration_kit.ledger.postgres import PostgresLedger

    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        ledger.install()
        source = installation.recognise_source(connection)
        plan.make_plan(connection, ledger, source, "run")
        expansion.expand(connection, source, "run", log=lambda _: None)
        plan.make_plan(connection, ledger, source, "run")
        backfill.create_users(connection)


def _fill(url: str) -> None:
    from artwork_pipeline.artworks.months import SLICES
    from artwork_pipeline.stores import backfill

    for month in SLICES:
        for _ in backfill.backfill(url, month, batch_size=10, run_id="run", batch_id="run"):
            pass


def _compare(url: str) -> None:
    from tests.integration.artwork_pipeline import journey

    journey.verify(url)


def _back_up(url: str) -> None:
    from tests.integration.artwork_pipeline import journey

    journey.back_up(url)


def _switch(url: str) -> None:
    from tests.integration.artwork_pipeline import shop

    shop.switch(url)


def _roll_back(url: str) -> None:
    from tests.integration.artwork_pipeline import shop

    shop.roll_back(url)


def _validate(url: str) -> None:
    from artwork_pipeline.stores import switching
    from artwork_pipeline.stores.sessions import session

    with session(url) as connection:
        switching.validate(connection, log=lambda _: None)


def _wait(url: str) -> None:
    """A month, by the database's clock; the first look at the reads is that of the database's copy."""
    from artwork_pipeline.stores import evidence
    from artwork_pipeline.stores.sessions import session

    with session(url) as connection:
        evidence.sample(connection, run_id="run")
        connection.execute("UPDATE artwork_migration.transitions SET at = at - interval '31 days'")


def _clean_up(url: str) -> None:
    from artwork_pipeline.stores import cleanup
    from artwork_pipeline.stores.sessions import session

    with session(url) as connection:
        cleanup.carry_out(connection, cleanup.Order(by="run", run_id="run"), log=lambda _: None)


STEPS: Mapping[str, Callable[[str], None]] = {
    "prepare": _prepare, "fill": _fill, "compare": _compare, "back up": _back_up, "switch": _switch,
    "roll back": _roll_back, "switch again": _switch, "validate": _validate, "wait": _wait, "clean up": _clean_up,
}  # fmt: skip


def migrate(order: Mapping[str, Any], _: Any) -> list[str]:
    """The steps that the order names, one after the other."""
    for name in order["steps"]:
        STEPS[name](os.environ["ARTWORK_DATABASE_URL"])
    return []


def prepare() -> None:
    """What takes long to import is imported; nobody waits between retries."""
    from types import SimpleNamespace

    import psycopg  # noqa: F401
    import tenacity.nap

    import artwork_pipeline.stores.expansion  # noqa: F401
    import migration_kit.ledger.postgres  # noqa: F401

    tenacity.nap.time = SimpleNamespace(sleep=lambda _: None)
