"""Plan and apply on a real MongoDB: nothing is overwritten, nothing is lost, and every refusal says what to do."""

from typing import Any

import pytest
from bson import ObjectId

from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.outcomes import CONFLICT, SUPERSEDED, TAKEN
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.registry.transform import BLOCKED, CHANGED, WAITING
from asset_registry_pipeline.steps import decisions
from asset_registry_pipeline.steps.accounting import problems
from asset_registry_pipeline.steps.curation.recording import Recording, in_transaction, store
from asset_registry_pipeline.stores.files import load_decisions
from local_stack.sources import registry as source
from migration_kit.failures import PermanentError, TransientError

CURATOR = Actor("ann", Role.CURATOR)
LAYERS = ("S", "L", "W", "M", "G", "C")


def ready(steps: Any, layer: str) -> list[Any]:
    return [one for one in steps.registry.workspace.candidates(layer) if one.raw is not None]


def test_a_different_document_in_development_is_never_overwritten_and_its_neighbours_arrive(
    world: Any, steps: Any
) -> None:
    steps.plan("S")
    victim, *others = ready(steps, "S")
    standing = {"_id": ObjectId(victim.item), "name": "mine", "nna_address": "mine", "layer": "S"}
    world.development["assets"].insert_one(standing)

    published = steps.publish("S")

    assert world.development["assets"].find_one({"_id": standing["_id"]}) == standing
    assert published.written == len(others)
    outcome = world.outcome(victim.item)
    assert (outcome["state"], outcome["reason"]) == ("quarantined", CONFLICT)
    assert {"name", "nna_address"} <= {*outcome["detail"]["fields"]}
    assert victim.item in [entry.item for entry in problems(steps.registry, "S")]


def test_an_equal_document_in_development_counts_as_already_present(world: Any, steps: Any) -> None:
    steps.plan("S")
    first = ready(steps, "S")[0]
    from asset_registry_pipeline.stores import codec

    world.development["assets"].insert_one(codec.decode(first.raw))
    published = steps.publish("S")
    assert published.accounting.already_present == 1
    assert world.outcome(first.item)["state"] == "already_present"


@pytest.mark.parametrize("field", ["name", "nna_address"])
def test_a_name_or_address_that_another_document_has_is_a_conflict_of_that_document_alone(
    world: Any, steps: Any, field: str
) -> None:
    steps.plan("S")
    from asset_registry_pipeline.stores import codec

    victim, *others = ready(steps, "S")
    world.development["assets"].insert_one(
        {"_id": "other", "name": "n", "nna_address": "a"} | {field: codec.decode(victim.raw)[field]}
    )
    published = steps.publish("S")
    assert published.written == len(others)
    assert world.outcome(victim.item)["reason"] == TAKEN
    assert world.outcome(victim.item)["detail"]["by"] == "str:'other'"


def test_a_held_composite_is_released_when_its_song_is_decided(world: Any, steps: Any) -> None:
    world.environment["REGISTRY_DECISIONS"] = ""
    waiting = world.staging["assets"].find_one({"layer": "G", "name": "G.HIP.MOD.001"})
    with world.registry() as registry:
        registry.ledger.install()
        own = type(steps)(registry)
        for layer in ("S", "L", "W", "M"):
            own.migrate(layer)
        own.migrate("G")
        before = own.migrate("C")
        held = world.development["migration_ledger"].find({"partition": "C", "state": "held"})
        assert before.accounting.held[BLOCKED] == before.accounting.source - sum(
            before.accounting.quarantined.values()
        )
        missing = [one for outcome in held for one in outcome["detail"]["missing"]]
        because = {"why": f"held: {WAITING}", "kind": "reference_to_unmigrated"}
        assert {"reference": waiting["nna_address"], **because} in missing

    world.environment["REGISTRY_DECISIONS"] = str(world.folder / "decisions.csv")
    with world.registry() as registry:
        own = type(steps)(registry)
        for layer in ("S", "L", "W", "M", "G"):
            own.migrate(layer, batch="batch-2")
        after = own.migrate("C", batch="batch-2")
    assert after.accounting.migrated > 30
    assert after.accounting.held[BLOCKED] < before.accounting.held[BLOCKED]
    assert after.accounting.balanced


def test_apply_refuses_a_plan_whose_source_has_changed_and_says_what(world: Any, steps: Any) -> None:
    steps.plan("S")
    world.staging["assets"].update_one({"layer": "S"}, {"$set": {"description": "New words in staging."}})
    with pytest.raises(PermanentError, match=r"changed since: staging.*Take the inventory again"):
        steps.publish("S")
    assert world.development["assets"].count_documents({}) == 0


def test_apply_refuses_without_a_plan_and_with_other_outcomes_than_planned(world: Any, steps: Any) -> None:
    with pytest.raises(PermanentError, match="there is no plan"):
        steps.publish("S")
    steps.plan("S")
    world.development["migration_candidates"].delete_one({"layer": "S"})
    with pytest.raises(PermanentError, match="other outcomes are staged"):
        steps.publish("S")


def test_a_plan_is_refused_without_an_inventory_and_when_staging_has_moved_on(world: Any, steps: Any) -> None:
    from asset_registry_pipeline.steps import plan

    with pytest.raises(PermanentError, match="there is no inventory"):
        plan.make(steps.registry, "S", run_id="run")
    steps.plan("S")
    world.staging["assets"].delete_one({"layer": "S"})
    with pytest.raises(PermanentError, match="changed since its inventory"):
        plan.make(steps.registry, "S", run_id="run")


def test_a_document_that_left_staging_is_no_longer_counted_and_stays_in_development(
    world: Any, steps: Any
) -> None:
    first = steps.migrate("M")
    gone = world.development["assets"].find_one({"layer": "M"})
    world.staging["assets"].delete_one({"_id": gone["_id"]})
    second = steps.migrate("M", batch="batch-2")
    assert second.accounting.source == first.accounting.source - 1
    assert second.accounting.balanced
    assert world.development["assets"].find_one({"_id": gone["_id"]}) == gone


def test_a_document_that_would_not_be_migrated_any_more_is_listed_and_left(world: Any, steps: Any) -> None:
    steps.migrate("G")
    song = world.development["assets"].find_one({"layer": "G"})
    written = world.outcome(song["_id"])["target_hash"]
    world.staging["assets"].update_one({"_id": song["_id"]}, {"$set": {"source": "corrected"}})
    steps.migrate("G", batch="batch-2")
    outcome = world.outcome(song["_id"])
    assert (outcome["state"], outcome["reason"]) == ("quarantined", SUPERSEDED)
    assert outcome["detail"]["because"] == CHANGED
    assert outcome["target_hash"] == written
    assert world.development["assets"].find_one({"_id": song["_id"]}) == song


def words(decision: Decision, text: str, **changes: Any) -> Decision:
    return Decision(**{**decision.__dict__, "verdict": Verdict.EDIT, "words": text, **changes})


def rewrite(world: Any, *given: Decision) -> None:
    from asset_registry_pipeline.registry.decisions_csv import write_csv

    (world.folder / "decisions.csv").write_text(write_csv(given))


def test_an_import_never_overwrites_a_curators_words(world: Any, steps: Any) -> None:
    registry = steps.registry
    recorded, _ = load_decisions(registry.decisions_path)
    song = next(one for one in recorded if one.layer == "G" and one.verdict is Verdict.EDIT)
    assert decisions.import_decisions(registry, "G").added == 10
    again = decisions.import_decisions(registry, "G")
    assert (again.added, again.replaced, again.unchanged) == (0, 0, 10)

    rewrite(world, words(song, "Other words."))
    refused = decisions.import_decisions(registry, "G").refused
    assert "those stand" in refused[0]["why"]
    assert registry.decisions.of_layer("G")[song.key].words == song.words


def test_a_decision_about_a_changed_source_replaces_the_older_one_and_keeps_it_in_the_history(
    world: Any, steps: Any
) -> None:
    registry = steps.registry
    decisions.import_decisions(registry, "G")
    recorded, _ = load_decisions(registry.decisions_path)
    song = next(one for one in recorded if one.layer == "G" and one.verdict is Verdict.EDIT)
    world.staging["assets"].update_one({"name": song.name}, {"$set": {"source": "corrected"}})
    rewrite(world, words(song, "For yet another version.", source_hash="neither"))
    assert "another version" in decisions.import_decisions(registry, "G").refused[0]["why"]

    current = next(one.source_hash for one in registry.staging.read("G") if one.label == song.name)
    rewrite(world, words(song, "New words.", source_hash=current))
    assert decisions.import_decisions(registry, "G").replaced == 1
    stored = world.development["migration_decisions"].find_one({"_id": song.key})
    assert (stored["words"], stored["revision"]) == ("New words.", 2)
    assert stored["history"][0]["words"] == song.words


def test_a_decision_that_someone_else_changed_meanwhile_is_not_replaced(world: Any, steps: Any) -> None:
    decisions.import_decisions(steps.registry, "G")
    standing = next(iter(steps.registry.decisions.of_layer("G").values()))
    before = steps.registry.decisions.recorded([standing.key])[standing.key]

    def put(said: str) -> None:
        recordings = [Recording(words(standing, said), before)]
        in_transaction(
            steps.registry,
            lambda session: store(
                steps.registry, recordings, CURATOR, standing.decided_at, session, looked_at_now=False
            ),
        )

    put("First.")
    with pytest.raises(TransientError, match="another decision stands"):
        put("Second, on what is no longer there.")
    assert steps.registry.decisions.of_layer("G")[standing.key].words == "First."


def test_decisions_about_nothing_in_staging_and_bad_rows_are_told_and_stop_no_other(
    world: Any, steps: Any
) -> None:
    path = world.folder / "decisions.csv"
    recorded, _ = load_decisions(str(path))
    song = next(one for one in recorded if one.layer == "G")
    stranger = words(song, "x", name="G.HIP.MOD.998")
    misplaced = words(song, "x", layer="C", name="C.FUL.POP.001")
    rewrite(world, song, stranger, misplaced)
    path.write_text(path.read_text() + "G,broken,row,hash,perhaps,,,c,2025-01-01\n")
    imported = decisions.import_decisions(steps.registry, "G")
    assert imported.added == 1
    told = {row["name"]: row["why"] for row in imported.refused}
    assert "no such asset" in told["G.HIP.MOD.998"]
    assert "no decisions" in told["C.FUL.POP.001"]
    assert told["broken"].startswith("line 5:")


def test_a_missing_file_of_decisions_is_an_error_and_not_no_decisions(world: Any, steps: Any) -> None:
    (world.folder / "decisions.csv").unlink()
    with pytest.raises(PermanentError, match="REGISTRY_DECISIONS"):
        decisions.import_decisions(steps.registry, "G")


def test_plan_000_migrates_what_its_curators_have_validated(world: Any, steps: Any) -> None:
    world.environment["REGISTRY_PROFILE"] = "plan_000"
    source.fill(world.environment, layers=source.SMALL)
    with world.registry() as registry:
        published = type(steps)(registry).migrate("S")
    assert published.accounting.migrated == 9
    assert published.accounting.held == {WAITING: 1}
    star = world.development["assets"].find_one({"layer": "S"})
    assert star["aiMetadata"]["tags"] == star["tags"]
    assert "generatedBy" not in star["aiMetadata"]


def test_composites_planned_before_a_component_was_published_again_are_refused(
    world: Any, steps: Any
) -> None:
    for layer in LAYERS[:-1]:
        steps.migrate(layer)
    star = world.development["assets"].find_one({"layer": "S"})
    world.development["assets"].delete_one({"_id": star["_id"]})
    steps.plan("C")
    steps.migrate("S", batch="batch-2")
    with pytest.raises(PermanentError, match="changed since: components"):
        steps.publish("C")
    steps.plan("C")
    assert steps.publish("C").written > 30


def test_a_document_whose_layer_was_broken_after_it_was_migrated_stays_known_as_migrated(
    world: Any, steps: Any
) -> None:
    steps.migrate("M")
    moved = world.development["migration_ledger"].find_one({"partition": "M", "state": "migrated"})
    identifier = ObjectId(moved["_id"])
    world.staging["assets"].update_one({"_id": identifier}, {"$set": {"layer": "Q"}})
    steps.plan("M", batch="batch-2")
    broken = world.outcome(moved["_id"])
    assert (broken["state"], broken["partition"]) == ("quarantined", "unfiled")
    assert broken["target_hash"] == moved["target_hash"]
