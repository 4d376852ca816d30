"""A filled staging database, an empty development one, and a way to materialise assets between them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database

from asset_registry_pipeline.definitions import build_defs
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.steps import apply, comparing, decisions, enrichment, inventory, plan, verify
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry, opened
from asset_registry_pipeline.stores.settings import Settings
from local_stack.sources import registry as source
from migration_kit.variables import VARIABLES
from tests.integration.asset_registry_pipeline.backup_place import Place

COMPONENTS, SONGS, COMPOSITES = ("S", "L", "W", "M"), ("G",), ("C",)
LAYERS = (*COMPONENTS, *SONGS, *COMPOSITES)
_INTO_DEVELOPMENT = {
    **dict.fromkeys(COMPONENTS, ("component_candidates", "components")),
    "G": ("song_enrichment", "song_candidates", "songs"),
    "C": ("composite_prerequisites", "composite_candidates", "composites"),
}


@dataclass
class World:
    """Staging, development and a Dagster instance; what a person with the UI could do to them."""

    environment: dict[str, str]
    client: MongoClient[dict[str, Any]]
    instance: dg.DagsterInstance
    folder: Path
    profile: dict[str, Any] = field(default_factory=dict)

    @property
    def staging(self) -> Database[dict[str, Any]]:
        return self.client[self.environment["REGISTRY_STAGING_DB"]]

    @property
    def development(self) -> Database[dict[str, Any]]:
        return self.client[self.environment["REGISTRY_DEVELOPMENT_DB"]]

    def settings(self) -> Settings:
        names = {field.name: field.name.upper() for field in fields(Settings)}
        names = {
            name: f"REGISTRY_{own}" if f"REGISTRY_{own}" in VARIABLES else own for name, own in names.items()
        }
        return Settings(**{name: self.environment.get(variable, "") for name, variable in names.items()})

    def registry(self) -> Any:
        return opened(self.settings())

    @contextmanager
    def steps(self) -> Iterator["Steps"]:
        """The stages without Dagster, on connections of their own."""
        with self.registry() as opened_registry:
            opened_registry.ledger.install()
            opened_registry.workspace.install()
            yield Steps(opened_registry)

    def use_profile(self, **changes: Any) -> None:
        """Migrate by the default profile with some choices changed."""
        text = Path(source.__file__).parents[3] / "asset_registry_pipeline" / "profiles" / "default.yaml"
        path = self.folder / "profile.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(text.read_text()) | changes))
        self.environment["REGISTRY_PROFILE"] = str(path)

    def materialise(
        self, *names: str, layer: str | None = None, batch: str = "batch-1"
    ) -> dg.ExecuteInProcessResult:
        """Materialise some assets of one partition in one run, as the UI's button does."""
        settings = self.settings()
        defs = build_defs(
            {
                "registry": RegistryResource(
                    **{name: getattr(settings, name) for name in settings.__dataclass_fields__}
                )
            }
        )
        job = dg.define_asset_job("chosen", selection=[f"registry/{name}" for name in names])
        whole = dg.Definitions(
            assets=defs.assets, jobs=[job], resources=defs.resources, executor=dg.in_process_executor
        )
        return whole.resolve_job_def("chosen").execute_in_process(
            instance=self.instance,
            partition_key=layer,
            tags={"dagster/backfill": batch},
            raise_on_error=False,
        )

    def migrate_layer(self, layer: str, *, batch: str = "batch-1") -> dg.ExecuteInProcessResult:
        """Plan and apply one layer from a fresh inventory and its backup."""
        assert self.materialise("staging_inventory", "staging_backup", layer=layer, batch=batch).success
        return self.materialise(*_INTO_DEVELOPMENT[layer], layer=layer, batch=batch)

    def migrate(self, *, batch: str = "batch-1") -> Mapping[str, Any]:
        """Everything, in the order of the phases; the report's metadata."""
        for layer in LAYERS:
            result = self.migrate_layer(layer, batch=batch)
            assert result.success, f"{layer}: {self.failure(result)}"
        for layer in LAYERS:
            result = self.materialise("reconciliation", layer=layer, batch=batch)
            assert result.success, f"{layer}: {self.failure(result)}"
        return self.metadata(self.materialise("migration_report", batch=batch))

    @staticmethod
    def metadata(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
        events = result.get_asset_materialization_events()
        assert result.success
        assert events
        return {key: value.value for key, value in events[-1].materialization.metadata.items()}

    @staticmethod
    def failure(result: dg.ExecuteInProcessResult) -> str:
        """The words a person reads when the run has failed."""
        assert not result.success
        failed = [event for event in result.all_events if event.is_step_failure]
        error = failed[0].step_failure_data
        told = error.user_failure_data.description if error.user_failure_data else ""
        return told or error.error_display_string

    def everything(self) -> dict[str, list[RawBSONDocument]]:
        """Every document of development's assets and of the ledger, to compare before and after."""
        return {
            # As bytes: not every date can be decoded, and NaN is not equal to itself.
            name: list(self.development.get_collection(name, codec_options=codec.RAW).find().sort("_id", 1))
            for name in ("assets", "migration_ledger", "migration_candidates", "migration_decisions")
        }

    def outcome(self, identifier: Any) -> dict[str, Any] | None:
        return self.development["migration_ledger"].find_one({"_id": str(identifier)})


@contextmanager
def making_worlds(mongo: Any, folder: Path) -> Iterator[Callable[..., World]]:
    """A function that makes a world in these two databases; `layers` and `dirt` go to the synthetic source."""
    with (
        MongoClient[dict[str, Any]](mongo.uri, tz_aware=True) as client,
        dg.DagsterInstance.ephemeral() as instance,
    ):

        def make(*, layers: Mapping[str, int] = source.SMALL, dirt: bool = True) -> World:
            environment = {
                "REGISTRY_STAGING_URI": mongo.uri,
                "REGISTRY_STAGING_DB": mongo.staging,
                "REGISTRY_DEVELOPMENT_URI": mongo.uri,
                "REGISTRY_DEVELOPMENT_DB": mongo.development,
                "REGISTRY_DECISIONS": str(folder / "decisions.csv"),
            }
            source.fill(environment, layers=layers, dirt=dirt)
            world = World(environment, client, instance, folder)
            world.use_profile(expected=dict(layers))
            return world

        yield make


@pytest.fixture
def make_world(mongo: Any, reports_path: Path, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make the world of a test; `layers` and `dirt` go to the synthetic source."""
    with making_worlds(mongo, tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_world(
    mongo_of_module: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., World]]:
    """Make one world for all tests of a module, which only look at what was done in it."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch, making_worlds(mongo_of_module, folder) as make:
        patch.setenv("REPORTS_PATH", str(folder / "reports"))
        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A small source with every kind of dirt."""
    return make_world()


@pytest.fixture
def registry(world: World) -> Iterator[Registry]:
    """The stores of the world, open."""
    with world.registry() as opened_registry:
        opened_registry.ledger.install()
        opened_registry.workspace.install()
        yield opened_registry


@dataclass
class Steps:
    """The stages as functions over one open registry: as the assets run them, without Dagster and suites."""

    registry: Registry

    def plan(self, layer: str, *, batch: str = "batch-1") -> Any:
        inventory.take(self.registry, layer, run_id="run", batch=batch)
        if layer != "C":
            decisions.import_decisions(self.registry, layer)
        if layer == "G":
            enrichment.enrich(self.registry, log=lambda _: None)
        return plan.make(self.registry, layer, run_id="run", accepted=self.accepted(layer))

    def publish(self, layer: str, *, batch: str = "batch-1", run: str = "run") -> apply.Published:
        staged = apply.load_staged(self.registry, layer, self.accepted(layer))
        # As the suites do, which refuse to judge other outcomes than were planned.
        for _ in apply.outcome_rows(self.registry, staged):
            pass
        return apply.publish(self.registry, staged, run_id=run, batch=batch, log=lambda _: None)

    def migrate(self, layer: str, *, batch: str = "batch-1") -> apply.Published:
        self.plan(layer, batch=batch)
        return self.publish(layer, batch=batch)

    def reconcile(self, layer: str) -> tuple[list[dict[str, Any]], verify.Tally]:
        tally = verify.Tally()
        rows = verify.rows(self.registry, layer, tally, batch="batch-1")
        return [dict(zip(comparing.COLUMNS, row, strict=True)) for row in rows], tally

    @staticmethod
    def accepted(layer: str) -> dict[str, str] | None:
        return {} if layer == "C" else None


@pytest.fixture
def steps(registry: Registry) -> Steps:
    """The stages of the world, without Dagster."""
    return Steps(registry)


@pytest.fixture
def empty_world(make_world: Callable[..., World]) -> World:
    """A world whose staging is empty: these tests fill it themselves."""
    world = make_world(layers=dict.fromkeys("SLWMGC", 2), dirt=False)
    for name in ("assets", "taxonomies"):
        world.staging[name].delete_many({})
    world.environment["REGISTRY_DECISIONS"] = ""
    return world


@pytest.fixture(params=["database", "files"])
def place(request: Any, empty_world: World, tmp_path: Path) -> Place:
    """Both kinds of places for backups, one after the other."""
    folder = tmp_path / "backups" if request.param == "files" else None
    if folder is not None:
        folder.mkdir()
    return Place(empty_world, folder)


def covers_from(music: Any, s3: Any) -> dict[str, str]:
    """The variables of a registry that asks iTunes alone, and keeps covers in this bucket."""
    return {
        **music.environment,
        # MusicBrainz gives a turn a second, and has a test of its own.
        "MUSICBRAINZ_CONTACT": "",
        "ITUNES_PER_MINUTE": "100000",
        "ALBUM_ART_BUCKET": s3.bucket,
        "ALBUM_ART_ENDPOINT_URL": s3.endpoint_url,
        "ALBUM_ART_ACCESS_KEY_ID": s3.access_key,
        "ALBUM_ART_SECRET_ACCESS_KEY": s3.secret_key,
    }


@pytest.fixture
def musical_world(make_world: Callable[..., World], music: Any, s3: Any) -> World:
    """A world of few songs, with iTunes to ask and a bucket for covers."""
    world = make_world(layers={**dict.fromkeys("SLWMC", 2), "G": 4}, dirt=False)
    world.environment |= covers_from(music, s3)
    return world
