"""What publishing finds in its way is queued with what differs, and settled by a later run; too much of it fails."""

import json
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.registry.outcomes import CONFLICT, DAMAGED, SUPERSEDED, TAKEN
from asset_registry_pipeline.steps import apply, publishing
from asset_registry_pipeline.steps.accounting import conflicts, problems
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import opened
from asset_registry_pipeline.stores.progress import Status
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.accounting import State
from migration_kit.failures import PermanentError
from migration_kit.ledger import Entry


def ready(steps: Any, layer: str) -> list[Any]:
    return [one for one in steps.registry.workspace.candidates(layer) if one.raw is not None]


def contents(world: Any) -> dict[str, str]:
    """The hash of every asset in development, by item."""
    found = world.development.get_collection("assets", codec_options=codec.RAW).find()
    return {codec.item_of(document.raw): codec.content_hash(document.raw) for document in found}


def unreadable(identifier: Any) -> RawBSONDocument:
    """A document with a text that is no UTF-8."""
    raw = codec.encode({"_id": identifier, "layer": "S", "name": "n", "nna_address": "a", "text": "\x01\x01"})
    return RawBSONDocument(raw.replace(b"\x01\x01", b"\xff\xfe"))


def test_a_conflict_tells_what_differs_and_is_settled_by_a_run_after_its_repair(
    world: Any, steps: Any
) -> None:
    steps.plan("S")
    edited, broken, *others = ready(steps, "S")
    assets = world.development["assets"]
    standing = codec.decode(edited.raw) | {"description": "Other words.", "mine": 1}
    assets.insert_one(standing)
    assets.insert_one(unreadable(broken.identifier))

    assert steps.publish("S").written == len(others)
    queue = {entry.item: entry.detail for entry in conflicts(steps.registry, "S")}
    assert {*queue} == {edited.item, broken.item}
    assert queue[edited.item]["fields"] == ["description", "mine"]
    assert queue[edited.item]["planned"] == edited.target_hash
    assert queue[edited.item]["found"] == contents(world)[edited.item]
    assert queue[broken.item]["why"] == "what development holds cannot be read"

    assets.delete_one({"_id": broken.identifier})
    assets.replace_one({"_id": edited.identifier}, codec.decode(edited.raw))
    published = steps.publish("S", batch="batch-2")
    assert (published.written, published.accounting.migrated) == (1, 1)
    assert list(conflicts(steps.registry, "S")) == []
    assert world.outcome(edited.item)["state"] == "already_present"


def test_a_document_that_takes_a_name_which_another_still_has_waits_for_it_in_its_old_form(
    world: Any, steps: Any
) -> None:
    steps.migrate("L")
    decided = [one.name for one in steps.registry.decisions.of_layer("L").values()]
    assets = world.development["assets"]
    renamed, holder, *_ = assets.find({"layer": "L", "name": {"$nin": decided}})
    identity = {key: holder[key] for key in ("name", "nna_address", "category", "subcategory")}
    world.staging["assets"].delete_one({"_id": holder["_id"]})
    world.staging["assets"].update_one({"_id": renamed["_id"]}, {"$set": identity})

    assert steps.migrate("L", batch="batch-2").written == 0
    outcome = world.outcome(renamed["_id"])
    assert (outcome["reason"], outcome["detail"]["by"]) == (TAKEN, str(holder["_id"]))
    assert assets.find_one({"_id": renamed["_id"]}) == renamed
    rows, _ = steps.reconcile("L")
    assert [row for row in rows if row["presence"] or row["outcome"] or row["content"]] == []

    assets.delete_one({"_id": holder["_id"]})
    assert steps.publish("L", batch="batch-3").written == 1
    assert assets.find_one({"_id": renamed["_id"]})["name"] == holder["name"]


def test_a_layer_of_which_too_much_conflicts_has_not_passed_though_its_neighbours_arrive(
    world: Any, reports_path: Path
) -> None:
    assert world.materialise("staging_inventory", "staging_backup", layer="M").success
    assert world.materialise("component_candidates", layer="M").success
    with world.registry() as registry:
        moves = [one for one in registry.workspace.candidates("M") if one.raw is not None]
        victims = moves[:2]
        assets = world.development["assets"]
        for one in victims:
            assets.insert_one({"_id": one.identifier, "name": one.item, "nna_address": one.item})
        told = world.failure(world.materialise("components", layer="M"))
        assert "More than 10% of layer M are quarantined" in told
        assert all(f"({one.item}): {CONFLICT}" in told for one in victims)
        assert len(contents(world)) == len(moves)
        assert registry.ledger.gate("apply", ["M"]).closed[0].why.startswith("its newest checks failed")
        assert registry.progress.of("M").status is Status.FAILED
        assert "M: its newest checks failed" in world.failure(world.materialise("reconciliation", layer="M"))
        named = json.loads((reports_path / "registry" / "problems-M.json").read_text())
        assert {one.item for one in victims} <= {row["item"] for row in named}

        assets.delete_many({"_id": {"$in": [one.identifier for one in victims]}})
        metadata = world.metadata(world.materialise("components", layer="M"))
        assert metadata["documents_written"] == len(victims)
        assert registry.ledger.gate("apply", ["M"]).open


def test_what_was_changed_after_it_was_staged_is_not_published_and_its_neighbours_are(
    world: Any, steps: Any
) -> None:
    steps.plan("S")
    victim, *others = ready(steps, "S")
    world.development["migration_candidates"].update_one(
        {"_id": victim.item}, {"$set": {"document.description": "Slipped in."}}
    )
    assert steps.publish("S").written == len(others)
    assert world.outcome(victim.item)["reason"] == DAMAGED
    assert victim.item not in contents(world)


def test_other_outcomes_that_are_staged_while_a_layer_is_published_are_noticed(
    world: Any, steps: Any
) -> None:
    steps.plan("S")
    staged = apply.load_staged(steps.registry, "S")
    victim = ready(steps, "S")[0]
    world.development["migration_candidates"].delete_one({"_id": victim.item})
    with pytest.raises(PermanentError, match="other outcomes are staged"):
        apply.publish(steps.registry, staged, run_id="run", batch="b", log=lambda _: None)


def test_what_was_written_of_a_document_stays_known_when_it_moves_to_another_layer(
    world: Any, steps: Any
) -> None:
    steps.migrate("M")
    moved = world.development["migration_ledger"].find_one({"partition": "M", "state": "migrated"})
    world.staging["assets"].update_one({"_id": ObjectId(moved["_id"])}, {"$set": {"layer": "W"}})
    steps.migrate("W", batch="batch-2")
    outcome = world.outcome(moved["_id"])
    assert (outcome["partition"], outcome["reason"]) == ("W", SUPERSEDED)
    assert outcome["target_hash"] == moved["target_hash"]
    assert outcome["detail"]["written"]
    assert moved["_id"] in {entry.item for entry in problems(steps.registry, "W")}


def test_what_an_older_run_writes_while_its_document_is_recorded_as_held_stays_known_as_written(
    world: Any, steps: Any
) -> None:
    steps.plan("M")
    victim = ready(steps, "M")[0]
    held = {"disposition": "held", "reason": "r", "document": None, "target_hash": None}
    world.development["migration_candidates"].update_one({"_id": victim.item}, {"$set": held})
    development, ledger = steps.registry.development, steps.registry.ledger
    honest = development.present
    older = Entry(victim.item, "M", State.MIGRATED, target_hash=victim.target_hash, run_id="o", batch_id="o")

    def meanwhile(*given: Any) -> Any:
        development.present = honest
        there = honest(*given)
        with development.session() as session, session.start_transaction():
            development.insert([victim.raw], session)
            ledger.add([older], session=session)
        return there

    development.present = meanwhile
    staged = apply.Staged(ledger.plan("M"))
    with pytest.raises(PermanentError, match="other outcomes are staged"):
        apply.publish(steps.registry, staged, run_id="run", batch="b", log=lambda _: None)
    outcome = world.outcome(victim.item)
    assert (outcome["reason"], outcome["target_hash"]) == (SUPERSEDED, victim.target_hash)
    assert outcome["detail"]["written"]


def test_composites_of_a_component_that_cannot_be_read_are_held_and_the_others_arrive(
    world: Any, steps: Any
) -> None:
    for layer in ("S", "L", "W", "M", "G"):
        steps.migrate(layer)
    assets = world.development["assets"]
    world_of_one = assets.find_one({"layer": "W"})
    mood = {"aiMetadata": {**world_of_one["aiMetadata"], "mood": "\x01\x01"}}
    raw = codec.encode({**world_of_one, **mood}).replace(b"\x01\x01", b"\xff\xfe")
    assets.delete_one({"_id": world_of_one["_id"]})
    assets.insert_one(RawBSONDocument(raw))
    published = steps.migrate("C")
    assert published.written > 10
    waiting = [
        missing["reference"]
        for entry in problems(steps.registry, "C")
        for missing in entry.detail.get("missing", ())
    ]
    assert world_of_one["nna_address"] in waiting


def test_progress_is_the_ledgers_after_each_chunk_and_at_the_end(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "_CHUNK_DOCUMENTS", 4)
    steps.plan("S")
    staged = apply.load_staged(steps.registry, "S")
    store, told = steps.registry.progress, []
    assert store.of("S") is None
    advance = store.advance

    def watched(layer: str, **gained: Any) -> None:
        advance(layer, **gained)
        counts = {state: n for state, _, n in steps.registry.ledger.counts(partition="S")}
        told.append((store.of(layer).migrated, counts.get("migrated", 0), store.of(layer)))

    store.advance = watched
    published = apply.publish(steps.registry, staged, run_id="run", batch="b", log=lambda _: None)
    assert len(told) == 3
    assert [migrated for migrated, _, _ in told] == [recorded for _, recorded, _ in told]
    half = told[0][2].in_the_plans_form()
    assert (half["status"], half["totalAssets"]) == ("in-progress", staged.plan.items)
    assert half["currentAsset"].startswith("S.")
    assert store.of("S").in_the_plans_form() == {
        "layer": "S",
        "totalAssets": published.accounting.source,
        "migratedAssets": published.accounting.migrated,
        "failedAssets": sum(published.accounting.quarantined.values()),
        "status": "completed",
    }


def _publish(settings: Settings, name: str, gate: Any) -> int:
    with opened(settings) as registry:
        publishing._CHUNK_DOCUMENTS = 5
        staged = apply.load_staged(registry, "C", {})
        gate.wait()
        return apply.publish(registry, staged, run_id=name, batch=name, log=lambda _: None).written


def test_two_processes_at_once_write_each_document_once(world: Any, steps: Any) -> None:
    for layer in ("S", "L", "W", "M", "G"):
        steps.migrate(layer)
    before = contents(world)
    steps.plan("C")
    expected = {one.item: one.target_hash for one in ready(steps, "C")}
    context = get_context("forkserver")
    with context.Manager() as manager, context.Pool(2) as pool:
        gate = manager.Barrier(2)
        runs = [pool.apply_async(_publish, (world.settings(), name, gate)) for name in ("one", "other")]
        written = [run.get(timeout=60) for run in runs]
    assert sum(written) == len(expected)
    assert contents(world) == before | expected
    ledger = world.development["migration_ledger"]
    assert ledger.count_documents({"partition": "C", "state": "migrated"}) == len(expected)
