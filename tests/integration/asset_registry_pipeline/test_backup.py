"""The backup of staging: byte for byte, proved by a restore, used again, never overwritten."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bson
import pytest

from asset_registry_pipeline.definitions import build_defs
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.steps import backup, inventory
from asset_registry_pipeline.steps.backup import require_backup
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry, opened
from asset_registry_pipeline.stores.preimages import Preimage
from local_stack.sources.registry import taxonomy
from migration_kit.failures import PermanentError
from tests.integration.asset_registry_pipeline.backup_place import DAY, NAME, Place, broken_text


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
    assert place.held(layer="unfiled") == [broken_text(4, "?")]
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


@pytest.mark.parametrize("place", ["database"], indirect=True)
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


@pytest.mark.parametrize("place", ["database"], indirect=True)
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
        place.world.client.drop_database(target)
        place.tamper(lambda raws: raws[1:])
        assert "was changed since it was proved" in place.world.failure(launch())
    finally:
        place.world.client.drop_database(target)
