"""Dagster on this machine: webserver, daemon and code servers as one server of the stack.

Its instance is the project's own dagster.yaml, its storage the stack's PostgreSQL. Talking to it belongs in
``local_stack.dagster_api``.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack.dagster_api import Dagster
from local_stack.servers.ports import preferred_or_free
from local_stack.servers.process import Process, ServerFailed, launch, wait_until_ready

PREFERRED_PORT = 3000
READY_WITHIN_SECONDS = 120.0
GRACE_SECONDS = 20.0
POOLS = {"nabo_storage": 2, "nabo_database": 2, "registry_mongodb": 2, "artwork_postgres": 2}
"""Steps that may write to each target store at once. Each limit is set explicitly: after a change of the
instance's default limit, runs that use an existing pool die:
https://github.com/dagster-io/dagster/issues/33552."""


@dataclass(frozen=True)
class RunningDagster:
    """A Dagster that answers at ``api.url``."""

    api: Dagster
    process: Process


@contextmanager
def running_dagster(
    data_dir: Path,
    environment: Mapping[str, str],
    *,
    project: Path,
    preferred_port: int | None = PREFERRED_PORT,
) -> Iterator[RunningDagster]:
    """Run Dagster on the project's workspace while the block runs.

    Raises:
        ServerFailed: it does not come up, or a code location does not load; one line that says why.
    """
    home = data_dir / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(project / "dagster.yaml", home / "dagster.yaml")
    port = preferred_or_free(preferred_port)
    process = launch(
        "Dagster",
        [
            *(Path(sys.executable).with_name("dagster"), "dev"),
            *("--workspace", project / "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)),
            *("--log-level", "warning", "--code-server-log-level", "warning"),
        ],
        log_path=data_dir / "dagster.log",
        cwd=project,
        environment={**environment, "DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"},
        grace_seconds=GRACE_SECONDS,
    )
    try:
        with Dagster(f"http://127.0.0.1:{port}") as api:
            wait_until_ready(process, api.answers, timeout_seconds=READY_WITHIN_SECONDS)
            for location, error in api.load_errors().items():
                raise ServerFailed(f"code location {location} does not load: {error}")
            for pool, limit in POOLS.items():
                api.limit_pool(pool, limit)
            yield RunningDagster(api, process)
    finally:
        process.stop()
