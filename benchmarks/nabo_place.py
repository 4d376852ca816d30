"""A place to measure in: a filled backup, a target, and the pipeline's assets run as Dagster runs them.

What is measured there, and what it is compared with, belongs to the modules beside this one.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.measure import cpu_seconds

if TYPE_CHECKING:
    import dagster as dg

CATEGORY = "service"
"""Services alone: Storage refuses what the plan's way makes of most profiles (their bucket ends at 2 MB)."""


@dataclass(frozen=True)
class Stage:
    """What an asset took. `seconds`: its own step; `wall`: Dagster's run around it, too.

    CPU seconds of that run: `cpu` of all processes, `own_cpu` of this one alone, without the workers.
    """

    seconds: float
    wall: float
    cpu: float
    own_cpu: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the pipeline runs: `environment` holds every variable that it reads."""

    environment: Mapping[str, str]
    instance: "dg.DagsterInstance"

    @property
    def backup(self) -> Path:
        """The folder with the backup."""
        return Path(self.environment["S3_BACKUP_PATH"])

    def run(self, name: str, category: str = CATEGORY) -> Stage:
        """Materialises one asset of a category; what fails is raised."""
        import dagster as dg

        from nabo_pipeline.definitions import build_defs

        job = build_defs().resolve_implicit_global_asset_job_def()
        began, cpu, own = time.perf_counter(), cpu_seconds(), time.process_time()
        result = job.execute_in_process(
            instance=self.instance,
            partition_key=category,
            asset_selection=[dg.AssetKey(["nabo", name])],
        )
        wall, cpu, own = time.perf_counter() - began, cpu_seconds() - cpu, time.process_time() - own
        seconds = sum(
            event.step_success_data.duration_ms for event in result.all_events if event.is_step_success
        )
        (made,) = result.get_asset_materialization_events()
        metadata = {key: value.value for key, value in made.materialization.metadata.items()}
        return Stage(seconds / 1000, wall, cpu, own, metadata)

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the target's database."""
        import psycopg

        with psycopg.connect(self.environment["NABO_DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(text.encode(), values)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def place(environment: Mapping[str, str], folder: Path) -> Iterator[Place]:
    """A place whose backup, mappings and reports are in `folder`; the servers are those of `environment`."""
    import dagster as dg

    ours = {
        **environment,
        "S3_BACKUP_PATH": str(folder / "backup"),
        "NABO_MAPPINGS_PATH": str(folder / "mappings"),
        "REPORTS_PATH": str(folder / "reports"),
    }
    for name in ("S3_BACKUP_PATH", "NABO_MAPPINGS_PATH", "REPORTS_PATH"):
        Path(ours[name]).mkdir(exist_ok=True)
    with patch.dict("os.environ", ours), dg.DagsterInstance.ephemeral() as instance:
        yield Place(ours, instance)
