"""The backup of staging: proved by a restore, used again, and refused once anything about it is not what it was."""

import gzip
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from asset_registry_pipeline.definitions import build_defs
from asset_registry_pipeline.registry.stages import BACKUP
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.steps import backup, inventory
from asset_registry_pipeline.steps.backup import require_backup
from asset_registry_pipeline.stores import backup_collections, codec
from asset_registry_pipeline.stores.connections import Registry, opened
from asset_registry_pipeline.stores.preimages import Preimage
from local_stack.servers.ports import LOOPBACK
from local_stack.sources.registry import taxonomy
from migration_kit.failures import PermanentError, TransientError
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
                RawBSONDocument(_broken_text(3, "M")),
                RawBSONDocument(_broken_text(4, "?")),
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


def _broken_text(identifier: int, layer: str) -> bytes:
    whole: bytes = bson.encode({"_id": identifier, "layer": layer, "name": "broken: xx"})
    return whole.replace(b"xx", b"\xff\xfe")


@pytest.fixture(params=["database", "files"])
def place(request: Any, empty_world: Any, tmp_path: Path) -> Place:
    """Both kinds of places for backups, one after the other."""
    folder = tmp_path / "backups" if request.param == "files" else None
    if folder is not None:
        folder.mkdir()
    return Place(empty_world, folder)


@pytest.fixture
def empty_world(make_world: Any) -> Iterator[Any]:
    """A world whose staging is empty: these tests fill it themselves."""
    world = make_world(layers=dict.fromkeys("SLWMGC", 2), dirt=False)
    for name in ("assets", "taxonomies"):
        world.staging[name].delete_many({})
    world.environment["REGISTRY_DECISIONS"] = ""
    return world


@pytest.fixture
def registry(place: Place) -> Iterator[Registry]:
    with place.world.registry() as found:
        found.ledger.install()
        found.workspace.install()
        yield found


def test_a_backup_is_staging_byte_for_byte_with_what_cannot_be_decoded_and_the_taxonomies(
    place: Place, registry: Registry
) -> None:
    seen, parts = place.take(registry)
    assert [part.proof.part for part in parts] == ["M", "unfiled", "taxonomies"]
    assert place.held() == list(registry.staging.raw("M"))
    assert place.held(layer="unfiled") == [_broken_text(4, "?")]
    assert len(place.held(layer="taxonomies")) == len(taxonomy.table())
    proof = require_backup(registry, "M", seen)
    assert (proof.backup, proof.documents, proof.digest) == (NAME, 3, seen)
    assert proof.taxonomy == registry.taxonomy.pinned
    assert not any("scratch" in name for name in place.names())


def test_a_second_run_reads_the_backup_again_and_writes_nothing(place: Place, registry: Registry) -> None:
    place.take(registry)
    before = place.names()
    _, parts = place.take(registry)
    assert all(part.reused for part in parts)
    assert place.names() == before


def test_staging_that_changed_on_the_same_day_gets_a_backup_of_its_own_and_the_older_one_stays(
    place: Place, registry: Registry
) -> None:
    first, _ = place.take(registry)
    held = place.held()
    place.assets.update_one({"_id": 5}, {"$set": {"name": "M.changed"}})
    second, parts = place.take(registry)
    assert [part.proof.backup for part in parts] == [f"{NAME}_2", NAME, NAME]
    assert place.held() == held
    assert place.held(f"{NAME}_2") == list(registry.staging.raw("M"))
    with pytest.raises(PermanentError, match="another state of staging than the plan"):
        require_backup(registry, "M", first)
    require_backup(registry, "M", second)

    place.assets.update_one({"_id": 5}, {"$set": {"name": "M.one"}})
    back, parts = place.take(registry)
    assert back == first
    assert (parts[0].proof.backup, parts[0].reused) == (NAME, True)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raws: [raw.replace(b"M.two", b"M.2wo") for raw in raws], "different M.two"),
        (lambda raws: raws[1:], "missing int:3"),
        (lambda raws: [*raws, bson.encode({"_id": 9, "layer": "M", "name": "M.new"})], "extra M.new"),
    ],
)
def test_a_backup_that_somebody_changed_is_refused_by_the_document_and_taken_anew_beside_it(
    place: Place, registry: Registry, change: Any, told: str
) -> None:
    seen, _ = place.take(registry)
    place.tamper(change)
    changed = place.held()
    if place.folder is not None:
        told = f"its SHA-256 is not that of the manifest.*{told}"
    with pytest.raises(PermanentError, match=told):
        require_backup(registry, "M", seen)

    _, parts = place.take(registry)
    assert "a new one was taken" in parts[0].warning
    assert parts[0].proof.backup == f"{NAME}_2"
    assert require_backup(registry, "M", seen).backup == f"{NAME}_2"
    assert place.held() == changed


def test_a_backup_that_is_gone_or_was_never_taken_is_refused(place: Place, registry: Registry) -> None:
    with pytest.raises(PermanentError, match="no proved backup: never checked"):
        require_backup(registry, "M", "0" * 64)
    seen, _ = place.take(registry)
    if place.folder is None:
        place.database.drop_collection(f"{NAME}.M")
    else:
        (place.folder / NAME / "M.bson.gz").unlink()
    with pytest.raises(PermanentError, match=r"is not (in|there).*Materialise registry/staging_backup of M"):
        require_backup(registry, "M", seen)
    registry.ledger.record_verdict(Verdict.now(BACKUP, "M", seen, VerdictStatus.FAILED, "run"))
    with pytest.raises(PermanentError, match="no proved backup: its newest checks failed"):
        require_backup(registry, "M", seen)


def test_staging_that_changed_since_its_inventory_is_not_backed_up_and_leaves_nothing_behind(
    place: Place, registry: Registry
) -> None:
    seen = inventory.take(registry, "M", run_id="run", batch="batch-1").fingerprint
    place.assets.insert_one({"layer": "M", "name": "late"})
    with pytest.raises(PermanentError, match="staging has changed since its inventory"):
        backup.take(registry, "M", fingerprint=seen, day=DAY, run_id="run")
    assert place.names() == set()


def test_staging_that_changes_while_it_is_compared_is_told_and_nothing_is_proved(
    place: Place, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = inventory.take(registry, "M", run_id="run", batch="batch-1").fingerprint
    honest = backup.compare

    def late(*given: Any) -> Any:
        place.assets.update_one({"_id": 5}, {"$set": {"name": "changed"}})
        return honest(*given)

    monkeypatch.setattr(backup, "compare", late)
    with pytest.raises(PermanentError, match="staging has changed since its inventory"):
        backup.take(registry, "M", fingerprint=seen, day=DAY, run_id="run")
    with backup.open_backups(registry.settings) as (store, _):
        assert store.proofs("M") == []


def test_what_does_not_come_back_from_the_backup_fails_its_check_by_name(
    place: Place, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = backup_collections.Scratch.fill

    def losing(self: Any, raws: Any) -> None:
        # Only the restore: what goes into the backup itself is read back there.
        restoring = self._database.name == place.world.development.name
        honest(self, (raw for raw in raws if not restoring or b"M.two" not in raw))

    monkeypatch.setattr(backup_collections.Scratch, "fill", losing)
    place.world.use_profile(quarantine_limit=1.0)
    assert place.world.materialise("staging_inventory", layer="M").success
    told = place.world.failure(place.world.materialise("staging_backup", layer="M"))
    assert "every document of staging comes back from the backup" in told
    assert "missing M.two" in told
    assert not registry.ledger.gate(BACKUP, ["M"]).open
    assert not any("scratch" in name for name in place.names())
    monkeypatch.undo()
    metadata = place.world.metadata(place.world.materialise("staging_backup", layer="M"))
    assert metadata["items_in"] == 3
    assert metadata["reused"] is False


def test_a_run_that_was_killed_leaves_no_half_backup_and_the_next_one_clears_up(
    place: Place, registry: Registry
) -> None:
    inventory.take(registry, "M", run_id="run", batch="batch-1")
    for moment in ("writing", "restoring"):
        killed = multiprocessing.get_context("forkserver").Process(
            target=_take_and_die, args=(place.world.settings(), moment)
        )
        killed.start()
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
        assert any("scratch" in name or "partial" in name for name in place.names())
        # Staging has another content by now: what was left behind is nobody's, and has to go all the same.
        place.assets.insert_one({"layer": "M", "name": f"M.{moment}"})
        inventory.take(registry, "M", run_id="run", batch="batch-1")
    _, parts = place.take(registry)
    # The second one was killed when its backup was whole, but not proved: it stays, and counts for nothing.
    assert parts[0].proof.backup == f"{NAME}_2"
    assert not any("scratch" in name or "partial" in name for name in place.names())


def _take_and_die(settings: Any, moment: str) -> None:
    """In a process of its own: begin a backup and be killed in the middle of it."""

    def dying(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    with opened(settings) as registry:
        fingerprint = (registry.workspace.inventory("M") or {})["fingerprint"]
        if moment == "writing":
            # What was written is read back before it gets its name.
            backup.Tally.all = dying  # type: ignore[method-assign]
            with backup.open_backups(settings) as (store, _):
                store.write(NAME, "M", registry.staging.raw("M"), digest=fingerprint)
        backup.compare = dying
        backup.take(registry, "M", fingerprint=fingerprint, day=DAY, run_id="killed")


def test_two_runs_at_the_same_backup_end_with_one_that_both_use(
    place: Place, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, others = backup.compare, []

    def meanwhile(*given: Any) -> Any:
        if not others:
            others.append(None)
            others[0] = place.take(registry)
        return honest(*given)

    monkeypatch.setattr(backup, "compare", meanwhile)
    seen = inventory.take(registry, "M", run_id="run", batch="batch-1").fingerprint
    parts = backup.take(registry, "M", fingerprint=seen, day=DAY, run_id="run")
    assert [part.reused for part in parts] == [True, True, True]
    assert len(place.names()) == len(parts)


def test_all_layers_that_are_backed_up_at_once_end_in_one_backup(place: Place, registry: Registry) -> None:
    place.assets.insert_many(
        [{"layer": layer, "name": f"{layer}.{n}"} for layer in "SLWG" for n in range(300)]
    )
    seen = {layer: inventory.take(registry, layer, run_id="run", batch="b").fingerprint for layer in "MSLWG"}

    def take(layer: str) -> set[str]:
        with place.world.registry() as own:
            parts = backup.take(own, layer, fingerprint=seen[layer], day=DAY, run_id=layer)
        assert all(part.comparison.equal for part in parts)
        return {part.proof.backup for part in parts}

    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(take, "MSLWG")) == [{NAME}] * 5
    assert len(place.names()) == len("MSLWG") + 2
    for layer in "MSLWG":
        assert place.held(layer=layer) == list(registry.staging.raw(layer))


def test_what_was_migrated_in_place_is_backed_up_as_it_was_before_and_the_true_original_stays(
    empty_world: Any,
) -> None:
    place = Place(empty_world, None)
    for name in ("URI", "DB"):
        place.world.environment[f"REGISTRY_DEVELOPMENT_{name}"] = place.world.environment[
            f"REGISTRY_STAGING_{name}"
        ]
    place.world.use_profile(mode="in_place")
    with place.world.registry() as registry:
        registry.ledger.install()
        original, _ = place.take(registry)
        held = place.held()
        (before,) = (raw for raw in held if b"M.two" in raw)
        after = {**bson.decode(before), "creatorDescription": "new"}
        preimage = Preimage(
            item=codec.item_of(before),
            layer="M",
            identifier=after["_id"],
            source_hash=codec.content_hash(before),
            target_hash=codec.content_hash(codec.encode(after)),
            raw=before,
        )
        with registry.development.session() as session:
            registry.preimages.add([preimage], session)
        place.assets.replace_one({"_id": after["_id"]}, after)
        again, parts = place.take(registry)
        assert again == original
        assert parts[0].reused
        assert place.held() == held

        # What somebody changed since is a state of its own, with a backup of its own.
        place.assets.update_one({"_id": after["_id"]}, {"$set": {"creatorDescription": "by hand"}})
        _, parts = place.take(registry)
        assert parts[0].proof.backup == f"{NAME}_2"
        assert place.held() == held
    place.world.client.drop_database(place.database.name)


def test_a_backup_is_restored_for_people_into_an_empty_database_and_nowhere_else(
    place: Place, registry: Registry
) -> None:
    place.take(registry)
    place.assets.insert_one({"_id": 7, "layer": "S", "name": "S.one"})
    place.take(registry, "S")
    target = place.world.client[f"{place.world.staging.name}-restored"]
    config = {"backup": NAME, "into_database": target.name}
    job = build_defs({"registry": RegistryResource(**vars(place.world.settings()))}).resolve_job_def(
        "registry_restore_backup"
    )

    def launch(**changes: str) -> Any:
        run_config = {"ops": {"restore_backup": {"config": config | changes}}}
        return job.execute_in_process(
            run_config=run_config, instance=place.world.instance, raise_on_error=False
        )

    try:
        assert launch().success
        options = codec.RAW
        for name in ("assets", "taxonomies"):
            here, there = (
                base.get_collection(name, codec_options=options) for base in (target, place.world.staging)
            )
            assert [one.raw for one in here.find().sort("_id", 1)] == [
                one.raw for one in there.find().sort("_id", 1)
            ]
        for changes, told in (
            ({}, "it is not empty: it has assets, taxonomies"),
            ({"into_database": place.world.staging.name}, "is migrated itself"),
            ({"into_database": place.database.name}, "backups are kept there"),
            ({"backup": "assets_backup_19990101", "into_database": "x"}, f"There are {NAME}"),
        ):
            assert told in place.world.failure(launch(**changes))
        if place.folder is not None:
            return
        place.world.client.drop_database(target)
        place.tamper(lambda raws: raws[1:])
        assert "was changed since it was proved" in place.world.failure(launch())
    finally:
        place.world.client.drop_database(target)


def test_an_archive_that_is_cut_off_or_a_manifest_that_lies_is_refused(
    empty_world: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    place = Place(empty_world, folder)
    with place.world.registry() as registry:
        registry.ledger.install()
        seen, _ = place.take(registry)
        path, manifest = folder / NAME / "M.bson.gz", folder / NAME / "manifest.json"
        whole, said = path.read_bytes(), manifest.read_text()
        for spoilt in (whole[:-9], whole[:20], b"", b"no archive", gzip.compress(b"\x03\0\0\0")):
            path.write_bytes(spoilt)
            with pytest.raises(PermanentError, match=r"cut off or damaged|SHA-256|no BSON document"):
                require_backup(registry, "M", seen)
        path.write_bytes(whole)

        lies = json.loads(said)
        lies["parts"]["M"]["digest"] = "0" * 64
        for wrong, told in (
            ("{", "the manifest cannot be read"),
            ('{"parts": {"M": {}}}', "the manifest cannot be read"),
            (json.dumps(lies), "not in the manifest"),
        ):
            manifest.write_text(wrong)
            with pytest.raises(PermanentError, match=told):
                require_backup(registry, "M", seen)
        manifest.write_text(said)
        require_backup(registry, "M", seen)


def test_a_place_that_cannot_be_written_is_told_and_one_that_is_lost_passes(
    empty_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(empty_world, tmp_path)
    with place.world.registry() as registry:
        registry.ledger.install()
        seen = inventory.take(registry, "M", run_id="run", batch="batch-1").fingerprint

        def taking(**changes: str) -> Any:
            other = replace(registry, settings=replace(registry.settings, **changes))
            return backup.take(other, "M", fingerprint=seen, day=DAY, run_id="run")

        with pytest.raises(PermanentError, match="REGISTRY_BACKUP_PATH: there is no folder"):
            taking(backup_path=str(tmp_path / "nowhere"))
        (tmp_path / NAME).write_text("a file where the folder should be")
        with pytest.raises(PermanentError, match=rf"{NAME}.*See to the disk and to the folder's rights"):
            taking()
        (tmp_path / NAME).unlink()

        monkeypatch.setattr("migration_kit.mongo.SERVER_SELECTION_SECONDS", 0.2)
        with pytest.raises(TransientError, match="does not answer"):
            taking(backup_path="", development_uri=f"mongodb://{LOOPBACK}:1")

        def full(*_: Any, **__: Any) -> Any:
            raise OSError(28, "No space left on device", str(tmp_path))

        monkeypatch.setattr("gzip.GzipFile.writelines", full)
        with pytest.raises(PermanentError, match="No space left on device"):
            taking()
        assert place.names() == set()
