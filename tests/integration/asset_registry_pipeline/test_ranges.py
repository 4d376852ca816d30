"""Ranges of `_id`: cutting a layer loses and doubles nothing, rows are written only where they differ."""

import contextlib
import struct
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import bson
import pytest
from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Timestamp
from bson.raw_bson import RawBSONDocument
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from asset_registry_pipeline.steps import inventory, plan, spreading
from asset_registry_pipeline.steps.sources import layer_parts
from asset_registry_pipeline.stores import codec, rows
from asset_registry_pipeline.stores.id_ranges import WHOLE, IdRange
from asset_registry_pipeline.stores.staging import Staging
from asset_registry_pipeline.stores.workspace import Workspace
from migration_kit.failures import PermanentError

# Two of no BSON type compare as equal here, so that all of them may be `_id`s of one collection.
IDS: tuple[Any, ...] = (
    None, MinKey(), MaxKey(), False, True, -1, 0.5, 7, Int64(2**40), Decimal128("8.25"), float("inf"),
    "", "a", "a\x00b", "\U0001f468", "Z", ObjectId("0" * 24), ObjectId("5" * 24), ObjectId("f" * 24),
    Binary(b"\x00", 0), Binary(b"\xff", 128), {"a": 1}, {"a": {"b": []}}, {}, Timestamp(1, 1),
)  # fmt: skip
UNREADABLE = (b"\xff", b"\xfe")
"""Texts that are no UTF-8, as `_id`s."""


@pytest.fixture
def place(mongo: Any) -> Iterator[Database[Any]]:
    """An empty database for staging and the migration's own rows together."""
    with MongoClient[dict[str, Any]](mongo.uri) as client:
        database = client[mongo.staging]
        Workspace(database).install()
        yield database


def _with_unreadable_id(text: bytes) -> bytes:
    body = (
        b"\x02_id\x00" + struct.pack("<i", len(text) + 1) + text + b"\x00" + bson.encode({"layer": "S"})[4:-1]
    )
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


def _ranges(staging: Staging, every: int) -> list[IdRange]:
    edges = [WHOLE.lower, *staging.marks_between("S", every), WHOLE.upper]
    return [IdRange(lower, upper) for lower, upper in pairwise(edges)]


def _row(raw: bytes, says: Any) -> dict[str, Any]:
    source = codec.read_source(raw, "S")
    unplaced = {rows.UNPLACED: True} if codec.is_unreadable(source.item) else {}
    return {"_id": source.item, "layer": "S", "identifier": source.identifier, "says": says, **unplaced}


def _keep_all(database: Database[Any], ranges: list[IdRange], says: Mapping[str, Any]) -> int:
    staging, target = Staging(database), database["rows"]
    return sum(
        rows.keep(
            target, "S", (_row(raw, says.get(codec.item_of(raw))) for raw in staging.raw("S", within)), within
        )
        for within in ranges
    )


_SOME = st.lists(st.sampled_from(range(len(IDS))), unique=True)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    layers=st.tuples(_SOME, _SOME),
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 5)),
    unreadable=st.integers(0, 2),
    changed=_SOME,
)
def test_ranges_of_any_ids_lose_and_double_nothing_and_only_differences_are_written(
    place: Database[Any],
    layers: tuple[list[int], list[int]],
    sizes: tuple[int, int],
    unreadable: int,
    changed: list[int],
) -> None:
    every, chunk = sizes
    assets, target, staging = place["assets"], place["rows"], Staging(place)
    assets.delete_many({})
    target.delete_many({})
    target.create_index([("layer", 1), ("identifier", 1)])
    # A row of another layer, at each end: never touched.
    target.insert_many([{"_id": name, "layer": name, "identifier": 1} for name in ("R", "S\x01", "T")])
    odd = [RawBSONDocument(_with_unreadable_id(text)) for text in UNREADABLE[:unreadable]]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows, "CHUNK_ROWS", chunk)
        for documents in layers:
            assets.delete_many({})
            assets.insert_many([{"_id": "of another layer", "layer": "L"}, *odd])
            for number in documents:
                assets.insert_one({"_id": IDS[number], "layer": "S"})
            ranges = _ranges(staging, every)
            whole = list(staging.raw("S"))
            assert [raw for within in ranges for raw in staging.raw("S", within)] == whole
            assert len(whole) == len(documents) + len(odd)
            items = {codec.item_of(raw) for raw in whole}
            assert len(items) == len(whole)
            _keep_all(place, ranges, {})
            assert {row["_id"] for row in target.find({"layer": "S"})} == items
            assert _keep_all(place, _ranges(staging, every + 1), {}) == 0
        says = {codec.item_key(IDS[number]): "else" for number in changed}
        assert _keep_all(place, ranges, says) == len(items & says.keys())
        assert {row["_id"] for row in target.find({"says": "else"})} == items & says.keys()
    assert target.count_documents({"layer": {"$ne": "S"}}) == 3


def test_two_documents_whose_ids_are_no_text_are_two_and_never_taken_for_another() -> None:
    one, other = (codec.read_source(_with_unreadable_id(text), "S") for text in UNREADABLE)
    assert one.item != other.item
    assert one.identifier is other.identifier is None
    assert one.body is None
    assert codec.item_of(_with_unreadable_id(UNREADABLE[0])) == one.item


def _with(identifier: bytes) -> RawBSONDocument:
    """A document of the layer S whose `_id` is this element."""
    body = identifier + bson.encode({"layer": "S"})[4:-1]
    return RawBSONDocument(struct.pack("<i", len(body) + 5) + body + b"\x00")


def test_documents_whose_ids_have_a_deprecated_type_are_planned_and_accounted_for_like_all_others(
    world: Any, steps: Any
) -> None:
    symbol = _with(b"\x0e_id\x00\x04\x00\x00\x00abc\x00")
    undefined = _with(b"\x03_id\x00\x08\x00\x00\x00\x06a\x00\x00")
    world.staging["assets"].insert_many([symbol, undefined])
    planning = steps.plan("S")
    assert planning.plan.items == 14
    assert planning.reasons["the document cannot be decoded"] == 2
    assert steps.publish("S").accounting.source == 14


def _staged(world: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        name: list(world.development[name].find().sort("_id", 1))
        for name in ("migration_snapshot", "migration_candidates")
    }


def test_a_layer_spread_over_processes_has_the_same_outcome_as_in_one(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {layer: steps.plan(layer) for layer in ("S", "C")}
    kept, looked = _staged(world), inventory.take(steps.registry, "C", run_id="run", batch="batch-1")
    world.development["migration_snapshot"].delete_many({})
    world.development["migration_candidates"].delete_many({})

    monkeypatch.setattr(spreading, "SPREAD_FROM", 2)
    monkeypatch.setattr(spreading, "RANGE_DOCUMENTS", 7)
    ranges = spreading.cut(steps.registry, "C")
    assert len(ranges) == 9
    registry = replace(steps.registry, settings=replace(steps.registry.settings, workers="2"))
    seen = {layer: inventory.take(registry, layer, run_id="run", batch="batch-1") for layer in ("S", "C")}
    spread = {
        layer: plan.make(registry, layer, run_id="run", accepted=steps.accepted(layer))
        for layer in ("S", "C")
    }
    # What the inventory has kept by now leads to the same ranges as staging itself.
    assert spreading.cut(registry, "C") == spreading.cut(registry, "C", afresh=True) == ranges
    assert replace(seen["C"], written=0) == looked
    assert _staged(world) == kept
    for layer, planning in spread.items():
        assert planning == replace(alone[layer], written=planning.written)
        assert layer_parts(registry, layer, steps.accepted(layer)) == planning.plan.summary["parts"]


def test_a_profile_that_changes_between_a_run_and_its_workers_is_not_mixed_with_the_other(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.plan("S")
    monkeypatch.setattr(spreading, "SPREAD_FROM", 2)
    monkeypatch.setattr(spreading, "RANGE_DOCUMENTS", 7)
    world.use_profile(json_strings="keep")
    registry = replace(steps.registry, settings=replace(steps.registry.settings, workers="2"))
    with pytest.raises(
        PermanentError, match="the profile or the taxonomy was changed while it was worked on"
    ):
        plan.make(registry, "S", run_id="run")


def test_findings_made_with_another_taxonomy_decide_on_no_plan(steps: Any) -> None:
    steps.plan("S")
    other = replace(steps.registry, taxonomy=replace(steps.registry.taxonomy, version="next"))
    with pytest.raises(
        PermanentError, match=r"the inventory was taken with the taxonomy .*, now it is next"
    ) as no:
        plan.make(other, "S", run_id="run")
    assert "staging_inventory of S" in str(no.value.remedy)


def test_an_unchanged_layer_writes_nothing_and_a_changed_one_only_its_changes(world: Any, steps: Any) -> None:
    first = steps.plan("S")
    assert first.written == 12
    assert (inventory.take(steps.registry, "S", run_id="r", batch="b").written, steps.plan("S").written) == (
        0,
        0,
    )

    assets = world.staging["assets"]
    changed, gone = (one["_id"] for one in assets.find({"layer": "S", "tags": {"$ne": []}}).limit(2))
    assets.update_one({"_id": changed}, {"$set": {"source": "elsewhere"}})
    assets.delete_one({"_id": gone})
    assets.insert_one({"_id": "new", "layer": "S"})
    assert inventory.take(steps.registry, "S", run_id="r", batch="b").written == 3
    assert plan.make(steps.registry, "S", run_id="r").written == 3
    for name in ("migration_snapshot", "migration_candidates"):
        items = {row["_id"] for row in world.development[name].find({"layer": "S"})}
        assert items == {codec.item_key(one["_id"]) for one in assets.find({"layer": "S"})}


def test_staging_that_changed_between_inventory_and_plan_is_named_and_nothing_is_planned(
    world: Any, steps: Any
) -> None:
    before = steps.plan("S").plan
    assets = world.staging["assets"]
    changed, gone = (one for one in assets.find({"layer": "S"}).limit(2))
    assets.update_one({"_id": changed["_id"]}, {"$set": {"source": "elsewhere"}})
    assets.delete_one({"_id": gone["_id"]})
    assets.insert_one({"_id": "new", "layer": "S"})
    with pytest.raises(PermanentError) as refused:
        plan.make(steps.registry, "S", run_id="run")
    assert "of 12 documents 10 are as they were" in str(refused.value)
    assert f"{changed['name']} is changed" in str(refused.value)
    assert "str:'new' is new" in str(refused.value)
    assert steps.registry.ledger.plan("S") == before
    # What was staged half-way is not what that plan says.
    with pytest.raises(PermanentError, match="changed since: staging"):
        steps.publish("S")


def test_two_inventories_and_plans_at_once_leave_each_row_once(world: Any, steps: Any) -> None:
    def look(run: str) -> str:
        found = inventory.take(steps.registry, "C", run_id=run, batch="batch-1")
        return found.fingerprint + plan.make(steps.registry, "C", run_id=run, accepted={}).plan.fingerprint

    with ThreadPoolExecutor(2) as pool:
        assert len({*pool.map(look, ("one", "other"))}) == 1
    assert world.development["migration_snapshot"].count_documents({"layer": "C"}) == 60
    assert world.development["migration_candidates"].count_documents({"layer": "C"}) == 60
    assert inventory.take(steps.registry, "C", run_id="r", batch="b").written == 0


def test_a_migrated_document_that_left_staging_is_told_until_it_is_back(world: Any, steps: Any) -> None:
    steps.migrate("M")
    assets = world.staging["assets"]
    migrated = {
        row["_id"]
        for row in world.development["migration_ledger"].find({"state": "migrated", "partition": "M"})
    }
    left, moved, *_ = [one for one in assets.find({"layer": "M"}) if str(one["_id"]) in migrated]
    never = next(one for one in assets.find({"layer": "S"}))

    def look(layer: str = "M") -> int:
        return inventory.take(steps.registry, layer, run_id="r", batch="b").left

    assert look("S") == look() == 0
    assets.delete_many({"_id": {"$in": [left["_id"], never["_id"]]}})
    assets.update_one({"_id": moved["_id"]}, {"$set": {"layer": "W"}})
    assert (look(), look(), look("S")) == (1, 1, 0)
    assert [one["label"] for one in steps.registry.workspace.left("M")] == [left["name"]]
    assets.insert_one(left)
    assert look() == 0


def test_composites_of_the_same_components_are_found_whatever_form_and_order_they_name_them_in(
    world: Any, steps: Any
) -> None:
    assets = world.staging["assets"]
    parts = [
        assets.find_one({"layer": layer, "nna_address": {"$regex": rf"^{layer}\.\d"}}) for layer in "GSL"
    ]
    song, star, look = parts
    forms: list[list[Any]] = [
        [one["nna_address"] for one in parts],
        [{"_id": look["_id"]}, "2" + star["nna_address"][1:], song["name"]],
        [str(star["_id"]), f"{look['name']}+{song['nna_address']}"],
    ]
    assets.insert_many(
        [{"_id": f"set {n}", "layer": "C", "components": form} for n, form in enumerate(forms)]
        + [{"_id": "other", "layer": "C", "components": [*forms[0], "W.001.001.001"]}]
    )
    inventory.take(steps.registry, "C", run_id="r", batch="b")
    found = {
        row["item"]: row["detail"]
        for row in steps.registry.workspace.findings("C")
        if row["kind"] == "equal_component_sets"
    }
    assert found["str:'set 0'"] == "str:'set 1', str:'set 2'"
    assert {"str:'set 1'", "str:'set 2'"} < found.keys()
    assert "str:'other'" not in found


def test_what_documents_have_in_common_is_marked_and_the_mark_goes_with_its_cause(
    world: Any, steps: Any
) -> None:
    assets = world.staging["assets"]
    one, other = assets.find({"layer": "W", "nna_address": {"$regex": r"^W\.\d"}}).sort("_id", 1).limit(2)
    assets.update_one(
        {"_id": other["_id"]}, {"$set": {"name": one["name"], "nna_address": one["nna_address"]}}
    )

    def marked() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in steps.registry.workspace.findings("W"):
            if row["kind"].startswith("duplicate_") and row["kind"] != "duplicate_tags":
                assert row["effect"] == "quarantine"
                found.setdefault(row["kind"], set()).add(row["item"])
        return found

    both = {str(one["_id"]), str(other["_id"])}
    steps.plan("W")
    assert marked() == {"duplicate_name": both, "duplicate_address": both}
    staged = world.development["migration_candidates"]
    assert [row["disposition"] for row in staged.find({"_id": {"$in": [*both]}})] == ["quarantined"] * 2
    # An inventory that judges anew and ends before it has compared all rows loses no mark.
    world.development["migration_snapshot"].update_many({"layer": "W"}, {"$unset": {rows.DIGEST: ""}})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Workspace, "mark_across", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            inventory.take(steps.registry, "W", run_id="r", batch="b")
    assert plan.make(steps.registry, "W", run_id="r").reasons["another document has the same name"] == 2
    assets.update_one({"_id": other["_id"]}, {"$set": {"name": None, "nna_address": None}})
    steps.plan("W")
    assert marked() == {}
    assets.replace_one({"_id": other["_id"]}, other)
    steps.plan("W")
    assert marked() == {}
    with contextlib.suppress(StopIteration):
        assert next(iter(steps.registry.workspace.snapshot("W"))).grave == ()
