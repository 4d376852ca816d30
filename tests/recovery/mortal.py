"""A process that migrates one category and dies, or loses a server, where it is told to. Run as a script.

It forks a child for each order (a line of JSON on its standard input), which is killed by SIGKILL as a machine that is
switched off. What a child had to import is imported here for those that come after it. What a child does to the outside
is seen as events: statements that write, commits, uploads and downloads. An order names the event before which
something happens.
"""

import gc
import importlib
import json
import os
import re
import selectors
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from threading import Lock
from types import SimpleNamespace
from typing import Any

STAGES = ("media_inventory", "migration_plan", "images", "media_records", "media_validation")
_WRITES = re.compile(
    r"\b(insert into|update|delete from|copy|truncate|drop table(?: if exists)?)\s+([\w\"]+\.[\w\"]+)",
    re.IGNORECASE,
)
"""Of tables with a schema: what is written to a temporary one is gone with its process."""


class Outside:
    """The events of this process, and what happens before one of them."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.events: list[str] = []
        self._order = order
        self._lock = Lock()
        self._seen = 0
        self._open: dict[int, str] = {}

    def reached(self, event: str) -> None:
        """Something is about to be done to the outside."""
        with self._lock:
            self.events.append(event)
            place = self._order.get("at")
            due = place == event if isinstance(place, str) else place == len(self.events)
            self._seen += due
            if not due or self._seen != self._order.get("nth", 1):
                return
        _HAPPENINGS[self._order["happens"]]()

    def statement(self, cursor: Any, statement: Any, *_: Any, **__: Any) -> None:
        """A statement of PostgreSQL; the first write of a transaction stands for all: death undoes the same."""
        connection = cursor.connection
        event = _event_of(statement, connection)
        if event is None or id(connection) in self._open:
            return
        if connection.info.transaction_status.name != "IDLE":
            self._open[id(connection)] = event
        self.reached(event)

    def end_of_transaction(self, transaction: Any, kind: Any = None, *_: Any) -> None:
        """A transaction that commits, if anything was written in it."""
        if transaction.savepoint_name:
            return
        event = self._open.pop(id(transaction.connection), None)
        if kind is None and event:
            self.reached(f"commit of {event}")

    def request(self, _: Any, request: Any, **__: Any) -> None:
        """A request to Storage that carries a picture."""
        path = request.url.path.partition("/storage/v1/")[2].split("/")
        if path[0] == "upload" or (path[0] == "object" and path[1] not in ("list", "list-v2", "info")):
            self.reached(f"{request.method} {path[0]}")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


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


_HAPPENINGS: Mapping[str, Callable[[], None]] = {
    "death": _die, "lost connections": _drop_connections, "storage down": _storage_down,
}  # fmt: skip


def watch(outside: Outside) -> None:
    """Every write to PostgreSQL, every commit, every upload and download of this process is told to ``outside``."""
    import httpx
    import psycopg

    for name in ("execute", "executemany", "copy"):
        _before(psycopg.Cursor, name, outside.statement)
    _before(psycopg.Transaction, "__exit__", outside.end_of_transaction)
    _before(httpx.Client, "send", outside.request)


def _before(owner: Any, name: str, tell: Callable[..., None]) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        tell(*args, **kwargs)
        return original(*args, **kwargs)

    setattr(owner, name, watched)


def _event_of(statement: Any, connection: Any) -> str | None:
    if isinstance(statement, bytes):
        text = statement.decode()
    else:
        text = statement if isinstance(statement, str) else statement.as_string(connection)
    if re.search(r"create (table|schema|or replace)", text, re.IGNORECASE):
        return None  # the script that is run at each start
    writes = [f"{verb.lower()} {table.lower()}" for verb, table in _WRITES.findall(text)]
    return ", ".join(dict.fromkeys(writes)) or None


def migrate(order: Mapping[str, Any]) -> dict[str, Any]:
    """One category through the stages that the order names, in this process."""
    import dagster as dg

    from nabo_pipeline.definitions import build_defs

    outside = Outside(order)
    watch(outside)
    with dg.DagsterInstance.ephemeral() as instance:
        result = build_defs().resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            partition_key=order["category"],
            asset_selection=[dg.AssetKey(["nabo", name]) for name in order.get("stages", STAGES)],
            raise_on_error=False,
        )  # fmt: skip
        failures = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    told = [
        str(getattr(event.event_specific_data.user_failure_data, "description", event)) for event in failures
    ]
    return {"success": result.success, "events": outside.events, "failures": told}


def prepare() -> None:
    """Nobody waits between retries, and pictures are decoded here.

    The isolation of decoders has tests of its own; starting them anew for each of some sixty runs is what would take
    the time.
    """
    import great_expectations  # noqa: F401 - the longest to import
    import supabase  # noqa: F401
    import tenacity.nap

    from migration_kit.orchestration import errors
    from nabo_pipeline.codecs.isolation import IsolatedWorkers

    errors.FIRST_WAIT_SECONDS = 0
    tenacity.nap.time = SimpleNamespace(sleep=lambda _: None)
    IsolatedWorkers.run = lambda _, function, argument: function(argument)


def learn(modules: list[str]) -> None:
    """Imports what a child had to import."""
    for name in modules:
        with suppress(Exception):
            importlib.import_module(name)
    gc.freeze()


def child(order: Mapping[str, Any], answer: int) -> None:
    """In the forked process: migrate as ordered and say how it ended, if it ends."""
    os.environ.update(order["environment"])
    sink = os.open(os.devnull, os.O_WRONLY)
    for stream in (0, 1, 2):
        os.dup2(sink, stream)
    known = set(sys.modules)
    with os.fdopen(answer, "w") as pipe:
        try:
            told = migrate(order)
            json.dump({**told, "imported": sorted(set(sys.modules) - known)}, pipe)
        except BaseException as error:
            json.dump({"success": False, "events": [], "failures": [repr(error)]}, pipe)


@contextmanager
def _forked(order: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(order, writing)
        os._exit(0)
    os.close(writing)
    yield pid, reading


def say(answer: Mapping[str, Any]) -> None:
    """A line of JSON to who gives the orders."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve() -> None:
    """Orders from standard input, answers to standard output, several children at once."""
    prepare()
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    waiting, answers = b"", {}
    say({"ready": True})
    while True:
        for key, _ in selector.select():
            if key.fd == sys.stdin.fileno():
                found = os.read(key.fd, 65536)
                if not found:
                    return
                *lines, waiting = (waiting + found).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    with _forked(order) as (pid, reading):
                        selector.register(reading, selectors.EVENT_READ, (order["id"], pid))
                        answers[reading] = b""
                continue
            found = os.read(key.fd, 65536)
            answers[key.fd] += found
            if not found:  # its end of the pipe is closed: it is done, or dead
                selector.unregister(key.fd)
                os.close(key.fd)
                number, pid = key.data
                _, status = os.waitpid(pid, 0)
                told = json.loads(answers.pop(key.fd) or b"{}")
                learn(told.pop("imported", []))
                say({"id": number, "killed": os.WIFSIGNALED(status), **told})


if __name__ == "__main__":
    serve()
