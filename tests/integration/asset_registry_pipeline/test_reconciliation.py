"""Reconciliation on a real MongoDB: every planted fault is found, and named by the document and the field it is in."""

from dataclasses import replace
from typing import Any

import pytest
from bson import Int64, encode
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.registry.outcomes import CONFLICT
from asset_registry_pipeline.steps import decisions, plan, verify
from asset_registry_pipeline.stores.connections import Registry

SOUND = {"source_unchanged": True, "accounted": True, "words_length": None}


def found(steps: Any, layer: str) -> dict[str, dict[str, Any]]:
    """By document the questions that it does not answer as it should, with what is told of them."""
    rows, _ = steps.reconcile(layer)
    wrong = {
        row["item"]: {
            question: told
            for question, told in row.items()
            if question not in ("item", "label", "words_length") and told != SOUND.get(question)
        }
        for row in rows
    }
    return {item: told for item, told in wrong.items() if told}


def test_each_planted_fault_is_found_in_its_document_and_in_no_other(world: Any, steps: Any) -> None:
    steps.migrate("L")
    assert found(steps, "L") == {}
    assets, staging = world.development["assets"], world.staging["assets"]
    # One without a decision, which would wait for another once its source has changed.
    undecided = {"layer": "L", "name": {"$nin": world.development["migration_decisions"].distinct("name")}}
    moved_on = assets.find_one(undecided)
    words, private, emptied, gone, stripped, odd, typed, reordered, forgotten, broken = assets.find(
        {"layer": "L", "_id": {"$ne": moved_on["_id"]}}
    ).limit(10)

    def change(victim: Any, change: Any, collection: Any = assets) -> str:
        collection.update_one({"_id": victim["_id"]}, change)
        return str(victim["_id"])

    expected = {
        change(words, {"$set": {"creatorDescription": "Other words."}}): {"content": "creatorDescription"},
        change(private, {"$set": {"registeredBy": "x@example.invalid"}}): {
            "content": "registeredBy",
            "untouched": "registeredBy",
        },
        change(emptied, {"$set": {"tags": [], "updatedAt": None}}): {
            "content": "tags, updatedAt",
            "untouched": "tags, updatedAt",
        },
        change(stripped, {"$unset": {"albumArt": 1}}): {
            "content": "albumArt is missing",
            "missing_fields": "albumArt",
        },
        change(odd, {"$set": {"musicMetadata": None}}): {"content": "musicMetadata is extra"},
        change(typed, {"$set": {"source": 5, "aiMetadata": "text"}}): {
            "content": "aiMetadata, source",
            "wrong_type": "source is int, not str, aiMetadata is str, not dict",
            "untouched": "source",
        },
        change(moved_on, {"$set": {"tags": ["new"]}}, staging): {
            "source_unchanged": False,
            "content": "aiMetadata, tags",
            "untouched": "tags",
        },
        change(broken, {"$set": {"rights": "{broken"}}, staging): {
            "source_unchanged": False,
            "outcome": "now quarantined (a string that should hold a JSON object does not); recorded as migrated",
        },
    }
    assets.delete_one({"_id": gone["_id"]})
    expected[str(gone["_id"])] = {"presence": "missing"}
    world.development["migration_ledger"].delete_one({"_id": str(forgotten["_id"])})
    expected[str(forgotten["_id"])] = {"accounted": False, "presence": "extra: the ledger has nothing of it"}
    assets.replace_one({"_id": reordered["_id"]}, dict(reversed(reordered.items())))
    expected[str(reordered["_id"])] = {"content": "the order of its fields"}

    assert found(steps, "L") == expected


def test_values_that_look_equal_and_documents_of_odd_bytes_are_found(world: Any, steps: Any) -> None:
    steps.migrate("L")
    assets = world.development["assets"]
    longer, floating, vast, twice = assets.find({"layer": "L"}).limit(4)
    for victim, change in (
        (longer, {"__v": Int64(longer["__v"])}),
        (floating, {"__v": float(floating["__v"])}),
        # More than the migration itself would ever write.
        (vast, {"description": "x" * (16 * 1024 * 1024 - 20_000)}),
    ):
        assets.replace_one({"_id": victim["_id"]}, victim | change)
    fields = encode(twice)[4:-1] + encode({"source": twice["source"]})[4:-1]
    raw = (len(fields) + 5).to_bytes(4, "little") + fields + b"\0"
    assets.replace_one({"_id": twice["_id"]}, RawBSONDocument(raw))

    assert found(steps, "L") == {
        str(longer["_id"]): {"content": "__v", "untouched": "__v"},
        str(floating["_id"]): {
            "content": "__v",
            "untouched": "__v",
            "wrong_type": "__v is float, not int",
        },
        str(vast["_id"]): {"content": "description", "untouched": "description"},
        str(twice["_id"]): {"content": "its bytes: a field twice, or a deprecated type"},
    }


def test_records_that_tell_of_another_layer_of_other_bytes_or_of_a_conflict_that_is_none_are_found(
    world: Any, steps: Any
) -> None:
    steps.migrate("M")
    strayed, forged, settled, removed = world.development["assets"].find({"layer": "M"}).limit(4)
    for victim, change in (
        (strayed, {"partition": "L"}),
        (forged, {"target_hash": "of something else"}),
        (settled, {"state": "quarantined", "reason": CONFLICT}),
        (removed, {"state": "quarantined", "reason": CONFLICT}),
    ):
        world.development["migration_ledger"].update_one({"_id": str(victim["_id"])}, {"$set": change})
    world.development["assets"].delete_one({"_id": removed["_id"]})
    assert found(steps, "M") == {
        str(strayed["_id"]): {"outcome": "recorded as migrated of layer L"},
        str(forged["_id"]): {"outcome": "recorded with another hash than it has"},
        str(settled["_id"]): {"outcome": f"now ready; recorded as quarantined ({CONFLICT})"},
        str(removed["_id"]): {"outcome": f"now ready; recorded as quarantined ({CONFLICT})"},
    }


def test_documents_that_were_staged_and_planned_otherwise_than_their_sources_make_them_are_found(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = plan.encoded

    def forged(planned: Any, registry: Registry) -> Any:
        document = planned.document and {**planned.document, "creatorDescription": "Words of somebody."}
        return honest(replace(planned, document=document), registry)

    monkeypatch.setattr(plan, "encoded", forged)
    steps.migrate("M")
    published = [str(one["_id"]) for one in world.development["assets"].find({"layer": "M"})]
    assert published
    assert found(steps, "M") == {one: {"content": "creatorDescription"} for one in published}


def test_words_over_the_limit_are_told_by_their_length(world: Any, steps: Any) -> None:
    steps.migrate("M")
    victim = world.development["assets"].find_one({"layer": "M"})
    world.development["assets"].update_one(
        {"_id": victim["_id"]}, {"$set": {"creatorDescription": "x" * 501}}
    )
    rows, _ = steps.reconcile("M")
    assert [row["item"] for row in rows if (row["words_length"] or 0) > 500] == [str(victim["_id"])]


def test_a_held_song_that_somebody_put_into_development_is_found(world: Any, steps: Any) -> None:
    steps.migrate("G")
    held = world.development["migration_ledger"].find_one({"partition": "G", "state": "held"})
    song = world.staging["assets"].find_one({"name": held["detail"]["label"]})
    world.development["assets"].insert_one(song)
    assert found(steps, "G") == {held["_id"]: {"presence": "extra: recorded as held"}}


def test_references_of_composites_are_followed_and_what_waits_is_asked_anew(world: Any, steps: Any) -> None:
    for layer in "SLWMG":
        steps.migrate(layer)
    assets = world.development["assets"]
    star = assets.find_one({"layer": "S"})
    assets.delete_one({"_id": star["_id"]})
    steps.migrate("C")
    assert found(steps, "C") == {}

    # What a composite waits for is recorded in full, or it is told.
    blocked = {"partition": "C", "detail.missing.reference": star["nna_address"]}
    ledger = world.development["migration_ledger"]
    recorded = ledger.find_one(blocked)
    ledger.update_one({"_id": recorded["_id"]}, {"$set": {"detail.missing": []}})
    told = f"now lacks {star['nna_address']}; recorded as lacking nothing"
    assert found(steps, "C") == {recorded["_id"]: {"outcome": told}}
    ledger.replace_one({"_id": recorded["_id"]}, recorded)

    # The component comes: what waited for it alone would go now.
    steps.migrate("S")
    waiting = found(steps, "C")
    held = {
        one["_id"] for one in world.development["migration_ledger"].find({"partition": "C", "state": "held"})
    }
    assert waiting
    assert set(waiting) <= held
    outcomes = {told["outcome"].partition(" (")[0] for told in waiting.values()}
    assert "now ready; recorded as held" in outcomes
    # Others go on waiting, and for less than is recorded.
    assert all(told.startswith("now lacks ") for told in outcomes - {"now ready; recorded as held"})
    steps.migrate("C")
    assert found(steps, "C") == {}

    # A component goes, and another composite is given a reference that leads nowhere.
    composite, other, *_ = assets.find({"layer": "C", "componentAnalysis.totalComponents": 5})
    gone = assets.find_one({"nna_address": composite["components"][1]})
    assets.delete_one({"_id": gone["_id"]})
    assets.update_one({"_id": other["_id"]}, {"$push": {"components": "S.999.999.999"}})
    told = found(steps, "C")
    assert told[str(composite["_id"])]["references"] == gone["nna_address"]
    assert told[str(composite["_id"])]["outcome"].startswith("now held")
    assert "S.999.999.999" in told[str(other["_id"])]["references"]


def test_a_song_that_was_decided_after_it_was_held_is_found(world: Any, steps: Any) -> None:
    path = world.folder / "decisions.csv"
    recorded = path.read_text()
    path.write_text(recorded.splitlines()[0] + "\n")
    steps.migrate("G")
    assert found(steps, "G") == {}
    path.write_text(recorded)
    decisions.import_decisions(steps.registry, "G")
    # Nine would be migrated by now, one was rejected.
    assert len([told for told in found(steps, "G").values() if "outcome" in told]) == 10


def test_two_documents_that_came_to_share_a_name_are_found_without_a_new_inventory(
    world: Any, steps: Any
) -> None:
    steps.migrate("W")
    one, other, *_ = world.development["assets"].find({"layer": "W"})
    world.staging["assets"].drop_indexes()
    world.staging["assets"].update_one({"_id": other["_id"]}, {"$set": {"nna_address": one["nna_address"]}})
    told = found(steps, "W")
    assert "another document has the same address" in told[str(one["_id"])]["outcome"]
    assert set(told) == {str(one["_id"]), str(other["_id"])}


def test_indexes_that_are_missing_or_other_than_wanted_are_found(
    world: Any, steps: Any, registry: Registry
) -> None:
    steps.migrate("M")
    assert {problem for _, problem in verify.index_rows(registry, "M", verify.Tally())} == {"none"}
    assets = world.development["assets"]
    assets.drop_index("name_1")
    assets.drop_index("migration_text")
    assets.create_index([("name", "text")], name="migration_text", default_language="none")
    problems = dict(verify.index_rows(registry, "M", verify.Tally()))
    assert problems["name_1"] == "missing"
    assert "default_language is 'none'" in problems["migration_text"]
    assert problems["nna_address_1"] == "none"

    # One that is there by its name and does not keep what it is wanted for.
    assets.drop_index("nna_address_1")
    assets.create_index("nna_address", name="nna_address_1", unique=True, sparse=True)
    assert (
        dict(verify.index_rows(registry, "M", verify.Tally()))["nna_address_1"]
        == "sparse is True, not wanted"
    )


def test_fields_are_counted_as_present_and_separately_as_populated(steps: Any) -> None:
    steps.migrate("G")
    _, tally = steps.reconcile("G")
    assert tally.fields["creatorDescription"] == {"present": 9, "populated": 9}
    assert tally.fields["albumArt"] == {"present": 9, "populated": 0}
    assert tally.fields["componentAnalysis"] == {"present": 0, "populated": 0}
    assert tally.in_development == 9
    assert tally.accounting.balanced


def test_documents_beside_those_of_staging_are_told_apart_by_who_wrote_them(world: Any, steps: Any) -> None:
    assets, staging, ledger = (
        world.development["assets"],
        world.staging["assets"],
        world.development["migration_ledger"],
    )
    assets.insert_one({"_id": "x", "layer": "M", "name": "x", "nna_address": "x"})
    # One of staging's own that nobody can read is beside none of them.
    steps.plan("M")
    broken = next(one for one in steps.registry.workspace.candidates("M") if one.raw is not None)
    raw = encode({"_id": broken.identifier, "layer": "M", "text": "\x01"}).replace(b"\x01\0\0", b"\xff\0\0")
    assets.insert_one(RawBSONDocument(raw))
    steps.publish("M")
    left, forgotten, *_ = assets.find({"layer": "M", "_id": {"$nin": ["x", broken.identifier]}})
    rows, tally = steps.reconcile("M")
    assert (tally.foreign, tally.left) == (1, 0)
    assert found(steps, "M") == {}

    staging.delete_one({"_id": left["_id"]})
    staging.delete_one({"_id": forgotten["_id"]})
    ledger.delete_one({"_id": str(forgotten["_id"])})
    rows_after, tally = steps.reconcile("M")
    assert (tally.foreign, tally.left) == (1, 1)
    assert len(rows_after) == len(rows) - 1
    told = found(steps, "M")
    assert list(told) == [str(forgotten["_id"])]
    assert "neither staging nor the ledger knows of it" in told[str(forgotten["_id"])]["presence"]


def test_the_ranges_of_a_layer_together_say_what_the_whole_says(
    steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for layer in "SLWMGC":
        steps.migrate(layer)
    whole, tally = steps.reconcile("C")
    monkeypatch.setattr("asset_registry_pipeline.steps.spreading.SPREAD_FROM", 10)
    monkeypatch.setattr("asset_registry_pipeline.steps.spreading.RANGE_DOCUMENTS", 20)
    cut, tally_of_cut = steps.reconcile("C")
    assert sorted(map(str, cut)) == sorted(map(str, whole))
    assert tally_of_cut == tally
