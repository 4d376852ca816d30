"""A million files: how fast inventory, plan and accounting are, and that their memory does not grow with the files.

The backup is made up as it is listed; inventory, plan, ledger and PostgreSQL are the real ones. How fast pictures are
carried over belongs to `nabo`.
"""

import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING
from unittest.mock import patch
from uuid import UUID

import psutil

from benchmarks.measure import MIB
from local_stack.sources.media import SMALL, fill
from nabo_pipeline.media.inventory import StoredObject
from nabo_pipeline.media.mappings import Mappings, MigratedService
from nabo_pipeline.media.plans import MIGRATE
from nabo_pipeline.stores.backup_errors import UnreadableError

if TYPE_CHECKING:
    from migration_kit.ledger import Entry, Plan
    from migration_kit.ledger.postgres import PostgresLedger
    from nabo_pipeline.media.plans import PlanItem
    from nabo_pipeline.stores.state import StateStore

FILES = 1_000_000
IMAGES_A_SERVICE = 5
MAPPED_EVERY = 6
"""One service of six is mapped, as in the real backup."""
PNG = b"\x89PNG\r\n\x1a\n"
THREADS = 16
SAMPLE_EVERY_SECONDS = 0.05


def new_id(kind: int, number: int) -> str:
    """A UUIDv4 that is the same in every run."""
    return str(UUID(int=(kind << 96) | (number * 0x9E3779B97F4A7C15 % 2**62), version=4))


@dataclass(frozen=True)
class MadeUpBackup:
    """A backup of `files` service images that is nowhere: each object is made as it is listed or read."""

    files: int

    @property
    def services(self) -> int:
        """How many services have images."""
        return -(-self.files // IMAGES_A_SERVICE)

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        """Every object."""
        if not "Service-Images/".startswith(prefix):
            return
        for number in range(self.files):
            service = new_id(1, number // IMAGES_A_SERVICE)
            yield StoredObject(
                f"Service-Images/{service}/{new_id(2, number)}", 3_000_000 + number % 1000, "1"
            )

    def head(self, key: str, length: int) -> bytes:  # noqa: ARG002 - the protocol's
        """The first bytes of a PNG."""
        return PNG[:length]

    def read(self, key: str, *, at_most: int) -> bytes:  # noqa: ARG002 - the protocol's
        """Refused: inventory and plan read no whole file, and no picture is carried over here."""
        raise UnreadableError("this backup has no whole files", item=key)

    def mappings(self, stylist: str) -> Mappings:
        """One service of six is mapped, all to one stylist."""
        mapped = (new_id(1, number) for number in range(0, self.services, MAPPED_EVERY))
        services = {service: MigratedService(service, stylist) for service in mapped}
        return Mappings({new_id(4, 1): stylist}, services)


def run(environment: Mapping[str, str]) -> dict[str, float]:
    """Inventory, plan and accounting of a tenth of the files and of all of them (BENCH_FILES, a million if unset).

    Rows a second: higher is better; MiB of this process: lower is better, and `grown_mib` should be near 0.

    Raises:
        RuntimeError: a second run wrote something, or a file was not accounted for.
    """
    files = int(environment.get("BENCH_FILES") or FILES)
    with tempfile.TemporaryDirectory(prefix="bench-scale-", dir="/var/tmp") as folder:
        ours = {
            **environment,
            "S3_BACKUP_PATH": f"{folder}/backup",
            "NABO_MAPPINGS_PATH": f"{folder}/mappings",
            "REPORTS_PATH": f"{folder}/reports",
        }
        Path(ours["S3_BACKUP_PATH"]).mkdir()
        fill(ours, shape=SMALL)
        with patch.dict(os.environ, ours):
            _measure(ours, 1_000)  # imports, connections, the first pages of memory
            _, few = _measure(ours, files // 10)
            figures, many = _measure(ours, files)
    return figures | {"files": float(files), "peak_tenth_mib": few, "peak_mib": many, "grown_mib": many - few}


def _measure(environment: Mapping[str, str], files: int) -> tuple[dict[str, float], float]:
    """The figures, and the largest resident size of this process (MiB) at the end of a step."""
    from migration_kit.ledger.postgres import PostgresLedger
    from nabo_pipeline.steps.inventory import scan
    from nabo_pipeline.stores.inventory_draft import drafted_inventory
    from nabo_pipeline.stores.state import SCHEMA, StateStore

    backup, conninfo = MadeUpBackup(files), environment["NABO_DATABASE_URL"]
    spent: dict[str, float] = {}
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(PostgresLedger(conninfo, SCHEMA)))
        state = stack.enter_context(closing(StateStore(conninfo)))
        ledger.install()
        state.install()
        mappings = backup.mappings(_place_target(state, backup))
        watch = _Watch()
        for name, expected in (("inventory", files), ("inventory_again", 0)):
            with watch.timing(spent, name), drafted_inventory(conninfo, "service") as draft:
                found = scan(backup, "service", draft, chats_migrated=False, threads=THREADS, log=_quiet)
                written = draft.publish(found.listing)
            _require(name, (written > 0) == (expected > 0) and found.listing.files == files)
        for name in ("plan", "plan_again"):
            with watch.timing(spent, name):
                written = _plan(environment, state, ledger, mappings)
            _require(name, (written > 0) == (name == "plan"))
        plan = ledger.plan("service")
        assert plan is not None
        with watch.timing(spent, "ledger"):
            _settle(state, ledger, plan)
        with watch.timing(spent, "accounting"):
            _account(state, plan)
    figures = {f"{name}_rows_per_s": files / seconds for name, seconds in spent.items()}
    return figures, watch.peak / MIB


def _place_target(state: "StateStore", backup: MadeUpBackup) -> str:
    """Empties the migration's own tables and puts the mapped services into the target; returns their stylist."""
    connection = state.connection
    connection.execute(
        "truncate nabo_migration.inventory, nabo_migration.plan_items, nabo_migration.plans,"
        " nabo_migration.listings, nabo_migration.outcomes"
    )
    ((stylist,),) = connection.execute("select min(stylist_id::text) from public.services").fetchall()
    ids = [new_id(1, number) for number in range(0, backup.services, MAPPED_EVERY)]
    connection.execute(
        "insert into public.services (id, stylist_id, title, price, duration_minutes)"
        " select id, %s, 'Made up', 1, 30 from unnest(%s::uuid[]) as id on conflict do nothing",
        [stylist, ids],
    )
    return str(stylist)


def _plan(
    environment: Mapping[str, str], state: "StateStore", ledger: "PostgresLedger", mappings: Mappings
) -> int:
    """Drafts, validates and publishes the plan; returns the rows written."""
    from migration_kit.ledger import Plan
    from migration_kit.suites import validate_query
    from nabo_pipeline.steps.planning import Estimating, Planner, draft_plan
    from nabo_pipeline.stores.estimates_file import read_estimates
    from nabo_pipeline.stores.plan_draft import drafted_plan
    from nabo_pipeline.stores.storage import Storage
    from nabo_pipeline.stores.target import Target
    from nabo_pipeline.suites.plan import PLAN, rows_query

    storage = Storage(environment["SUPABASE_URL"], environment["SUPABASE_SERVICE_ROLE_KEY"])
    estimating = Estimating(read_estimates(""), "smallest faithful", 85, 2)
    with closing(Target(state.conninfo)) as target, drafted_plan(state.conninfo, "service") as candidate:
        planner = Planner(state, mappings, target, storage, estimating, _quiet)
        draft = draft_plan("service", planner, candidate)
        report = validate_query(state.conninfo, rows_query(candidate.table), PLAN)
        _require(f"plan: {report.broken}", report.passed)
        written = candidate.publish()
    ledger.save_plan(Plan("service", draft.fingerprint, draft.source_fingerprint, draft.totals.items))
    return written


def _settle(state: "StateStore", ledger: "PostgresLedger", plan: "Plan") -> None:
    """An outcome for every file: what the plan decided set-wise, the others as if they had been carried over."""
    from nabo_pipeline.steps.planning import require_plan
    from nabo_pipeline.stores.pending import settle_decided

    settle_decided(state.connection, "service", "bench", "bench")
    require_plan(state, plan)
    ledger.record(_carried(item) for item in state.plan_items("service", action=MIGRATE))


def _carried(item: "PlanItem") -> "Entry":
    from migration_kit.accounting import State
    from migration_kit.ledger import Entry

    detail = {"bucket": item.bucket, "path": f"{item.stem}.webp", "version": item.version, "bytes": item.size}
    return Entry(item.item, "service", State.MIGRATED, None, "0" * 64, "1" * 64, detail, "bench", "bench")


def _account(state: "StateStore", plan: "Plan") -> None:
    from nabo_pipeline.assets.common import account, problems

    accounting = account(state, plan)
    told = problems(state, "bench", "service")
    _require("accounting", accounting.balanced and told["left_the_backup_since_migrated"] == 0)


def _require(what: str, holds: bool) -> None:  # noqa: FBT001 - a condition
    if not holds:
        raise RuntimeError(f"{what}: not as it should be")


def _quiet(_: str) -> None:
    """Nobody reads the log of a measurement."""


class _Watch:
    """Seconds of each step, and the largest resident size of this process while one runs."""

    def __init__(self) -> None:
        self.peak = 0

    @contextmanager
    def timing(self, spent: dict[str, float], name: str) -> Iterator[None]:
        done = threading.Event()
        watcher = threading.Thread(target=self._sample, args=(done,), daemon=True)
        watcher.start()
        began = perf_counter()
        try:
            yield
        finally:
            spent[name] = perf_counter() - began
            done.set()
            watcher.join()

    def _sample(self, done: threading.Event) -> None:
        while not done.wait(SAMPLE_EVERY_SECONDS):
            self.peak = max(self.peak, psutil.Process().memory_info().rss)
