"""Bad input: each document ends with an outcome, nothing raises, and its neighbours arrive as they would without it."""

from typing import Any

from asset_registry_pipeline.steps import apply, frames
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.suites.apply import documents
from local_stack.sources import registry as source
from migration_kit.suites import validate_frame

LAYERS = ("S", "L", "W", "M", "G", "C")
# What must not go through, and why; all others have only to end in some way.
STOPPED = {
    "text that is no UTF-8": "the document cannot be decoded",
    "a symbol": "the document cannot be decoded",
    "an undefined value": "the document cannot be decoded",
    "a key twice": "the document cannot be decoded",
    "almost 16 MB": "the document is too near the limit of 16 MB to take the new fields",
    "nested 120 deep": "the document is nested too deep",
    "JSON nested 5,000 deep": "a string that should hold a JSON object does not",
    "a number over 64 bits": "the new document cannot be stored",
    "a lone surrogate in trainingData": "the new document cannot be stored",
    "a NUL in a key of trainingData": "the new document cannot be stored",
    "the first of two with one name": "another document has the same name",
    "the second of two with one name": "layer, name and address do not say the same",
    "int64 in tags": "a field has another type than it should",
    "list in layer": "the document names no layer of this migration",
    "no layer": "the document names no layer of this migration",
    "null in name": "name, address or layer is absent",
    "half a map": "aiMetadata stored as a map of characters that cannot be joined",
    "a cycle, first half": "the composite breaks a rule of structure",
    "references that are numbers": "an entry of components is no reference",
}
THROUGH = (
    "keys with $ and . inside", "a key with .", "an unknown language", "a language that is a number", "a map",
    "HTML in description", "a formula in description", "500 characters in description", "501 characters in description",
    "emoji in source", "int64 as _id", "object as _id", "date out of range in createdAt",
)  # fmt: skip


def test_bad_documents_end_with_an_outcome_and_their_neighbours_arrive(world: Any, steps: Any) -> None:
    neighbours = {document["_id"] for document in world.staging["assets"].find({}, {"_id": 1})}
    hostile = source.make_hostile(world.environment)

    for layer in LAYERS:
        assert steps.migrate(layer).accounting.balanced
        if layer == "S":
            staged = apply.load_staged(steps.registry, layer)
            report = validate_frame(
                frames.candidates_frame(staged, steps.registry.profile), documents((layer,))
            )
            assert report.broken == ()
        rows = steps.reconcile(layer).rows
        wrong = {
            row["item"]: [question for question, answer in row.items() if answer is False] for row in rows
        }
        wrong = {item: questions for item, questions in wrong.items() if questions}
        assert wrong == {}

    outcomes = {row["_id"]: row for row in world.development["migration_ledger"].find()}
    by_what = {bad.what: outcomes.get(codec.item_key(bad.id)) for bad in hostile}
    assert [what for what, outcome in by_what.items() if outcome is None] == []
    assert {what: by_what[what]["reason"] for what in STOPPED} == STOPPED
    assert {what: by_what[what]["state"] for what in THROUGH} == dict.fromkeys(THROUGH, "migrated")
    assert by_what["dangling references"]["state"] == "held"
    arrived = sum(outcomes[str(identifier)]["state"] == "migrated" for identifier in neighbours)
    assert arrived == world.development["assets"].count_documents({"_id": {"$in": list(neighbours)}}) > 90

    again = {row["_id"]: row for row in world.development["migration_ledger"].find()}
    for layer in LAYERS:
        assert steps.migrate(layer, batch="batch-2").written == 0
    assert {row["_id"]: row for row in world.development["migration_ledger"].find()} == again
