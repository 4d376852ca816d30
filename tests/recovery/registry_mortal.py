"""What the registry's runs do to MongoDB, and how layers are run: for `mortal.py`."""

import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

WRITES = frozenset(
    {
        "insert",
        "update",
        "delete",
        "findAndModify",
        "bulkWrite",
        "createIndexes",
        "dropIndexes",
        "create",
        "drop",
    }
    | {"dropDatabase", "renameCollection", "commitTransaction"}
)
"""The commands that change something in MongoDB; `aggregate` does with `$out` or `$merge`."""
_HASH = re.compile(r"\.[0-9a-f]{16}$")


def _restart_server() -> None:
    """The server dies as its machine would; who gave the order starts it again."""
    os.kill(int(os.environ["MONGOD"]), signal.SIGKILL)


HAPPENINGS: Mapping[str, Callable[[], None]] = {"restart": _restart_server}


def watch(outside: Any) -> None:
    """Every command that writes, and every commit, is told to ``outside`` before it is sent."""
    from pymongo import monitoring

    class Writes(monitoring.CommandListener):
        def started(self, event: Any) -> None:
            name, about = event.command_name, next(iter(event.command.values()))
            last = (event.command.get("pipeline") or [{}])[-1]
            if name in WRITES or (name == "aggregate" and {"$out", "$merge"} & {*last}):
                outside.reached(f"{outside.stage}: {name}{_about(name, about)}")

        def succeeded(self, event: Any) -> None:
            """What came back is not told."""

        def failed(self, event: Any) -> None:
            """What came back is not told."""

    monitoring.register(Writes())


def _about(command: str, about: object) -> str:
    """The collection that a command is about, without the hash in a scratch's name; the indexes of own ones as one."""
    if not isinstance(about, str):
        return ""
    if command == "createIndexes" and about.startswith("migration_"):
        return " of its own"
    return f" {_HASH.sub('', about)}"


def migrate(order: Mapping[str, Any], outside: Any) -> list[str]:
    """Assets of a layer, one run after the other until one fails, in this process; why it failed, if it did."""
    import dagster as dg

    with dg.DagsterInstance.ephemeral() as instance:
        for name in order["stages"]:
            outside.stage = name
            failures = _materialise(instance, name, order["layer"])
            if failures:
                return [f"{name}: {told}" for told in failures]
    return []


def _materialise(instance: Any, name: str, layer: str) -> Sequence[str]:
    import dagster as dg

    from asset_registry_pipeline.definitions import build_defs

    defs = build_defs()
    if name.startswith("rollback_"):
        config = {"dry_run": False, "layers": [layer]}
        result = defs.resolve_job_def(f"registry_{name}").execute_in_process(
            instance=instance,
            run_config={"ops": {name: {"config": config}}},
            tags={"dagster/backfill": "batch-2"},
            raise_on_error=False,
        )
        return _failures(result)
    job = dg.define_asset_job("one", selection=[f"registry/{name}"])
    whole = dg.Definitions(
        assets=defs.assets, jobs=[job], resources=defs.resources, executor=dg.in_process_executor
    )
    result = whole.resolve_job_def("one").execute_in_process(
        instance=instance, partition_key=layer, tags={"dagster/backfill": "batch-1"}, raise_on_error=False
    )
    return _failures(result)


def _failures(result: Any) -> Sequence[str]:
    return [
        str(getattr(event.event_specific_data.user_failure_data, "description", event))
        for event in result.all_events
        if event.event_type_value == "STEP_FAILURE"
    ]


def prepare() -> None:
    """Nobody waits between retries; what takes long to import is imported, and nothing is connected to."""
    import great_expectations  # noqa: F401 - the longest to import
    import pymongo  # noqa: F401

    import asset_registry_pipeline.definitions  # noqa: F401
    from asset_registry_pipeline.steps import publishing, rollback
    from asset_registry_pipeline.stores import backup, rows
    from migration_kit.orchestration import errors

    errors.FIRST_WAIT_SECONDS = 0
    # So that a small layer is more than one chunk of everything.
    rollback.CHUNK = publishing._CHUNK_DOCUMENTS = rows.CHUNK_ROWS = backup._CHUNK_ROWS = 3
