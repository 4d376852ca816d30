"""A MongoDB of its own in which layers are migrated, disturbed and compared: what stands there, and putting it back."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from asset_registry_pipeline.jobs import GRAPH, LAYER_ASSETS
from local_stack.servers import mongo
from local_stack.sources import registry as source
from local_stack.stack import PROJECT
from tests.recovery.mortals import Mortals

LAYERS = {"S": 5, "L": 2, "W": 2, "M": 2, "G": 4, "C": 5}
_VOLATILE = frozenset({"run_id", "at", "order", "made_at", "stored_at", "updated_at", "first_at", "taken_at"})
"""What says when and by whom; everything else has to be equal."""
_OURS = {"name": {"$not": {"$regex": "^system"}}}
_NOT_OPTIONS = ("key", "v", "ns", "weights", "textIndexVersion")
_RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True)
class Kept:
    """A view's definition, or the documents and indexes of a collection."""

    view: Mapping[str, Any] | None
    documents: Sequence[Any] = ()
    indexes: Mapping[str, Any] = field(default_factory=dict)


State = Mapping[tuple[str, str], Kept]
"""What stands, by database and collection."""


class Mongod:
    """The server, which may die and is started again where it was."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = mongo.start(folder)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def pid(self) -> int:
        return self._server.pid

    def revive(self) -> None:
        """Wait for its death, then start it on its data and its port."""
        self._server.process.keeper.wait(30)
        self._server = mongo.start(self._folder, preferred_port=self._server.port)

    def stop(self) -> None:
        self._server.stop()


def stages_of(layer: str) -> list[str]:
    """The assets of a layer in the order in which they are made."""
    return [
        key.path[-1] for key in LAYER_ASSETS if layer in GRAPH.get(key).partitions_def.get_partition_keys()
    ]


@dataclass
class Place:
    """Staging, development and the backup of one migration, and those who migrate it."""

    mongod: Mongod
    mortals: Mortals
    client: MongoClient[Any]
    environment: dict[str, str]

    @property
    def databases(self) -> list[str]:
        """Where staging, development and the backup are; staging is development's own in place."""
        names = ("REGISTRY_STAGING_DB", "REGISTRY_DEVELOPMENT_DB", "REGISTRY_BACKUP_DB")
        return [*dict.fromkeys(self.environment[name] for name in names)]

    def run(self, layer: str, *stages: str, **order: Any) -> dict[str, Any]:
        """Some stages of a layer (all of them if none is named) in a process of its own; how it ended."""
        environment = self.environment | {"MONGOD": str(self.mongod.pid)}
        ended = self.mortals.run(environment, layer=layer, stages=stages or stages_of(layer), **order)
        if ended["killed"]:
            # The server gives up what a dead client began after a minute; nobody waits for that here.
            self.client.admin.command("killAllSessions", [])
        return ended

    def killed_before(self, event: str | int, layer: str, *stages: str, nth: int = 1) -> bool:
        """A run that is killed before an event, by kind or number; False if it did not come there."""
        return bool(self.run(layer, *stages, at=event, nth=nth, happens="death")["killed"])

    def finished(self, layer: str, *stages: str) -> dict[str, Any]:
        """What stands after a run that nothing disturbs."""
        ended = self.run(layer, *stages)
        assert ended["success"], ended["failures"]
        return self.stands()

    def restarted_before(self, event: str, layer: str, *stages: str) -> dict[str, Any]:
        """A run during which the server dies before an event and comes up again; how it ended."""
        with ThreadPoolExecutor(1) as beside:
            run = beside.submit(self.run, layer, *stages, at=event, happens="restart")
            self.mongod.revive()
            return run.result()

    def state(self) -> State:
        """Everything in the databases; of a view its definition."""
        return {
            (database.name, info["name"]): Kept(info["options"])
            if info["type"] == "view"
            else Kept(None, list(database[info["name"]].find()), database[info["name"]].index_information())
            for database in self._databases()
            for info in database.list_collections(filter=_OURS)
        }

    def reset(self, state: State) -> None:
        """Put everything back as it was."""
        for database in self._databases():
            for info in database.list_collections(filter=_OURS):
                if (database.name, info["name"]) not in state:
                    database.drop_collection(info["name"])
        # Views last: what they look at has to be there.
        for (database_name, name), kept in sorted(state.items(), key=lambda one: one[1].view is not None):
            database = self.client.get_database(database_name, codec_options=_RAW)
            if kept.view is not None:
                if name not in database.list_collection_names():
                    database.create_collection(name, **kept.view)
                continue
            if database[name].index_information() != kept.indexes:
                database.drop_collection(name)
                _make(database, name, kept.indexes)
            else:
                database[name].delete_many({})
            if kept.documents:
                database[name].insert_many(kept.documents)

    def stands(self) -> dict[str, Any]:
        """What a migration has to leave alike, however it got there: all but times, runs and lost attempts."""
        found: dict[str, Any] = {}
        for database in map(self.client.get_database, self.databases):
            for name in database.list_collection_names(filter=_OURS):
                rows = list(database[name].find().sort("_id", 1))
                if name == "migration_verdicts":
                    newest = {
                        (row["stage"], row["partition"]): row
                        for row in sorted(rows, key=lambda row: row["order"])
                    }
                    rows = [{**row, "_id": key} for key, row in sorted(newest.items())]
                if name == "migration_audit":
                    # Its entries have ids of their own, in the order in which they were made.
                    rows = sorted(
                        ({**row, "_id": row.get("key")} for row in rows), key=lambda row: str(row["_id"])
                    )
                if name == "migration_rolled_back":
                    rows = sorted(({**row, "_id": row["item"]} for row in rows), key=lambda row: row["_id"])
                if rows:
                    found[f"{database.name}.{name}"] = [_without_volatile(row) for row in rows]
        assets = self.client[self.environment["REGISTRY_DEVELOPMENT_DB"]]["assets"].index_information()
        return found | {"indexes": {name: index["key"] for name, index in assets.items()}}

    def _databases(self) -> list[Any]:
        return [self.client.get_database(name, codec_options=_RAW) for name in self.databases]


@contextmanager
def made_place(folder: Path, profile: str, mongod: Mongod, mortals: Mortals) -> Iterator[Place]:
    """A filled staging and an empty development; `profile` is the name of a packaged one."""
    packaged = PROJECT / "asset_registry_pipeline" / "profiles" / f"{profile}.yaml"
    path = folder / f"{profile}.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(packaged.read_text()) | {"expected": dict(LAYERS)}))
    in_place = yaml.safe_load(path.read_text())["mode"] == "in_place"
    name = f"recovery-{folder.name.replace('_', '-')}"
    staging, development = f"{name}-staging", f"{name}-dev"
    environment = {
        "REGISTRY_STAGING_URI": mongod.url, "REGISTRY_STAGING_DB": staging,
        "REGISTRY_DEVELOPMENT_URI": mongod.url, "REGISTRY_DEVELOPMENT_DB": staging if in_place else development,
        "REGISTRY_BACKUP_DB": f"{name}-backup", "REGISTRY_PROFILE": str(path),
        "REGISTRY_DECISIONS": str(folder / "decisions.csv"), "REPORTS_PATH": str(folder / "reports"),
    }  # fmt: skip
    with MongoClient[Any](mongod.url, tz_aware=True) as client:
        source.fill(environment, layers=LAYERS, dirt=False)
        yield Place(mongod, mortals, client, environment)


def _make(database: Any, name: str, indexes: Mapping[str, Any]) -> None:
    database.create_collection(name)
    for index_name, index in indexes.items():
        options = {key: value for key, value in index.items() if key not in _NOT_OPTIONS}
        keys = [(field, "text") for field in index["weights"]] if "weights" in index else index["key"]
        if index_name != "_id_":
            database[name].create_index(keys, name=index_name, **options)


def _without_volatile(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_volatile(each) for key, each in value.items() if key not in _VOLATILE}
    return [_without_volatile(each) for each in value] if isinstance(value, list) else value
