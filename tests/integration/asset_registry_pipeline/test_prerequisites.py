"""What composites wait for: shown with what blocks most, refused or held by the barrier, released when it is there."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from asset_registry_pipeline.registry.composites import read_components, resolve, structural_breach
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.decisions import Verdict as Decided
from asset_registry_pipeline.registry.decisions_csv import write_csv
from asset_registry_pipeline.registry.outcomes import SUPERSEDED
from asset_registry_pipeline.registry.transform import (
    BLOCKED,
    BUILT_FROM_EXCLUDED,
    BUILT_FROM_TEST,
    WAITING,
)
from asset_registry_pipeline.steps import prerequisites
from asset_registry_pipeline.steps.directory import open_components, references_of
from asset_registry_pipeline.steps.prerequisites import Numbers, blockers, looking, unblocked
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.files import load_decisions
from migration_kit.gates import Verdict, VerdictStatus
from tests.integration.asset_registry_pipeline.conftest import Steps
from tests.integration.asset_registry_pipeline.test_rollback import migrate


def composites(world: Any, **wanted: Any) -> list[Any]:
    return list(world.development["assets"].find({"layer": "C", **wanted}))


def recorded(world: Any, **wanted: Any) -> list[Any]:
    return list(world.development["migration_ledger"].find({"partition": "C", **wanted}))


def test_a_closed_barrier_is_shown_with_everything_that_composites_wait_for(
    world: Any, steps: Any, reports_path: Path
) -> None:
    migrate(steps, "S", "L", "W", "M")
    steps.plan("G")
    result = world.materialise("composite_prerequisites", layer="C")
    assert "G: never checked" in world.failure(result)
    (observed,) = [one for one in result.all_events if one.event_type_value == "ASSET_OBSERVATION"]
    shown = observed.event_specific_data.asset_observation.metadata
    assert shown["waiting"].value > 40
    assert shown["barrier"].value == "all_components"
    gates = {row.data["layer"]: row.data["gate"] for row in shown["layers"].value.records}
    assert gates == {"S": "open", "L": "open", "W": "open", "M": "open", "G": "closed"}

    rows = json.loads((reports_path / "registry" / "composites-wait-for.json").read_text())
    assert [row["composites"] for row in rows] == sorted((row["composites"] for row in rows), reverse=True)
    assert {"G", "L"} <= {row["layer"] for row in rows}
    why = {row["component"]: row["why"] for row in rows}
    assert "not migrated yet" in why.values()
    assert "not in staging" in why.values()
    assert shown["what_blocks"].value.records[0].data == rows[0]

    migrate(steps, "G")
    told = world.metadata(world.materialise("composite_prerequisites", layer="C"))
    assert 0 < told["waiting"] < shown["waiting"].value
    with looking(steps.registry) as seen:
        after = {one.component: one.why for one in blockers(steps.registry, seen)}
        planned = steps.migrate("C").accounting
    assert f"held: {WAITING}" in after.values()
    assert "excluded: rejected by a curator" in after.values()
    assert len(after) == told["components_waited_for"]
    # What is foretold is what the plan then finds, but for what it quarantines by its findings.
    assert planned.held[BLOCKED] <= told["waiting"]
    assert planned.migrated <= told["components_all_there"]
    assert planned.source == told["items_in"]


def test_with_own_components_each_composite_goes_as_soon_as_all_its_own_have_passed_their_checks(
    world: Any,
) -> None:
    world.use_profile(barrier="own_components", tolerance=1.0)
    assert world.materialise("staging_inventory", "staging_backup", layer="L").success
    world.use_profile(barrier="own_components", tolerance=1.0, quarantine_limit=0.01)
    failed = world.materialise("component_candidates", "components", layer="L")
    assert "at most 1% are quarantined" in world.failure(failed)

    world.use_profile(barrier="own_components", tolerance=1.0)
    with world.registry() as registry:
        staged = [one for one in registry.workspace.candidates("L") if one.raw is not None]
        assert len(staged) > 10
        # Put there by hand, as it was staged: that is no migration, and proves nothing.
        world.development["assets"].insert_one(codec.decode(staged[0].raw))
        migrate(Steps(registry), "S", "W", "M", "G")

    told = world.metadata(world.migrate_layer("C"))
    there = composites(world)
    assert told["migrated"] == len(there)
    assert not [one for one in there if any(part.startswith("L.") for part in one["components"])]
    held = recorded(world, state="held")
    missing = {one["reference"]: one["why"] for row in held for one in row["detail"]["missing"]}
    looks = {why for reference, why in missing.items() if reference.startswith("L.")}
    assert looks == {"not migrated yet", "not in staging"}

    with world.registry() as registry:
        assert list(unblocked(registry)) == []
        migrate(Steps(registry), "L")
        released = list(unblocked(registry))
        assert len(released) > 20
        assert set(released) < {row["_id"] for row in held}
        Steps(registry).migrate("C", batch="batch-2")
        assert list(unblocked(registry)) == []
        assert {world.outcome(item)["state"] for item in released} <= {"migrated"}

        # A component that is decided against after composites were planned changes what its layer has published.
        assert world.materialise("composite_candidates", layer="C").success
        registry.ledger.publish(Verdict.now("apply", "S", "S-2", VerdictStatus.PASSED, "later"))
    refused = world.failure(world.materialise("composites", layer="C"))
    assert "changed since: components" in refused


def test_composites_in_development_are_named_when_a_curator_decides_against_a_component(world: Any) -> None:
    world.use_profile(quarantine_limit=1.0)

    with world.registry() as registry:
        registry.ledger.install()
        registry.workspace.install()
        migrate(Steps(registry), "S", "L", "W", "M", "G", "C")
        there = composites(world)
        verdicts = (Decided.REJECT, Decided.TEST, Decided.EXCLUDE)
        known, _ = load_decisions(registry.decisions_path)
        decided = {decision.name for decision in known}
        used = {part for one in there for part in one["components"]}
        stars = [
            star
            for star in registry.staging.read("S")
            if star.body["nna_address"] in used and star.body["name"] not in decided
        ][:3]
    made = [
        Decision(
            layer="S",
            name=star.body["name"],
            nna_address=star.body["nna_address"],
            source_hash=star.source_hash,
            verdict=verdict,
            words=None,
            reason="no longer wanted",
            decided_by="c",
            decided_at=known[0].decided_at,
        )
        for star, verdict in zip(stars, verdicts, strict=True)
    ]
    Path(world.environment["REGISTRY_DECISIONS"]).write_text(write_csv([*known, *made]))

    assert world.migrate_layer("S").success
    assert world.migrate_layer("C").success
    because = dict(zip(verdicts, (BLOCKED, BUILT_FROM_TEST, BUILT_FROM_EXCLUDED), strict=True))
    for star, decision in zip(stars, made, strict=True):
        built = [one for one in there if decision.nna_address in one["components"]]
        assert built
        for one in built:
            outcome = world.outcome(one["_id"])
            assert (outcome["state"], outcome["reason"]) == ("quarantined", SUPERSEDED)
            named = read_components(each["reference"] for each in outcome["detail"]["missing"])
            assert {decision.nna_address, decision.name, star.item} & {one.key for one in named}
            if len(named) == 1:
                assert outcome["detail"]["because"] == because[decision.verdict]
    assert composites(world) == there
    refused = world.failure(world.materialise("reconciliation", layer="C"))
    assert "what was migrated is in development, and nothing else is" in refused
    assert "extra: built from " in refused


def test_what_the_texts_of_composites_tell_is_what_each_one_tells_resolved_by_itself(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_second = list(world.staging["assets"].find({"layer": {"$in": [*"SLWMG"]}, "name": {"$ne": None}}))[
        ::2
    ]
    world.development["assets"].insert_many(every_second)
    star, look = (next(one for one in every_second if one["layer"] == layer) for layer in "SL")
    numeric = f"2{star['nna_address'][1:]}"
    lists: list[Any] = [
        [star["nna_address"], look["nna_address"]],
        [star["nna_address"], star["name"]],
        [star["nna_address"], numeric],
        [numeric, look["name"]],
        ["", star["nna_address"], look["nna_address"]],
        ["", f"{star['nna_address']}:{look['nna_address']}"],
        [star["nna_address"], f"{look['nna_address']}:S.999.999.999"],
        [str(star["_id"]), look["_id"]],
        [{"name": star["name"]}, look["nna_address"]],
        [star["nna_address"], "C.FUL.POP.125"],
        [star["nna_address"], "S.999.999.999"],
        [star["nna_address"], star["nna_address"]],
        [star["nna_address"]] * 11,
        [star["nna_address"]],
        [star["nna_address"], 5],
        [star["nna_address"], ["S"]],
        [],
        "S.001.002.003",
        None,
    ]
    odd = [
        {"layer": "C", "name": f"C.odd.{n}", "components": listed}
        for n, listed in enumerate([*lists, *lists])
    ]
    world.staging["assets"].insert_many(odd)

    registry, one_by_one = steps.registry, Numbers()
    wanted: Counter[str] = Counter()
    for source in registry.staging.read("C"):
        references = references_of(source)
        found = resolve(references, open_components(registry).leading_to(references).find)
        if structural_breach(references, found.components):
            one_by_one += Numbers(unusable=1)
        elif found.missing:
            one_by_one += Numbers(waiting=1)
            wanted.update({reference.key for reference in found.missing})
        else:
            one_by_one += Numbers(complete=1)
    for remembered in (prerequisites._MOST_TEXTS, 0):
        # Also where nothing is remembered from one chunk to the next.
        monkeypatch.setattr(prerequisites, "_MOST_TEXTS", remembered)
        monkeypatch.setattr(prerequisites, "MOST_REMEMBERED", remembered)
        monkeypatch.setattr(prerequisites, "_CHUNK", 20)
        with looking(registry) as seen:
            assert seen.numbers == one_by_one
            assert dict(seen.tally.most_first()) == wanted
    assert min(one_by_one.complete, one_by_one.waiting, one_by_one.unusable) > 5
