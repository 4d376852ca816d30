"""The gates in Dagster: a layer that fails publishes nothing, and composites never pass a closed barrier."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from asset_registry_pipeline.steps import apply, inventory
from asset_registry_pipeline.steps.report import compile_report
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.progress import Progress, Status
from migration_kit.gates import Verdict, VerdictStatus

BARRIER = ("S", "L", "W", "M", "G")


def open_barrier(registry: Registry) -> None:
    for layer in BARRIER:
        registry.ledger.publish(Verdict.now("apply", layer, f"{layer}-1", VerdictStatus.PASSED, "run"))


def test_composites_materialised_by_hand_are_refused_while_no_component_was_ever_checked(world: Any) -> None:
    assert world.materialise("staging_inventory", layer="C").success
    for name in ("composite_candidates", "composites"):
        told = world.failure(world.materialise(name, layer="C"))
        for layer in BARRIER:
            assert f"{layer}: never checked" in told
    assert world.development["assets"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("status", "candidate", "why"),
    [
        (VerdictStatus.FAILED, "S-2", "S: its newest checks failed"),
        (VerdictStatus.RUNNING, "S-2", "S: its checks are running, or run other was lost"),
        (VerdictStatus.PASSED, "S-2", "S: stale"),
    ],
)
def test_one_layer_that_failed_was_lost_or_is_stale_closes_the_barrier(
    world: Any, registry: Registry, status: VerdictStatus, candidate: str, why: str
) -> None:
    open_barrier(registry)
    assert world.migrate_layer("C").success
    registry.ledger.record_verdict(Verdict.now("apply", "S", candidate, status, "other"))
    told = world.failure(world.materialise("composites", layer="C"))
    assert why in told
    assert "L:" not in told


def test_a_barrier_that_closes_while_composites_are_validated_keeps_them_from_being_published(
    world: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_barrier(registry)
    honest = apply.outcome_rows

    def closing(*given: Any) -> Any:
        registry.ledger.begin_verdict("apply", "W", "W-2", "another run")
        return honest(*given)

    monkeypatch.setattr(apply, "outcome_rows", closing)
    told = world.failure(world.migrate_layer("C"))
    assert "W: its checks are running" in told
    assert world.development["assets"].count_documents({}) == 0
    assert not registry.ledger.gate("apply", ["C"]).open


def test_composites_planned_on_other_components_than_are_published_now_are_refused(
    world: Any, registry: Registry
) -> None:
    open_barrier(registry)
    world.materialise("staging_inventory", layer="C")
    assert world.materialise("composite_candidates", layer="C").success
    registry.ledger.publish(Verdict.now("apply", "S", "S-2", VerdictStatus.PASSED, "later"))
    told = world.failure(world.materialise("composites", layer="C"))
    assert "changed since: components" in told


def test_a_layer_that_staging_got_wrong_is_not_planned_until_it_is_repaired(
    world: Any, registry: Registry
) -> None:
    with _broken_looks(world, 5):
        told = world.failure(world.materialise("staging_inventory", layer="L"))
        assert "at most 10% must be quarantined" in told
        assert "Nothing of partition L was published" in told
        told = world.failure(world.materialise("component_candidates", layer="L"))
        assert "Needed partitions of inventory have not passed" in told

    assert world.migrate_layer("L").success
    assert world.development["assets"].count_documents({"layer": "L"}) == 12


def test_a_layer_of_which_too_much_is_quarantined_publishes_nothing(world: Any, registry: Registry) -> None:
    assert world.materialise("staging_inventory", "staging_backup", layer="L").success
    world.use_profile(quarantine_limit=0.01)
    told = world.failure(world.materialise("component_candidates", "components", layer="L"))
    assert "at most 1% are quarantined" in told
    assert world.development["assets"].count_documents({}) == 0
    assert registry.ledger.gate("apply", ["L"]).closed[0].why.startswith("its newest checks failed")
    assert registry.progress.of("L") == Progress("L", total=14, migrated=0, failed=0, status=Status.FAILED)

    world.use_profile(quarantine_limit=0.1)
    assert world.materialise("component_candidates", "components", layer="L").success
    assert registry.ledger.gate("apply", ["L"]).open
    again = registry.progress.of("L")
    assert again is not None
    assert again.status is Status.COMPLETED


@contextmanager
def _broken_looks(world: Any, number: int) -> Iterator[None]:
    """While the block runs, some looks are in staging as a broken export leaves them."""
    looks = world.staging["assets"]
    whole = list(looks.find({"layer": "L"}).limit(number))
    broken = {"_id": {"$in": [document["_id"] for document in whole]}}
    looks.update_many(broken, {"$set": {"rights": "{broken"}})
    yield
    looks.delete_many(broken)
    looks.insert_many(whole)


def test_songs_that_all_wait_for_a_curator_are_held_and_that_is_no_failure(world: Any) -> None:
    world.environment["REGISTRY_DECISIONS"] = ""
    told = world.metadata(world.migrate_layer("G"))
    assert told["held"] == 11
    assert told["migrated"] == 0
    assert told["unaccounted"] == 0


def test_a_planted_difference_fails_the_reconciliation_by_name_and_a_number_off_the_expectation_only_warns(
    world: Any, registry: Registry
) -> None:
    assert world.migrate_layer("M").success
    victim = world.development["assets"].find_one({"layer": "M"})
    change = {"_id": victim["_id"]}
    world.development["assets"].update_one(change, {"$set": {"source": "elsewhere"}})
    told = world.failure(world.materialise("reconciliation", layer="M"))
    assert "byte-equal to staging" in told
    assert f"label={victim['name']}, untouched=source" in told
    assert not registry.ledger.gate("verify", ["M"]).open

    world.development["assets"].update_one(change, {"$set": {"source": victim["source"]}})
    world.use_profile(expected={"S": 10, "L": 14, "W": 12, "M": 100, "G": 12, "C": 60})
    result = world.materialise("reconciliation", layer="M")
    told = world.metadata(result)
    assert (told["in_development"], told["expected"]) == (told["migrated"], 100)
    checks = {
        one.check_name: (one.passed, one.severity.value) for one in result.get_asset_check_evaluations()
    }
    assert checks.pop("counts_in_development") == (False, "WARN")
    assert {passed for passed, _ in checks.values()} == {True}
    assert registry.ledger.gate("verify", ["M"]).open


def test_the_report_never_calls_verified_what_was_not_checked(
    world: Any, registry: Registry, reports_path: Any
) -> None:
    assert world.migrate_layer("M").success
    result = world.materialise("migration_report")
    assert world.metadata(result)["verified"] is False
    # One layer of six is there, which is said as well, and stops nothing.
    (totals,) = result.get_asset_check_evaluations()
    assert (totals.passed, totals.severity.value) == (False, "WARN")
    assert totals.metadata["expected"].value == 122
    assert '"verified": false' in (reports_path / "registry" / "migration-summary.json").read_text()


def test_a_count_off_the_expectation_warns_and_stops_nothing(world: Any) -> None:
    world.use_profile(expected={"S": 100, "L": 14, "W": 12, "M": 12, "G": 12, "C": 60})
    for layer, passed in (("S", False), ("L", True)):
        result = world.materialise("staging_inventory", layer=layer)
        assert result.success
        (check,) = (
            one for one in result.get_asset_check_evaluations() if one.check_name.startswith("counts")
        )
        assert (check.passed, check.severity.value) == (passed, "WARN")


def test_a_plan_needs_the_inventory_that_passed_and_no_later_one(world: Any, registry: Registry) -> None:
    assert world.materialise("staging_inventory", layer="M").success
    world.staging["assets"].update_one({"layer": "M"}, {"$set": {"tags": ["new"]}})
    # A run that is lost here has looked again and judged nothing.
    inventory.take(registry, "M", run_id="lost", batch="batch-1")
    told = world.failure(world.materialise("component_candidates", layer="M"))
    assert "not the one that passed" in told


def test_what_was_verified_before_a_record_a_decision_or_the_profile_changed_is_not_called_verified(
    world: Any, registry: Registry
) -> None:
    assert world.migrate()["verified"] is True
    decisions = world.development["migration_decisions"]
    decided = decisions.find_one({"layer": "M"})
    decisions.update_one({"_id": decided["_id"]}, {"$set": {"decision": "reject"}})
    report = compile_report(registry, batch="batch-1")
    changed = "outcomes, decisions, profile or taxonomy have changed since it was verified"
    assert report.unverified == {"M": changed}
    decisions.replace_one({"_id": decided["_id"]}, decided)

    # Composites stand upon the components' outcomes, too.
    star = next(registry.ledger.entries(partition="S"))
    registry.ledger.record([replace(star, target_hash="another")])
    assert set(compile_report(registry, batch="batch-1").unverified) == {"S", "C"}
    registry.ledger.record([star])
    assert compile_report(registry, batch="batch-1").verified

    world.use_profile(json_strings="keep")
    with world.registry() as otherwise:
        assert set(compile_report(otherwise, batch="batch-1").unverified) == set("SLWMGC")


def test_a_layer_that_staging_has_changed_since_is_not_called_verified(
    world: Any, registry: Registry
) -> None:
    assert world.migrate()["verified"] is True
    world.staging["assets"].update_one({"layer": "M"}, {"$set": {"tags": ["new"]}})
    assert world.materialise("staging_inventory", layer="M").success
    report = compile_report(registry, batch="batch-1")
    assert report.unverified == {"M": "staging has changed since it was verified"}
