"""The report on a real MongoDB: what waits says for what, what left staging is told, and numbers are counted anew."""

from typing import Any

from asset_registry_pipeline.registry.outcomes import CONFLICT
from asset_registry_pipeline.steps import report
from asset_registry_pipeline.stores.connections import Registry

BATCH = "batch-1"


def test_the_report_names_what_waits_for_what_what_conflicts_and_what_has_left(
    world: Any, steps: Any, registry: Registry
) -> None:
    staging, assets = world.staging["assets"], world.development["assets"]
    look = staging.find_one({"layer": "L"})
    assets.insert_one({**look, "description": "changed by hand", "creatorDescription": "words"})
    for layer in "SLWMG":
        steps.migrate(layer)
    star = assets.find_one({"layer": "S"})
    assets.delete_one({"_id": star["_id"]})
    steps.migrate("C")
    world_asset = assets.find_one({"layer": "W"})
    staging.delete_one({"_id": world_asset["_id"]})
    steps.plan("W")

    told = report.compile_report(registry, batch=BATCH)
    layers = {row["layer"]: row for row in told.by_layer}
    assert told.accounting.balanced
    assert told.in_development == sum(row["in_development"] for row in layers.values())
    assert layers["W"]["left_staging"] == 1
    assert list(report.left(registry)) == [
        {"layer": "W", "label": world_asset["name"], "item": str(world_asset["_id"])}
    ]
    assert not told.verified
    assert all("never checked" in row["verified"] for row in layers.values())

    waiting = list(report.waiting(registry))
    assert len(waiting) == sum(row["held"] for row in layers.values())
    composite = next(
        row for row in waiting if row["layer"] == "C" and star["nna_address"] in row["waits_for"]
    )
    assert "not in development" in composite["waits_for"]
    assert any(row["layer"] == "G" and "curator" in row["reason"] for row in waiting)

    (conflict,) = report.conflicts(registry)
    assert conflict["label"] == look["name"]
    assert conflict["reason"] == CONFLICT
    assert "description" in conflict["differs_in"]
    problems = [entry.item for entry in report.problems(registry)]
    assert len(problems) == len(set(problems)) == told.accounting.source - told.in_development

    counted = {row["kind"]: row["count"] for row in told.findings}
    found = list(report.findings(registry))
    assert counted == {kind: sum(1 for one in found if one["kind"] == kind) for kind in counted}
    assert len({(one["item"], one["kind"]) for one in found}) == len(found)
    effects = [row["effect"] for row in told.findings]
    assert effects == sorted(effects, key=["refuse", "quarantine", "hold", "review", "report"].index)
    assert {"reference_to_unmigrated", "collision"} <= counted.keys()


def test_a_layer_that_is_being_published_shows_the_asset_at_hand_and_one_never_begun_is_pending(
    steps: Any, registry: Registry
) -> None:
    steps.migrate("S")
    registry.progress.advance("S", migrated=0, failed=0, current="S.POP.HPM.001")
    status = {one.layer: one for one in report.compile_report(registry, batch=BATCH).progress}
    assert status["S"].in_the_plans_form()["currentAsset"] == "S.POP.HPM.001"
    assert status["S"].status == "completed"
    assert status["L"].status == "pending"
    assert "currentAsset" not in status["L"].in_the_plans_form()
