"""A place to measure the registry's migration in: databases of one's own, and the assets as Dagster runs them.

What an asset takes is what Dagster measures of its own step: opening, gates, Great Expectations, publishing. The start
of a run, of which a backfill has two dozen, is not in it. What is compared with what belongs to the modules beside
this one.
"""

import time
import uuid
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import psutil

from benchmarks.measure import cpu_seconds

if TYPE_CHECKING:
    import dagster as dg
    from pymongo import MongoClient

MIGRATION = ("plan", "apply", "verify")
"""The stages whose time counts as the migration's; inventory, backup and report are told by themselves."""

_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


@dataclass
class Spent:
    """Seconds of one stage: of the assets' steps, of all CPUs in Python and in mongod, and of Great Expectations."""

    seconds: float = 0.0
    cpu: float = 0.0
    mongod: float = 0.0
    expectations: float = 0.0


@dataclass
class Migration:
    """What one whole migration took, stage by stage in the order of their first asset."""

    stages: dict[str, Spent] = field(default_factory=dict)
    assets: dict[str, float] = field(default_factory=dict)

    def seconds(self, *stages: str) -> float:
        """Seconds of these stages together, of all without names."""
        return sum(spent.seconds for name, spent in self.stages.items() if not stages or name in stages)


@dataclass(frozen=True)
class Place:
    """Where the pipeline runs: `environment` holds every variable that it reads."""

    environment: Mapping[str, str]
    client: "MongoClient[dict[str, Any]]"
    instance: "dg.DagsterInstance"
    mongod: psutil.Process

    @property
    def staging(self) -> Any:
        """Staging's database."""
        return self.client[self.environment["REGISTRY_STAGING_DB"]]

    @property
    def development(self) -> Any:
        """Development's database."""
        return self.client[self.environment["REGISTRY_DEVELOPMENT_DB"]]

    def migrate(
        self,
        batch: str,
        *,
        between: Callable[[str], None] = lambda _: None,
        only: Container[str] | None = None,
    ) -> Migration:
        """Materialise every asset (or `only` these), each with all its partitions, in the order of the graph.

        `between` is called with the name of each asset before it, outside of what is measured. What fails is raised.
        """
        from asset_registry_pipeline.definitions import build_defs

        defs = build_defs()
        graph = defs.resolve_asset_graph()
        job = defs.resolve_implicit_global_asset_job_def()
        took = Migration()
        for node in (graph.get(key) for key in graph.toposorted_asset_keys):
            key = node.key
            if only is not None and key.path[-1] not in only:
                continue
            between(key.path[-1])
            layers = node.partitions_def.get_partition_keys() if node.partitions_def else [None]
            spent = took.stages.setdefault(node.tags["stage"], Spent())
            for layer in layers:
                seconds = self._materialise(job, key, layer, batch, spent)
                took.assets[key.path[-1]] = took.assets.get(key.path[-1], 0.0) + seconds
        return took

    def _materialise(
        self, job: "dg.JobDefinition", key: "dg.AssetKey", layer: str | None, batch: str, spent: Spent
    ) -> float:
        cpu, mongod = cpu_seconds(), _cpu(self.mongod)
        with _timing_expectations(spent):
            result = job.execute_in_process(
                instance=self.instance,
                partition_key=layer,
                asset_selection=[key],
                tags={"dagster/backfill": batch},
                run_config=_QUIET,
            )
        seconds: float = sum(
            event.step_success_data.duration_ms / 1000 for event in result.all_events if event.is_step_success
        )
        spent.seconds += seconds
        spent.cpu += cpu_seconds() - cpu
        spent.mongod += _cpu(self.mongod) - mongod
        return seconds

    def contents(self) -> dict[str, str]:
        """The server's own hash of each collection that a second run must leave as it is."""
        hashes = self.development.command("dbHash")["collections"]
        # When a batch began, and which run planned, verified and published, is each batch's own.
        own = ("migration_batches", "migration_plans", "migration_verdicts", "migration_publications")
        return {name: digest for name, digest in hashes.items() if name not in own}


@contextmanager
def place(environment: Mapping[str, str], layers: Mapping[str, int], folder: Path) -> Iterator[Place]:
    """A filled staging and an empty development, dropped at the end; decisions and reports are in `folder`."""
    import dagster as dg
    from pymongo import MongoClient

    name = f"bench-{uuid.uuid4().hex[:8]}"
    ours = {
        **environment,
        "REGISTRY_STAGING_DB": f"{name}-staging",
        "REGISTRY_DEVELOPMENT_DB": f"{name}-dev",
        "REGISTRY_BACKUP_DB": f"{name}-backup",
        "REGISTRY_BACKUP_PATH": "",
        "REGISTRY_DECISIONS": str(folder / f"{name}.csv"),
        "REPORTS_PATH": str(folder / name),
        # Documents are measured: services that may be asked once a second have nothing to answer.
        "ALBUM_ART_BUCKET": "",
    }
    with ExitStack() as stack:
        stack.enter_context(patch.dict("os.environ", ours))
        client = stack.enter_context(MongoClient[dict[str, Any]](ours["REGISTRY_DEVELOPMENT_URI"]))
        instance = stack.enter_context(dg.DagsterInstance.ephemeral())
        server = psutil.Process(client.admin.command("serverStatus")["pid"])
        for role in ("STAGING", "DEVELOPMENT", "BACKUP"):
            stack.callback(client.drop_database, ours[f"REGISTRY_{role}_DB"])
        _fill(ours, layers)
        yield Place(ours, client, instance, server)


def _fill(environment: Mapping[str, str], layers: Mapping[str, int]) -> None:
    """In a process of its own: what making the source takes of memory is not the migration's.

    Not forked: the server that workers are forked from is started by the migration, with what these need imported.
    """
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from local_stack.sources.registry import fill

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        other.submit(fill, dict(environment), layers=dict(layers)).result()


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _timing_expectations(spent: Spent) -> Iterator[None]:
    """Add up what Great Expectations itself takes, without the reading of the rows that are given to it."""
    from great_expectations.datasource.fluent.interfaces import Batch

    validate = Batch.validate

    def timed(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return validate(*arguments, **options)
        finally:
            spent.expectations += time.perf_counter() - began

    with patch.object(Batch, "validate", timed):
        yield
