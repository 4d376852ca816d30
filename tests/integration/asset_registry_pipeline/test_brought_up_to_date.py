"""What this migration wrote follows its source, words and profile, as long as nobody has changed it in development."""

from typing import Any

from asset_registry_pipeline.registry.outcomes import CONFLICT
from asset_registry_pipeline.stores import codec

LAYERS = ("S", "L", "W", "M", "G", "C")
PROFILES = ("plan_001", "plan_002")


def faults(steps: Any, layer: str) -> list[Any]:
    """What a reconciliation finds wrong with the content of the layer's documents."""
    rows, _ = steps.reconcile(layer)
    return [row for row in rows if row["content"] or row["untouched"] or row["outcome"] or row["presence"]]


def test_a_document_and_what_is_built_from_it_follow_staging_and_one_that_somebody_edited_is_left(
    world: Any, steps: Any
) -> None:
    for layer in LAYERS:
        steps.migrate(layer)
    staging, development = world.staging["assets"], world.development["assets"]
    decided = [one.name for one in steps.registry.decisions.of_layer("L").values()]
    look, edited, *_ = [
        one
        for one in development.find({"layer": "L", "name": {"$nin": decided}})
        if development.find_one({"layer": "C", "components": one["nna_address"]})
    ]
    composite = development.find_one({"layer": "C", "components": look["nna_address"]})
    staging.update_many(
        {"_id": {"$in": [look["_id"], edited["_id"]]}}, {"$set": {"description": "A coat of blue glass."}}
    )
    development.update_one({"_id": edited["_id"]}, {"$set": {"description": "Somebody's own words."}})

    assert steps.migrate("L", batch="batch-2").written == 1
    assert development.find_one({"_id": look["_id"]})["creatorDescription"] == "A coat of blue glass."
    assert development.find_one({"_id": edited["_id"]})["description"] == "Somebody's own words."
    assert world.outcome(edited["_id"])["reason"] == CONFLICT
    assert world.outcome(look["_id"])["batch_id"] == "batch-2"

    assert steps.migrate("C", batch="batch-2").written > 0
    analysis = development.find_one({"_id": composite["_id"]})["componentAnalysis"]
    assert "A coat of blue glass." in analysis["aggregatedDescription"]
    assert faults(steps, "L") == []
    assert faults(steps, "C") == []
    assert steps.migrate("L", batch="batch-3").written == 0


def test_in_place_another_profile_starts_from_what_the_documents_were(world: Any, steps: Any) -> None:
    world.environment["REGISTRY_DEVELOPMENT_DB"] = world.environment["REGISTRY_STAGING_DB"]
    world.environment["REGISTRY_DECISIONS"] = ""
    assets = world.staging.get_collection("assets", codec_options=codec.RAW)
    before = {codec.item_of(document.raw): document.raw for document in assets.find({"layer": "S"})}
    written = []
    for profile in PROFILES:
        world.environment["REGISTRY_PROFILE"] = profile
        with world.registry() as registry:
            registry.ledger.install()
            own = type(steps)(registry)
            written.append(own.migrate("S", batch=profile).written)
            assert faults(own, "S") == []
            assert own.migrate("S", batch="again").written == 0
            kept = registry.preimages.of(before)
    assert written[0] == written[1] == len(kept)
    assert all(one.raw == before[item] for item, one in kept.items())
    for document in assets.find({"layer": "S"}):
        if codec.item_of(document.raw) in kept:
            assert document["creatorDescription"] == document["name"]
