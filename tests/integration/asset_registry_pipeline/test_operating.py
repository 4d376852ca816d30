"""What is launched after a failure and for what arrived: exactly these layers, as one backfill, and nothing twice."""

from datetime import UTC, datetime
from typing import Any

import pytest

from asset_registry_pipeline.jobs import GRAPH, LAYER_ASSETS
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.registry.outcomes import CONFLICT, TAKEN
from asset_registry_pipeline.registry.transform import WAITING
from asset_registry_pipeline.steps.operating import REPORT, Again, arrived, what_to_run_again
from asset_registry_pipeline.steps.verify import CAN_CHANGE
from local_stack.sources.registry import hostile
from migration_kit.accounting import State
from migration_kit.gates import VerdictStatus
from migration_kit.ledger import Entry
from tests.integration.asset_registry_pipeline.operating_world import (
    at_work,
    launched,
    looked_at,
    passed,
    run_job,
    verdict,
)

NO_TIME = "a time that no calendar has"
SMALLEST = {"S": 4, "L": 2, "W": 2, "M": 2, "G": 3, "C": 4}


@pytest.fixture
def world(make_world: Any) -> Any:
    return make_world(layers=SMALLEST, dirt=False)


@pytest.fixture
def migrated(registry: Any) -> Any:
    """Every document recorded, every layer passed: nothing is left to be done."""
    looked_at(registry)
    for layer in MIGRATED_LAYERS:
        registry.ledger.record(
            Entry(item, layer, State.MIGRATED, source_hash=source_hash, run_id="run", batch_id="b")
            for item, source_hash in seen(registry, layer).items()
        )
    for layer in MIGRATED_LAYERS:
        passed(registry, layer, "inventory", "apply", "verify")
    return registry


def seen(registry: Any, layer: str) -> dict[str, str]:
    return {document.item: document.source_hash for document in registry.staging.read(layer)}


def again(registry: Any, **dagster: Any) -> Again:
    return what_to_run_again(registry, dagster.get("failed", {}), dagster.get("busy", {}))


def everything_of(*layers: str) -> set[tuple[str, str | None]]:
    return {
        *(
            (key.path[-1], layer)
            for key in LAYER_ASSETS
            for layer in layers
            if layer in GRAPH.get(key).partitions_def.get_partition_keys()
        ),
        ("migration_report", None),
    }


def test_the_delta_launches_just_the_layers_of_which_something_arrived_and_says_so_when_nothing_did(
    world: Any, migrated: Any
) -> None:
    told = run_job(world, "registry_delta")
    assert (told["launched"], told["what_and_why"]) == (
        "nothing", "Nothing arrived in staging since the newest inventories.",
    )  # fmt: skip
    assets = world.staging["assets"]
    one = assets.find_one({"layer": "S"})
    assets.insert_one({key: value for key, value in one.items() if key != "_id"} | {"name": "S.POP.NEW.999"})
    told = run_job(world, "registry_delta")
    assert launched(world) == [everything_of("S", "C")]
    assert "1 document more than its newest inventory saw" in told["what_and_why"]
    assert "built from S" in told["what_and_why"]
    # It is still to be worked off: the same is not launched beside it.
    assert "not launched: backfill" in run_job(world, "registry_delta")["what_and_why"]
    assert len(launched(world)) == 1


def test_what_was_updated_taken_away_or_put_back_is_told_by_its_layer_and_a_new_inventory_settles_it(
    world: Any, migrated: Any
) -> None:
    assets = world.staging["assets"]
    later = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    assets.update_one({"layer": "G"}, {"$set": {"updatedAt": later}})
    gone = assets.find_one_and_delete({"layer": "L"})
    found = arrived(migrated)
    assert found.why["G"] == ("updated until 2031-05-06 07:08:09 UTC",)
    assert found.why["L"] == ("1 document fewer than its newest inventory saw",)
    assert found.why.keys() == {"G", "L", "C"}
    assets.insert_one(gone)
    assert arrived(migrated).why.keys() == {"G", "C"}
    looked_at(migrated, ["G"])
    assert not arrived(migrated).why
    # As many as before, but another one: put back with an older time of its own.
    assets.delete_one({"_id": gone["_id"]})
    assets.insert_one(gone | {"_id": "another", "updatedAt": datetime(2001, 1, 1, tzinfo=UTC)})
    assert arrived(migrated).why["L"] == ("other documents than its newest inventory saw",)


def test_times_of_update_of_any_type_and_size_are_looked_at_without_falling(
    world: Any, migrated: Any
) -> None:
    world.staging["assets"].insert_many(
        {"layer": "M", "name": kind, "updatedAt": value} for kind, value in hostile.VALUES.items()
    )
    (told,) = arrived(migrated).why["M"]
    assert (
        told == f"{len(hostile.VALUES)} documents more than its newest inventory saw, updated until {NO_TIME}"
    )


def test_documents_outside_the_layers_are_counted_by_the_inventory_of_one_layer(
    world: Any, migrated: Any
) -> None:
    world.staging["assets"].insert_one({"layer": "Z", "name": "stray"})
    assert arrived(migrated).why["S"] == ("1 document outside the layers, other than before",)
    looked_at(migrated, ["S"])
    assert not arrived(migrated).why


def test_a_layer_that_nobody_migrated_or_that_was_rolled_back_is_left_alone_and_told(
    world: Any, registry: Any
) -> None:
    assert not arrived(registry).why
    assert "begun by hand" in arrived(registry).left_out["S"]
    looked_at(registry)
    passed(registry, "S", "apply")
    verdict(registry, "S", "apply", VerdictStatus.ROLLED_BACK)
    world.staging["assets"].update_many({}, {"$set": {"updatedAt": datetime(2031, 1, 1, tzinfo=UTC)}})
    found = arrived(registry)
    assert not found.why
    assert "rolled back" in found.left_out["S"]
    assert again(registry).why == {}
    failed = again(registry, failed={"S": ["registry/components"]})
    assert failed.why == {}
    assert "rolled back" in failed.left_out["S"]


def test_each_kind_of_failure_is_named_and_composites_and_the_report_follow(
    world: Any, migrated: Any
) -> None:
    assert again(migrated) == Again({}, {}, report=False)
    verdict(migrated, "W", "apply", VerdictStatus.FAILED)
    world.development["migration_ledger"].delete_one({"partition": "G"})
    # What is recorded after a layer was verified makes its reconciliation a stale one.
    why = {
        "W": ("apply: its newest checks failed (run run-7)",),
        "M": ("the newest run failed at registry/component_candidates",),
        "G": (f"verify: {CAN_CHANGE} have changed since", "1 documents have no outcome"),
        "C": (f"verify: {CAN_CHANGE} have changed since", "built from W, M, G"),
    }
    runs = {"M": ["registry/component_candidates", "registry/components"]}
    assert again(migrated, failed=runs) == Again(why, {}, report=True)
    assert again(migrated, failed=runs).layers == ["W", "M", "G", "C"]
    busy = again(migrated, failed=runs, busy={"W": "run-8 is at it"})
    assert busy.left_out == {"W": "run-8 is at it"}
    assert "W" not in busy.why


def test_a_report_that_failed_alone_is_run_again_alone(migrated: Any) -> None:
    found = again(migrated, failed={REPORT: ["registry/migration_report"]})
    assert found == Again({REPORT: ("the newest report failed",)}, {}, report=True)


def test_what_waited_is_run_again_once_a_curator_has_decided_or_development_or_staging_has_changed(
    world: Any, steps: Any
) -> None:
    registry = steps.registry
    csv = (world.folder / "decisions.csv").read_text()
    (world.folder / "decisions.csv").write_text(csv.splitlines()[0] + "\n")
    steps.migrate("G")
    steps.plan("S")
    first, second = [one for one in registry.workspace.candidates("S") if one.raw is not None][:2]
    names = {document["_id"]: document["name"] for document in world.staging["assets"].find({"layer": "S"})}
    world.development["assets"].insert_many(
        [
            {"_id": first.identifier, "name": "mine", "nna_address": "mine"},
            {"_id": "theirs", "name": names[second.identifier], "nna_address": "theirs"},
        ]
    )
    steps.publish("S")
    reasons = {entry.reason for entry in registry.ledger.entries() if entry.reason}
    assert {WAITING, CONFLICT, TAKEN} <= reasons
    for layer in ("S", "G"):
        passed(registry, layer, "inventory", "apply", "verify")
    assert again(registry).why == {}

    (world.folder / "decisions.csv").write_text(csv)
    assert again(registry).why["G"] == (f"{SMALLEST['G']} waited for a curator who has decided by now",)
    world.development["assets"].delete_one({"_id": "theirs"})
    world.development["assets"].update_one({"_id": first.identifier}, {"$set": {"name": "still mine"}})
    assert again(registry).why["S"] == ("2 quarantined for what stood in development, which has changed",)
    world.staging["assets"].update_one(
        {"_id": first.identifier}, {"$set": {"updatedAt": datetime(2031, 1, 1, tzinfo=UTC)}}
    )
    assert "2 are held or quarantined, and staging was updated" in again(registry).why["S"][0]


def test_the_job_launches_exactly_what_failed_and_nothing_where_nothing_did(
    world: Any, migrated: Any
) -> None:
    assert run_job(world, "registry_rerun_failed")["launched"] == "nothing"
    verdict(migrated, "C", "verify", VerdictStatus.FAILED)
    run_job(world, "registry_rerun_failed")
    assert launched(world) == [everything_of("C")]
    assert "not launched" in run_job(world, "registry_rerun_failed")["what_and_why"]
    assert len(launched(world)) == 1


def test_the_composites_are_launched_by_themselves_and_not_beside_what_they_are_built_from(
    world: Any, migrated: Any
) -> None:
    run = at_work(world, "W")
    told = run_job(world, "registry_composites")["what_and_why"]
    assert "not launched: built from W: a run of registry/staging_inventory is queued or at work" in told
    verdict(migrated, "C", "verify", VerdictStatus.FAILED)
    assert "built from W" in run_job(world, "registry_rerun_failed")["what_and_why"]
    assert launched(world) == []
    world.instance.delete_run(run)
    run_job(world, "registry_composites")
    assert launched(world) == [everything_of("C")]
    assert run_job(world, "registry_composites")["launched"] == "nothing"
