"""Reconciliation on a real MongoDB: every planted fault is found, and named by the document it is in."""

from collections.abc import Callable
from typing import Any

import pytest

from asset_registry_pipeline.steps import decisions

QUESTIONS = (
    "source_unchanged", "accounted", "outcome", "presence", "content", "untouched", "references", "fields_present",
)  # fmt: skip


def answers(steps: Any, layer: str) -> dict[str, set[str]]:
    """The questions that some document answers with no, and those documents."""
    rows = steps.reconcile(layer).rows
    return {
        question: {row["item"] for row in rows if not row[question]}
        for question in QUESTIONS
        if any(not row[question] for row in rows)
    }


def change(field: str, value: Any) -> Callable[[Any, Any], None]:
    def plant(world: Any, victim: Any) -> None:
        world.development["assets"].update_one({"_id": victim["_id"]}, {"$set": {field: value}})

    return plant


def delete(world: Any, victim: Any) -> None:
    world.development["assets"].delete_one({"_id": victim["_id"]})


def strip(world: Any, victim: Any) -> None:
    world.development["assets"].update_one({"_id": victim["_id"]}, {"$unset": {"albumArt": 1}})


def forget(world: Any, victim: Any) -> None:
    world.development["migration_ledger"].delete_one({"_id": str(victim["_id"])})


def move_on(world: Any, victim: Any) -> None:
    world.staging["assets"].update_one({"_id": victim["_id"]}, {"$set": {"tags": ["new"]}})


FAULTS = [
    (change("creatorDescription", "Other words."), {"content"}),
    (change("registeredBy", "x@example.invalid"), {"content", "untouched"}),
    (change("updatedAt", None), {"content", "untouched"}),
    (change("tags", []), {"content", "untouched"}),
    (delete, {"presence"}),
    (strip, {"content", "fields_present"}),
    (forget, {"accounted", "presence"}),
    (move_on, {"source_unchanged", "content", "untouched"}),
]


@pytest.mark.parametrize(("plant", "questions"), FAULTS)
def test_a_planted_fault_in_a_star_is_found_in_that_star_and_in_no_other(
    world: Any, steps: Any, plant: Callable[[Any, Any], None], questions: set[str]
) -> None:
    steps.migrate("S")
    assert answers(steps, "S") == {}
    victim = world.development["assets"].find_one({"layer": "S"})
    plant(world, victim)
    assert answers(steps, "S") == {question: {str(victim["_id"])} for question in questions}


def test_a_held_song_that_somebody_put_into_development_is_found(world: Any, steps: Any) -> None:
    steps.migrate("G")
    held = world.development["migration_ledger"].find_one({"partition": "G", "state": "held"})
    song = world.staging["assets"].find_one({"name": held["detail"]["label"]})
    world.development["assets"].insert_one(song)
    assert answers(steps, "G") == {"presence": {held["_id"]}}


def test_a_reference_whose_component_is_gone_is_found(world: Any, steps: Any) -> None:
    for layer in "SLWMGC":
        steps.migrate(layer)
    assert answers(steps, "C") == {}
    composite = world.development["assets"].find_one({"layer": "C"})
    world.development["assets"].delete_one({"nna_address": composite["components"][0]})
    found = answers(steps, "C")
    assert str(composite["_id"]) in found["references"]
    assert str(composite["_id"]) in found["content"]


def test_indexes_that_are_missing_or_other_than_wanted_are_found(world: Any, steps: Any) -> None:
    steps.migrate("M")
    assert steps.reconcile("M").missing_indexes == {}
    assets = world.development["assets"]
    assets.drop_index("name_1")
    assets.drop_index("migration_text")
    assets.create_index([("name", "text")], name="migration_text", default_language="none")
    found = steps.reconcile("M").missing_indexes
    assert found["name_1"] == "missing"
    assert "default_language is 'none'" in found["migration_text"]
    problems = steps.reconcile("M").index_frame().set_index("index")["problem"]
    assert problems["nna_address_1"] == "none"


def test_fields_are_counted_as_present_and_separately_as_populated(steps: Any) -> None:
    steps.migrate("G")
    fields = steps.reconcile("G").fields
    assert fields["creatorDescription"] == {"present": 9, "populated": 9}
    assert fields["albumArt"] == {"present": 9, "populated": 0}
    assert fields["componentAnalysis"] == {"present": 0, "populated": 0}


def test_documents_in_development_from_elsewhere_are_counted_and_left(world: Any, steps: Any) -> None:
    world.development["assets"].insert_one({"_id": "x", "layer": "M", "name": "x", "nna_address": "x"})
    steps.migrate("M")
    assert steps.reconcile("M").foreign == 1
    assert answers(steps, "M") == {}


def test_a_held_composite_that_could_go_by_now_is_found(world: Any, steps: Any) -> None:
    for layer in "SLWMG":
        steps.migrate(layer)
    star = world.development["assets"].find_one({"layer": "S"})
    world.development["assets"].delete_one({"_id": star["_id"]})
    steps.migrate("C")
    assert answers(steps, "C") == {}
    steps.migrate("S")
    waiting = answers(steps, "C")["outcome"]
    held = world.development["migration_ledger"].find({"partition": "C", "state": "held"})
    assert waiting
    assert waiting <= {outcome["_id"] for outcome in held}


def test_a_song_that_was_decided_after_it_was_held_is_found(world: Any, steps: Any) -> None:
    path = world.folder / "decisions.csv"
    recorded = path.read_text()
    path.write_text(recorded.splitlines()[0] + "\n")
    steps.migrate("G")
    assert answers(steps, "G") == {}
    path.write_text(recorded)
    decisions.import_decisions(steps.registry, "G")
    # Nine would be migrated by now, one was rejected.
    assert len(answers(steps, "G")["outcome"]) == 10
