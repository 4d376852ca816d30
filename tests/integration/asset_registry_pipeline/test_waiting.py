"""What may pass with another run: asked of the ledger, of development and of what is staged; nothing is written."""

from typing import Any

from asset_registry_pipeline.registry.outcomes import DAMAGED, GONE, SUPERSEDED
from asset_registry_pipeline.steps.waiting import may_pass
from asset_registry_pipeline.stores.connections import Registry


def test_what_changed_on_its_way_what_is_gone_by_now_and_what_has_no_record_may_pass_and_nothing_else(
    world: Any, steps: Any, registry: Registry
) -> None:
    steps.migrate("M")
    assert list(may_pass(registry, "M")) == []

    assets, ledger = world.development["assets"], world.development["migration_ledger"]
    damaged, gone, taken_away, standing, lost = [one["_id"] for one in assets.find({"layer": "M"}).limit(5)]
    for victim, reason in (
        (damaged, DAMAGED),
        (gone, GONE),
        (taken_away, SUPERSEDED),
        (standing, SUPERSEDED),
    ):
        quarantined = {"state": "quarantined", "reason": reason}
        ledger.update_one({"_id": str(victim)}, {"$set": quarantined})
    assets.delete_one({"_id": taken_away})
    ledger.delete_one({"_id": str(lost)})
    assert list(may_pass(registry, "M")) == [
        "1 documents have no outcome",
        "2 changed between planning and publishing",
        "1 quarantined for what stood in development, which has changed",
    ]
