"""Taking back: what this migration wrote goes, what anybody touched stays, and a run that is lost costs nothing."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.definitions import build_defs
from asset_registry_pipeline.registry.decisions_csv import read_csv
from asset_registry_pipeline.registry.outcomes import ROLLED_BACK
from asset_registry_pipeline.registry.rollback import CHANGED, REFERRED, Done
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.steps import rollback
from asset_registry_pipeline.stores import codec
from migration_kit.gates import Verdict, VerdictStatus
from tests.integration.asset_registry_pipeline.conftest import Steps

LAYERS = ("S", "L", "W", "M", "G", "C")


def roll_back(
    world: Any, phase: str, *, dry_run: bool = False, layers: str = ""
) -> dg.ExecuteInProcessResult:
    """A phase's job, as the launchpad runs it."""
    settings = world.settings()
    values = {name: getattr(settings, name) for name in settings.__dataclass_fields__}
    return (
        build_defs({"registry": RegistryResource(**values)})
        .resolve_job_def(f"registry_rollback_{phase}")
        .execute_in_process(
            instance=world.instance,
            run_config={"ops": {f"rollback_{phase}": {"config": {"dry_run": dry_run, "layers": [*layers]}}}},
            raise_on_error=False,
        )
    )


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    assert result.success
    (event,) = [one for one in result.all_events if one.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in event.event_specific_data.metadata.items()}


def migrate(steps: Any, *layers: str) -> None:
    """Migrated and passed, by the functions that the assets call."""
    for layer in layers:
        steps.migrate(layer)
        for stage in ("apply", "verify"):
            passed = Verdict.now(stage, layer, f"{layer}-1", VerdictStatus.PASSED, "run")
            steps.registry.ledger.publish(passed)


def lines(steps: Any, layer: str, *, run: str = "taker", dry_run: bool = False) -> list[rollback.Line]:
    return list(rollback.roll_back(rollback.Rollback(steps.registry, run, dry_run), layer))


def collections(world: Any) -> dict[str, list[Any]]:
    names = ("migration_rolled_back", "migration_verdicts", "migration_publications")
    return world.everything() | {name: list(world.development[name].find().sort("_id", 1)) for name in names}


def assets(world: Any, **wanted: Any) -> list[Any]:
    return list(world.development["assets"].find(wanted).sort("_id", 1))


def test_phases_are_taken_back_from_the_last_to_the_first_and_can_be_migrated_again(
    world: Any, steps: Any, reports_path: Path
) -> None:
    steps.plan("S")
    equal = next(one.raw for one in steps.registry.workspace.candidates("S") if one.raw is not None)
    foreign = {"_id": "theirs", "layer": "S", "name": "theirs", "nna_address": "theirs"}
    world.development["assets"].insert_many([codec.decode(equal), foreign])
    before = assets(world)
    migrate(steps, *LAYERS)
    there, migrated = assets(world), collections(world)
    ours = world.development["migration_ledger"].count_documents({"state": "migrated"})

    rehearsal = told(roll_back(world, "composites", dry_run=True))
    assert rehearsal["removed"] == len(assets(world, layer="C"))
    assert "dry_run: false" in rehearsal["to_do_it"]
    assert collections(world) == migrated

    # Components first: those that composites refer to stay, and the composites are named.
    early = told(roll_back(world, "components", layers="SL"))
    assert early["left"] > 10
    assert early["not_ours"] == 1
    assert early["conflicts"].records == []
    stays = early["composites_first"].records[0].data
    assert stays["composites"] > 0
    assert stays["example"].startswith("C.")
    rows = json.loads((reports_path / "registry" / "rollback-components.json").read_text())
    assert {row["layer"] for row in rows} == {"S", "L"}
    assert not {row["item"] for row in rows if row["done"] == "removed"} & {
        str(document["_id"]) for document in assets(world)
    }

    for phase in ("composites", "songs", "components"):
        result = roll_back(world, phase)
        assert told(result)["left"] == 0
        observed = [one for one in result.all_events if one.event_type_value == "ASSET_OBSERVATION"]
        assert {str(one.asset_key.path[-1]) for one in observed} == {phase}
    assert assets(world) == before
    assert world.development["migration_rolled_back"].count_documents({}) == ours
    history = world.development["migration_rolled_back"].find_one({"layer": "C"})
    assert (history["entry"]["state"], history["done"], history["at"] is None) == (
        "migrated",
        "removed",
        False,
    )
    assert world.outcome(history["item"])["reason"] == ROLLED_BACK

    progress = {row["_id"]: row for row in world.development["migration_progress"].find()}
    assert (progress["C"]["status"], progress["C"]["migratedAssets"]) == ("pending", 0)
    assert (progress["S"]["status"], progress["S"]["migratedAssets"]) == ("in-progress", 1)

    # Curators' words: in the file as they were given, and where they were.
    exported, refused = read_csv((reports_path / "registry/decisions-before-rollback-songs.csv").read_text())
    assert refused == ()
    assert {one.key: one for one in exported} == steps.registry.decisions.of_layer("G")
    assert len(exported) == 10

    # Nothing passes on a layer that was rolled back.
    refusal = world.failure(world.materialise("composites", layer="C"))
    for layer in "SLWMG":
        assert f"{layer}: rolled back at " in refusal
    assert not any(steps.registry.ledger.gate("verify", [layer]).open for layer in LAYERS)

    # A second time does nothing.
    after = collections(world)
    for phase in ("composites", "songs", "components"):
        again = told(roll_back(world, phase))
        assert again["removed"] == again["left"] == 0
    assert collections(world) == after

    migrate(steps, *LAYERS)
    assert assets(world) == there
    assert steps.registry.ledger.gate("apply", LAYERS).open


def test_what_somebody_changed_is_left_with_its_fields_and_what_is_gone_is_told(
    world: Any, steps: Any
) -> None:
    star = world.staging["assets"].find_one_and_delete({"layer": "S"}) | {"_id": 5}
    world.staging["assets"].insert_one(star)
    migrate(steps, "S")
    changed, deleted = [one for one in assets(world, layer="S") if one["_id"] != 5][:2]
    world.development["assets"].update_one({"_id": changed["_id"]}, {"$set": {"tags": ["mine"], "new": 1}})
    world.development["assets"].delete_one({"_id": deleted["_id"]})
    # One whose layer was broken in staging after it was migrated still belongs to the layer it stands in.
    moved = next(one for one in assets(world, layer="S") if one["_id"] not in (5, changed["_id"]))
    world.staging["assets"].update_one({"_id": moved["_id"]}, {"$set": {"layer": "Q"}})
    steps.plan("S")
    assert world.outcome(moved["_id"])["partition"] == "unfiled"

    conflict = world.development["assets"].find_one({"_id": changed["_id"]})
    by_item = {line.entry.item: line for line in lines(steps, "S")}
    assert assets(world) == [conflict]
    left = by_item[str(changed["_id"])]
    assert (left.done, left.reason) == (Done.LEFT, CHANGED)
    assert set(left.fields) == {"tags", "new"}
    assert by_item[str(deleted["_id"])].done is Done.ALREADY_GONE
    assert by_item["int:5"].done is Done.REMOVED
    assert by_item[str(moved["_id"])].done is Done.REMOVED
    kept = world.outcome(moved["_id"])
    assert (kept["state"], kept["target_hash"], "written" in kept["detail"]) == ("quarantined", None, False)
    assert world.outcome(changed["_id"])["state"] == "migrated"
    # One with an `_id` of another type, that has left staging: it is found by what was kept of it.
    migrate(steps, "S")
    world.staging["assets"].delete_one({"_id": 5})
    steps.plan("S", batch="batch-2")
    assert [row["_id"] for row in steps.registry.workspace.left("S")] == ["int:5"]
    lines(steps, "S", run="another")
    assert assets(world) == [conflict]
    assert list(steps.registry.workspace.left("S")) == []
    (still,) = lines(steps, "S", run="again")
    assert still.entry.item == str(changed["_id"])


def test_what_was_changed_in_place_becomes_what_it_was(world: Any, steps: Any) -> None:
    migrate(steps, "M")
    first, second, third = (one["_id"] for one in assets(world, layer="M")[:3])
    for identifier in (first, second, third):
        original = world.staging["assets"].find_one({"_id": identifier})
        entry = world.outcome(identifier)
        world.development["migration_preimages"].insert_one(
            {
                "_id": str(identifier),
                "layer": "M",
                "identifier": identifier,
                "source_hash": entry["source_hash"] if identifier != third else "another",
                "target_hash": entry["target_hash"],
                "document": original,
            }
        )
    world.development["assets"].update_one({"_id": second}, {"$set": {"tags": []}})
    done = {line.entry.item: line.done for line in lines(steps, "M")}
    assert done[str(first)] is Done.RESTORED
    assert done[str(second)] is done[str(third)] is Done.LEFT
    assert world.development["assets"].find_one({"_id": first}) == world.staging["assets"].find_one(
        {"_id": first}
    )
    assert {row["_id"] for row in world.development["migration_preimages"].find()} == {
        str(second),
        str(third),
    }
    assert {one["_id"] for one in assets(world)} == {first, second, third}


def test_a_layer_of_another_phase_is_refused(world: Any) -> None:
    refused = world.failure(roll_back(world, "components", layers="SG"))
    assert "layer G is none of this phase" in refused


def test_a_migration_in_place_is_taken_back_to_the_byte(world: Any) -> None:
    world.environment["REGISTRY_DEVELOPMENT_DB"] = world.environment["REGISTRY_STAGING_DB"]
    world.use_profile(mode="in_place")
    raw = world.staging.get_collection("assets", codec_options=codec.RAW)

    def everything() -> dict[str, bytes]:
        return {codec.item_of(document.raw): document.raw for document in raw.find()}

    before = everything()
    with world.registry() as registry:
        registry.ledger.install()
        registry.workspace.install()
        own = Steps(registry)
        migrate(own, *LAYERS)
        after = everything()
        ours = {item for item in before if after[item] != before[item]}
        assert len(ours) == world.staging["migration_preimages"].count_documents({}) > 80
        # Composites first: those that were changed in place hold what their components brought them.
        early = [line for line in lines(own, "S", dry_run=True) if line.done is Done.LEFT]
        assert early
        assert {line.reason for line in early} == {REFERRED}
        victim = early[0].entry.item
        world.staging["assets"].update_one({"_id": ObjectId(victim)}, {"$set": {"source": "mine"}})
        for layer in reversed(LAYERS):
            lines(own, layer)
        assert {item for item, now in everything().items() if now != before[item]} == {victim}
        assert [row["_id"] for row in world.staging["migration_preimages"].find()] == [victim]
        world.staging["assets"].delete_one({"_id": ObjectId(victim)})
        raw.insert_one(RawBSONDocument(after[victim]))
        lines(own, "S", run="again")
        assert everything() == before
        migrate(own, *LAYERS)
        assert everything() == after
