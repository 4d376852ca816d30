"""Curators' recorded decisions: how they are taken in, and what they do to the composites of an asset."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.decisions_csv import write_csv
from asset_registry_pipeline.steps import decisions, directory
from asset_registry_pipeline.stores import codec


def _decide(world: Any, star: dict[str, Any], verdict: Verdict, **changes: Any) -> Decision:
    raw = codec.encode(world.staging["assets"].find_one({"_id": star["_id"]}))
    said = {
        "layer": star["layer"],
        "name": star["name"],
        "nna_address": star["nna_address"],
        "source_hash": codec.content_hash(raw),
        "verdict": verdict,
        "words": None,
        "reason": "seen by a curator",
        "decided_by": "curator01@example.invalid",
        "decided_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Decision(**(said | changes))


def _record(world: Any, *recorded: Decision) -> None:
    Path(world.environment["REGISTRY_DECISIONS"]).write_text(write_csv(recorded))


def test_a_row_that_cannot_be_used_is_told_without_an_email_address_and_stops_no_other(
    world: Any, steps: Any
) -> None:
    star = world.staging["assets"].find_one({"layer": "S", "tags": {"$ne": []}})
    good = _decide(world, star, Verdict.APPROVE)
    # The columns shifted by one: an address stands where the name should.
    shifted = _decide(world, star, Verdict.APPROVE, name="curator01@example.invalid")
    _record(world, shifted, _decide(world, star, Verdict.APPROVE, layer="Q"), good)
    taken = decisions.import_decisions(steps.registry, "S")
    assert taken.added == 1
    assert {row["name"]: row["why"] for row in taken.refused} == {
        "c***@example.invalid": "no such asset in staging",
        star["name"]: "layer 'Q' has no decisions",
    }
    assert decisions.import_decisions(steps.registry, "S").unchanged == 1


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [(Verdict.TEST, "built from a test asset"), (Verdict.EXCLUDE, "built from an excluded asset")],
)
def test_a_component_that_is_left_behind_takes_its_composites_with_it_even_after_it_was_migrated(
    world: Any, steps: Any, verdict: Verdict, reason: str
) -> None:
    steps.migrate("S")
    migrated = world.development["migration_ledger"].find({"partition": "S", "state": "migrated"})
    stars = {
        world.development["assets"].find_one({"name": row["detail"]["label"]})["nna_address"]
        for row in migrated
    }
    composite = next(
        one
        for one in world.staging["assets"].find({"layer": "C"}).sort("_id", 1)
        if len(one["components"]) > 1 and stars & {*map(str, one["components"])}
    )
    address = next(one for one in composite["components"] if one in stars)
    star = world.staging["assets"].find_one({"nna_address": address})

    def outcome() -> tuple[str, str]:
        steps.plan("C")
        row = world.development["migration_candidates"].find_one({"_id": str(composite["_id"])})
        return row["disposition"], row["reason"]

    assert outcome()[0] == "held"  # its other components are not there yet; the star is
    world.development["migration_decisions"].delete_many({"nna_address": address})
    _record(world, _decide(world, star, verdict))
    steps.migrate("S", batch="batch-2")
    assert outcome() == ("excluded", reason)


def test_components_are_found_by_address_name_or_id_and_no_more_are_remembered_than_there_is_room_for(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.migrate("M")
    moves = list(world.development["assets"].find({"layer": "M"}))[:3]
    assert len(moves) == 3
    monkeypatch.setattr(directory, "MOST_REMEMBERED", 4)
    components = directory.open_components(steps.registry, "these")
    for attempt in range(2):
        for move in moves:
            keys = [move["nna_address"], move["name"], str(move["_id"])]
            body = {"name": "C.FUL.POP.001", "components": keys}
            source = codec.read_source(codec.encode({"_id": attempt, "layer": "C", **body}), "C")
            found = components.directory([source])
            assert {found.find(key).item for key in keys} == {str(move["_id"])}  # type: ignore[union-attr]
            assert found.features(str(move["_id"])).layer == "M"
            assert found.find("M.999.999.999") is None
            assert found.why_missing("M.999.999.999").why == "not in staging"
        assert (
            len(components.memory.recall([move[key] for move in moves for key in ("nna_address", "name")]))
            <= 4
        )
