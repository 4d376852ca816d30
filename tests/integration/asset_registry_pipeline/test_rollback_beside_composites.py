"""Composites and the rollback of what they are built from: neither is done beside the other, nor unseen by it."""

from typing import Any

import pytest

from asset_registry_pipeline.registry.outcomes import ROLLED_BACK, SUPERSEDED
from asset_registry_pipeline.registry.rollback import Done
from asset_registry_pipeline.steps import rollback
from asset_registry_pipeline.steps.rollback import close_gates
from migration_kit.failures import PermanentError
from tests.integration.asset_registry_pipeline.conftest import Steps
from tests.integration.asset_registry_pipeline.test_rollback import (
    LAYERS,
    assets,
    lines,
    migrate,
    roll_back,
    told,
)


def test_components_are_not_taken_away_under_composites_that_are_being_published(
    world: Any, steps: Any
) -> None:
    migrate(steps, "W")
    steps.registry.ledger.begin_verdict("apply", "C", "C-1", "lost")
    refused = roll_back(world, "components", layers="W")
    assert "composites are being built from it by run lost" in world.failure(refused)
    assert assets(world)
    # Whether that run is at work or lost: to roll the composites back ends it.
    assert told(roll_back(world, "composites"))["removed"] == 0
    assert told(roll_back(world, "components", layers="W"))["removed"] > 5
    assert assets(world) == []


@pytest.mark.parametrize("barrier", ["all_components", "own_components"])
def test_composites_that_begin_while_a_rollback_looks_stop_it_or_are_stopped(
    world: Any, monkeypatch: pytest.MonkeyPatch, barrier: str
) -> None:
    world.use_profile(barrier=barrier, quarantine_limit=1.0)
    with world.registry() as registry:
        registry.ledger.install()
        registry.workspace.install()
        steps = Steps(registry)
        migrate(steps, "S", "W", "M", "G")
        assert world.materialise("staging_inventory", "staging_backup", layer="L").success
        assert world.materialise("component_candidates", "components", layer="L").success
        assert world.materialise("staging_inventory", "staging_backup", layer="C").success
        assert world.materialise("composite_candidates", layer="C").success
        honest, moments, refused = rollback.referring_composites, [], []

        def meanwhile(*given: Any) -> Any:
            found = honest(*given)
            moments.append(None)
            if len(moments) == 1:
                # Composites that have just said so, and were let through.
                registry.ledger.begin_verdict("apply", "C", "C-1", "beside")
            elif len(moments) == 3:
                refused.append(world.failure(world.materialise("composites", layer="C")))
            return found

        monkeypatch.setattr(rollback, "referring_composites", meanwhile)
        there = assets(world)
        with pytest.raises(PermanentError, match="composites are being built from it by run beside"):
            lines(steps, "L")
        assert assets(world) == there
        close_gates(registry, "C", "ended")
        assert Done.REMOVED in {line.done for line in lines(steps, "L")}
        (stopped,) = refused
        assert (
            "L: rolled back at" if barrier == "all_components" else "changed since: components"
        ) in stopped
        assert assets(world, layer="C") == assets(world, layer="L") == []


def test_composites_of_a_component_that_was_taken_back_are_named_by_the_next_run(
    world: Any, steps: Any
) -> None:
    migrate(steps, *LAYERS)
    composite = next(one for one in assets(world, layer="C") if len(one["components"]) == 5)
    (star,) = [one for one in composite["components"] if one.startswith("S.")]
    world.development["assets"].delete_one({"nna_address": star})
    done = {line.done for line in lines(steps, "S")}
    assert Done.ALREADY_GONE in done
    steps.migrate("C", batch="batch-2")
    outcome = world.outcome(composite["_id"])
    assert (outcome["state"], outcome["reason"]) == ("quarantined", SUPERSEDED)
    assert [one["why"] for one in outcome["detail"]["missing"]] == [f"held: {ROLLED_BACK}"]
    rows, _ = steps.reconcile("C")
    told_of = {row["item"]: row["presence"] for row in rows if row["presence"]}
    assert f"held: {ROLLED_BACK}" in told_of[str(composite["_id"])]
