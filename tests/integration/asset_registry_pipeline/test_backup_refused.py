"""What is no proof: a backup that was changed, cut off or lost, and staging that moved on meanwhile."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson
import pytest

from asset_registry_pipeline.registry.stages import BACKUP
from asset_registry_pipeline.steps import backup, inventory
from asset_registry_pipeline.steps.backup import require_backup
from asset_registry_pipeline.stores import backup_collections
from asset_registry_pipeline.stores.connections import Registry
from local_stack.servers.ports import LOOPBACK
from migration_kit.failures import PermanentError, TransientError
from migration_kit.gates import Verdict, VerdictStatus
from tests.integration.asset_registry_pipeline.backup_place import DAY, NAME, Place


@pytest.fixture
def registry(place: Place) -> Iterator[Registry]:
    with place.world.registry() as found:
        found.ledger.install()
        found.workspace.install()
        yield found


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


@pytest.mark.parametrize("place", ["files"], indirect=True)
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


@pytest.mark.parametrize("place", ["files"], indirect=True)
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
            (said.replace("+00:00", ""), "the manifest cannot be read"),
            (json.dumps(lies), "not in the manifest"),
        ):
            manifest.write_text(wrong)
            with pytest.raises(PermanentError, match=told):
                require_backup(registry, "M", seen)
        # Somebody who changes a document, and the manifest with it, meets what the ledger knows.
        other = bson.encode({"_id": 1, "layer": "M"})
        path.write_bytes(gzip.compress(other))
        forged = json.loads(said)
        forged["parts"]["M"] |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        manifest.write_text(json.dumps(forged))
        with pytest.raises(PermanentError, match="was changed since it was proved: "):
            require_backup(registry, "M", seen)
        forged["parts"]["M"]["digest"] = backup.Tally().all([other]).digest
        manifest.write_text(json.dumps(forged))
        with pytest.raises(PermanentError, match="not in the manifest"):
            require_backup(registry, "M", seen)
        path.write_bytes(whole)
        manifest.write_text(said)
        require_backup(registry, "M", seen)


def test_a_proof_outlives_a_time_in_which_its_backup_cannot_be_read(
    empty_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(empty_world, tmp_path)
    with place.world.registry() as registry:
        registry.ledger.install()
        seen, _ = place.take(registry)

        def failing(*_: Any, **__: Any) -> Any:
            raise OSError(5, "Input/output error", str(tmp_path))

        monkeypatch.setattr("gzip.open", failing)
        for ask in (lambda: place.take(registry), lambda: require_backup(registry, "M", seen)):
            with pytest.raises(PermanentError, match=r"Input/output error.*See to the disk"):
                ask()
        monkeypatch.undo()
        _, parts = place.take(registry)
        assert all(part.reused and not part.warning for part in parts)


def test_another_run_that_ends_while_one_clears_up_does_no_harm(empty_world: Any, tmp_path: Path) -> None:
    place = Place(empty_world, tmp_path)
    (tmp_path / NAME).mkdir()
    # A half file that is listed, and has gone when it is looked at.
    (tmp_path / NAME / ".M.bson.gz.1.00.partial").symlink_to(tmp_path / "gone")
    with place.world.registry() as registry:
        registry.ledger.install()
        seen, _ = place.take(registry)
        assert require_backup(registry, "M", seen).backup == NAME


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
