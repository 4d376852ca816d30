"""A small staging of a few odd documents and the places for its backups, as a person could get at them."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from asset_registry_pipeline.registry.stages import BACKUP
from asset_registry_pipeline.steps import backup, inventory
from asset_registry_pipeline.stores import backup_collections, codec
from asset_registry_pipeline.stores.connections import Registry
from local_stack.sources.registry import taxonomy
from migration_kit.gates import Verdict, VerdictStatus

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME = "assets_backup_20260301"


class Place:
    """A small staging, and what a person could do to its backups."""

    def __init__(self, world: Any, folder: Path | None) -> None:
        self.world, self.folder = world, folder
        if folder is not None:
            world.environment["REGISTRY_BACKUP_PATH"] = str(folder)
        self.assets = world.staging["assets"]
        self.assets.insert_many(
            [
                {"_id": 5, "layer": "M", "name": "M.one"},
                {"layer": "M", "name": "M.two"},
                # Neither can be decoded and encoded to the same bytes; one is of no layer.
                RawBSONDocument(broken_text(3, "M")),
                RawBSONDocument(broken_text(4, "?")),
            ]
        )
        world.staging["taxonomies"].insert_many(
            [{"layer": layer, "version": "1", **entry} for layer, entry in taxonomy.table().items()]
        )

    @property
    def database(self) -> Database[dict[str, Any]]:
        return self.world.client[f"{self.world.environment['REGISTRY_DEVELOPMENT_DB']}-backup"]

    def take(self, registry: Registry, layer: str = "M") -> tuple[str, tuple[backup.Part, ...]]:
        """Take the inventory and the backup, and open its gate as the asset does; the fingerprint and the parts."""
        seen = inventory.take(registry, layer, run_id="run", batch="batch-1").fingerprint
        parts = backup.take(registry, layer, fingerprint=seen, day=DAY, run_id="run")
        assert all(part.comparison.equal for part in parts)
        registry.ledger.publish(Verdict.now(BACKUP, layer, seen, VerdictStatus.PASSED, "run"))
        return seen, parts

    def held(self, name: str = NAME, layer: str = "M") -> list[bytes]:
        """The documents of a backup, as their bytes."""
        if self.folder is None:
            options = codec.RAW
            found = self.database.get_collection(f"{name}.{layer}", codec_options=options)
            return [document.raw for document in found.find().sort("_id", 1)]
        packed = gzip.decompress((self.folder / name / f"{layer}.bson.gz").read_bytes())
        return [document.raw for document in bson.decode_iter(packed, codec.RAW)]

    def tamper(self, change: Callable[[list[bytes]], list[bytes]]) -> None:
        """Put other documents into the backup, as somebody with access to it could."""
        documents = change(self.held())
        if self.folder is None:
            collection = self.database[f"{NAME}.M"]
            collection.delete_many({})
            collection.insert_many([RawBSONDocument(raw) for raw in documents])
            return
        path = self.folder / NAME / "M.bson.gz"
        path.write_bytes(gzip.compress(b"".join(documents)))

    def names(self) -> set[str]:
        """Everything that stands where backups go, and scratch anywhere."""
        scratch = {name for name in self.world.development.list_collection_names() if "scratch" in name}
        if self.folder is None:
            return {*self.database.list_collection_names(), *scratch} - {backup_collections.MANIFEST}
        files = {str(path.relative_to(self.folder)) for path in self.folder.glob("*/*.bson.gz")}
        partial = {path.name for path in self.folder.glob("*/*.partial")}
        return {*files, *partial, *scratch}


def broken_text(identifier: int, layer: str) -> bytes:
    whole: bytes = bson.encode({"_id": identifier, "layer": layer, "name": "broken: xx"})
    return whole.replace(b"xx", b"\xff\xfe")
