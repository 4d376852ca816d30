"""Databases in the states a migration goes through, each made once and cloned for every test that wants one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.definitions import build_defs
from artwork_pipeline.resources import ArtworkDatabase
from artwork_pipeline.stores import backfill, expansion, installation, plan, verification
from artwork_pipeline.stores.sessions import SCHEMA, session
from local_stack.sources import artworks
from local_stack.stack import Servers
from migration_kit.ledger.postgres import PostgresLedger
from tests.integration.artwork_pipeline import cleaning, shop
from tests.integration.artwork_pipeline import sides as both_sides
from tests.integration.artwork_pipeline.clones import Clones

ROWS = 500
INVENTORY = ("dialect", "dependents", "dry_run", "preflight")


class Steps:
    """The stages as plain calls of the stores, for tests that need no Dagster."""

    @staticmethod
    def prepare(url: str) -> None:
        """Plan, expansion and users, as the unpartitioned assets do it."""
        with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
            ledger.install()
            source = installation.recognise_source(connection)
            plan.make_plan(connection, ledger, source, "prepare")
            expansion.expand(connection, source, "prepare", log=print)
            plan.make_plan(connection, ledger, source, "prepare")
            backfill.create_users(connection)

    @staticmethod
    def fill_month(
        url: str, month: str, *, batch_size: int = 10_000, run_id: str = "run", batch_id: str = "batch"
    ) -> int:
        """Fill one slice; how many rows of the clean table and of the ledger were written."""
        batches = backfill.backfill(url, month, batch_size=batch_size, run_id=run_id, batch_id=batch_id)
        return sum(batch.clean_rows + batch.outcomes for batch in batches)

    @staticmethod
    def fill_all(url: str) -> int:
        return sum(Steps.fill_month(url, month) for month in SLICES)

    @staticmethod
    def differences(url: str) -> list[verification.Difference]:
        """Every difference in every slice; a remainder in the accounting is one, too."""
        found: list[verification.Difference] = []
        with session(url) as connection:
            for month in SLICES:
                comparison = verification.compare(connection, month)
                found.extend(comparison.differences)
                assert comparison.accounting.balanced or comparison.differences, (
                    f"{month}: {comparison.accounting}"
                )
        return found

    @staticmethod
    def failure(result: Any) -> str:
        """What the person on call reads of a failed run."""
        assert not result.success
        events = [event for event in result.all_events if event.is_step_failure]
        return "\n".join(
            event.step_failure_data.user_failure_data.description
            for event in events
            if event.step_failure_data.user_failure_data
        )


@pytest.fixture(scope="session")
def steps() -> type[Steps]:
    return Steps


@pytest.fixture(scope="session")
def templates(servers: Servers) -> Clones:
    return Clones(servers["postgres"])


@pytest.fixture
def clones(templates: Clones) -> Iterator[Clones]:
    yield templates
    templates.drop()


def _fill(url: str) -> None:
    artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=ROWS)


def _expand(url: str) -> None:
    _fill(url)
    Steps.prepare(url)


def _migrate(url: str) -> None:
    _expand(url)
    Steps.fill_all(url)


@pytest.fixture
def source(clones: Clones) -> str:
    """A source of 500 rows in dialect B, untouched."""
    return clones.of("source", _fill)


@pytest.fixture
def expanded(clones: Clones) -> str:
    """The same, planned and expanded, its users made; no row is filled in yet."""
    return clones.of("expanded", _expand)


@pytest.fixture
def migrated(clones: Clones) -> str:
    """The same, every slice filled."""
    return clones.of("migrated", _migrate)


def _side_by_side(clones: Clones, state: str) -> tuple[str, str, str]:
    url = clones.of("migrated", _migrate)
    if state == "switched":
        both_sides.rename(url, switched=True)
    return url, *both_sides.NAMES[state]


@pytest.fixture(scope="module")
def sides(request: pytest.FixtureRequest, templates: Clones) -> Iterator[tuple[str, str, str]]:
    """The same, and what the old and the clean table are called: as if switched over, unless a test asks for both.

    One for all tests of a module, each of which leaves both tables alike.
    """
    own = Clones(templates.server, templates.made)
    yield _side_by_side(own, getattr(request, "param", "switched"))
    own.drop()


@pytest.fixture
def own_sides(clones: Clones) -> tuple[str, str, str]:
    """The same, as if switched over, for a test that alters the tables."""
    return _side_by_side(clones, "switched")


@pytest.fixture(scope="module")
def untouched(templates: Clones) -> Iterator[str]:
    """The same, one for all tests of a module that take back what they do."""
    own = Clones(templates.server, templates.made)
    yield own.of("migrated", _migrate)
    own.drop()


@pytest.fixture
def connection(untouched: str) -> Iterator[psycopg.Connection[Any]]:
    """A session on it, rows as mappings, all of whose work is rolled back at the end of the test."""
    with psycopg.connect(untouched, row_factory=psycopg.rows.dict_row) as opened:
        yield opened
        opened.rollback()


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the archives lie that are made once and cloned with their databases."""
    return tmp_path_factory.mktemp("reports")


def _ready(url: str) -> None:
    owner = shop.owned(url)
    _migrate(owner)
    shop.pass_verification(owner)


@pytest.fixture
def ready(clones: Clones, reports_path: Any) -> str:
    """The same in the hands of a plain owner, every slice compared; what it lacks for a switch-over is a backup."""
    shop.make_roles(clones.server.url)
    return shop.owned(clones.of("ready", _ready))


@pytest.fixture
def backed_up(clones: Clones, archives: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same with a proved archive: nothing speaks against a switch-over."""
    shop.make_roles(clones.server.url)
    monkeypatch.setenv("REPORTS_PATH", str(archives))

    def make(url: str) -> None:
        _ready(url)
        shop.back_up(shop.owned(url))

    return shop.owned(clones.of("backed_up", make))


def _due(clones: Clones, archives: Path) -> str:
    shop.make_roles(clones.server.url)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REPORTS_PATH", str(archives))
        url = shop.owned(clones.of("switched", lambda url: cleaning.switch_over(url, Steps)))
    cleaning.let_a_month_pass(url)
    return url


@pytest.fixture
def due(clones: Clones, archives: Path) -> str:
    """A database that was switched over 31 days ago, every key validated, nothing against its cleanup."""
    return _due(clones, archives)


@pytest.fixture(scope="module")
def still_due(templates: Clones, archives: Path) -> Iterator[str]:
    """The same, one for all tests of a module that leave it as due as it was."""
    own = Clones(templates.server, templates.made)
    yield _due(own, archives)
    own.drop()


@dataclass(frozen=True)
class Pipeline:
    """The code location's assets, materialised as Dagster does it; several runs share one instance."""

    url: str
    instance: dg.DagsterInstance
    batch: str = "first"

    def run(self, *names: str, month: str | None = None, run_config: Mapping[str, Any] | None = None) -> Any:
        defs = build_defs({"database": ArtworkDatabase(url=self.url)})
        assets = [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)]
        return dg.materialize(
            assets,
            selection=[dg.AssetKey(["artwork", name]) for name in names],
            partition_key=month,
            instance=self.instance,
            resources=defs.resources,
            tags={"dagster/backfill": self.batch},
            run_config=run_config,
            raise_on_error=False,
        )

    def prepare(self) -> Any:
        return self.run(*INVENTORY, "classification", "expanded_schema", "users")

    def month(self, month: str) -> Any:
        return self.run("backfill", "verification", month=month)

    def report(self) -> Any:
        return self.run("migration_report")


@pytest.fixture
def pipeline_of(reports_path: Any) -> Iterator[Callable[[str], Pipeline]]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield lambda url: Pipeline(url, instance)


@pytest.fixture
def query() -> Callable[..., list[Any]]:
    """Run one statement and give its rows, if it has any."""

    def ask(url: str, statement: str, *parameters: object) -> list[Any]:
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    return ask


@pytest.fixture
def unseen(query: Callable[..., list[Any]]) -> Callable[[str, str], None]:
    """Run statements on the clean table behind the back of its triggers: nothing is carried to the old one."""

    def write(url: str, statements: str) -> None:
        query(url, "ALTER TABLE artworks_v2 DISABLE TRIGGER USER")
        for statement in filter(str.strip, statements.split(";")):
            query(url, statement)
        query(url, "ALTER TABLE artworks_v2 ENABLE TRIGGER USER")

    return write
