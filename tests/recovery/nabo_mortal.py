"""What nabo's runs do to the outside, and how one category is run: for `mortal.py`."""

import os
import re
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from tests.recovery.mortal import before

STAGES = ("media_inventory", "migration_plan", "images", "media_records", "media_validation")
_WRITES = re.compile(
    r"\b(insert into|update|delete from|copy|truncate|drop table(?: if exists)?)\s+([\w\"]+\.[\w\"]+)",
    re.IGNORECASE,
)
"""Of tables with a schema: what is written to a temporary one is gone with its process."""


class _Statements:
    """Writes and commits of PostgreSQL; the first write of a transaction stands for all: death undoes the same."""

    def __init__(self, reached: Callable[[str], None]) -> None:
        self._reached = reached
        self._open: dict[int, str] = {}

    def statement(self, cursor: Any, statement: Any, *_: Any, **__: Any) -> None:
        """A statement that is about to be executed."""
        connection = cursor.connection
        event = _event_of(statement, connection)
        if event is None or id(connection) in self._open:
            return
        if connection.info.transaction_status.name != "IDLE":
            self._open[id(connection)] = event
        self._reached(event)

    def end_of_transaction(self, transaction: Any, kind: Any = None, *_: Any) -> None:
        """A transaction that commits, if anything was written in it."""
        if transaction.savepoint_name:
            return
        event = self._open.pop(id(transaction.connection), None)
        if kind is None and event:
            self._reached(f"commit of {event}")


def _drop_connections() -> None:
    import psycopg

    query = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    with psycopg.connect(os.environ["NABO_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(query)


def _storage_down() -> None:
    from local_stack.storage_api.control import StorageControl
    from local_stack.storage_api.faults import Fault

    control = StorageControl(os.environ["SUPABASE_URL"], os.environ["SUPABASE_SERVICE_ROLE_KEY"])
    control.order(Fault(100_000, status=503, path="/object"))


HAPPENINGS: Mapping[str, Callable[[], None]] = {
    "lost connections": _drop_connections, "storage down": _storage_down,
}  # fmt: skip


def watch(outside: Any) -> None:
    """Every write to PostgreSQL, every commit, every upload and download of this process is told to ``outside``."""
    import httpx
    import psycopg

    statements = _Statements(outside.reached)
    for name in ("execute", "executemany", "copy"):
        before(psycopg.Cursor, name, statements.statement)
    before(psycopg.Transaction, "__exit__", statements.end_of_transaction)

    def request(_: Any, asked: Any, **__: Any) -> None:
        path = asked.url.path.partition("/storage/v1/")[2].split("/")
        if path[0] == "upload" or (path[0] == "object" and path[1] not in ("list", "list-v2", "info")):
            outside.reached(f"{asked.method} {path[0]}")

    before(httpx.Client, "send", request)


def _event_of(statement: Any, connection: Any) -> str | None:
    if isinstance(statement, bytes):
        text = statement.decode()
    else:
        text = statement if isinstance(statement, str) else statement.as_string(connection)
    if re.search(r"create (table|schema|or replace)", text, re.IGNORECASE):
        return None  # the script that is run at each start
    writes = [f"{verb.lower()} {table.lower()}" for verb, table in _WRITES.findall(text)]
    return ", ".join(dict.fromkeys(writes)) or None


def migrate(order: Mapping[str, Any], _: Any) -> list[str]:
    """One category through the stages that the order names, in this process; why it failed, if it did."""
    import dagster as dg

    from nabo_pipeline.definitions import build_defs

    with dg.DagsterInstance.ephemeral() as instance:
        result = build_defs().resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            partition_key=order["category"],
            asset_selection=[dg.AssetKey(["nabo", name]) for name in order.get("stages", STAGES)],
            raise_on_error=False,
        )  # fmt: skip
        return [
            str(getattr(event.event_specific_data.user_failure_data, "description", event))
            for event in result.all_events
            if event.event_type_value == "STEP_FAILURE"
        ]


def prepare() -> None:
    """Nobody waits between retries, and pictures are decoded here.

    The isolation of decoders has tests of its own; starting them anew for each of some sixty runs is what would take
    the time.
    """
    import great_expectations  # noqa: F401 - the longest to import
    import supabase  # noqa: F401
    import tenacity.nap

    from migration_kit.orchestration import errors
    from migration_kit.pictures.isolation import IsolatedWorkers

    errors.FIRST_WAIT_SECONDS = 0
    tenacity.nap.time = SimpleNamespace(sleep=lambda _: None)
    IsolatedWorkers.run = lambda _, function, argument: function(argument)
