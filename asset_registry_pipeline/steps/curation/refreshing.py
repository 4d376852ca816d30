"""From a layer's newest plan to the curators' queue: what it asks comes in, what it does not ask any more goes out.

What people did meanwhile stands: a row that somebody has changed since it was read is read again, never overwritten.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from asset_registry_pipeline.registry.decisions import AGAINST, Decision
from asset_registry_pipeline.registry.enrichment import inputs_of
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, kind_of
from asset_registry_pipeline.registry.transform import BLOCKED, CHANGED, UNUSABLE_WORDS, WAITING, wrong_with
from asset_registry_pipeline.registry.transform import words_of as planned_words
from asset_registry_pipeline.steps.curation.asking import (
    ART_FOR_CURATORS,
    Asked,
    Question,
    asked,
    questions_of,
)
from asset_registry_pipeline.steps.curation.blocking import count_blocked
from asset_registry_pipeline.steps.curation.model import CLAIMED, DECIDED, OPEN, WITHDRAWN, Refreshed
from asset_registry_pipeline.steps.curation.recording import decided_fields
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.claims import CLAIM_FIELDS
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.decisions import Recorded
from asset_registry_pipeline.stores.queue import Change
from migration_kit.chunks import chunked
from migration_kit.failures import TransientError

_CHUNK, _ATTEMPTS = 500, 10
_DECIDED_FIELDS = ("verdict", "decided_by", "decided_at")


def install(registry: Registry) -> None:
    """Make what queue, decisions and audit log need on the server, where it is missing: pages are read by indexes."""
    registry.queue.install()
    registry.decisions.install()
    registry.audit.install()
    registry.curation.install()


def refresh(registry: Registry, layer: str) -> Refreshed:
    """Bring a layer's part of the queue in line with its newest plan; a second time nothing is written."""
    if layer in COMPOSITE_LAYERS:
        registry.curation.count_held(layer, BLOCKED)
        return Refreshed(0, 0, 0)
    install(registry)
    count_blocked(registry)
    run, written = uuid4().hex, 0
    keys: set[str] = set()
    for chunk in chunked(asked(registry, layer), _CHUNK):
        questions = questions_of(registry, layer, chunk)
        keys |= questions.keys()
        written += _bring_in(registry, questions, run)
    withdrawn = 0
    for state in (OPEN, CLAIMED, DECIDED):
        gone = (key for key in registry.queue.keys_of_layer(layer, state) if key not in keys)
        for chunk_gone in chunked(gone, _CHUNK):
            withdrawn += _take_out(registry, chunk_gone, run)
    written += _bring_in_decided(registry, layer, keys, run)
    return Refreshed(len(keys), written, withdrawn)


def _bring_in(registry: Registry, questions: Mapping[str, Question], run: str) -> int:
    """Insert or change rows, each as what people have done with it allows; how many were written."""
    written, left = 0, set(questions)
    for attempt in range(_ATTEMPTS):
        # First the rows, then the decisions: what is decided between the two has changed its row's version.
        known = registry.queue.among_full(list(left))
        recorded = registry.decisions.recorded(list(left))
        new, changes = [], []
        for key in left:
            before, question = known.get(key), questions[key]
            row = {**question.row, **_state(registry, question, before, recorded.get(key))}
            if before is None:
                new.append({"_id": key, **row})
            elif change := _change(key, before, row, f"{run}:{attempt}"):
                changes.append(change)
        overtaken = registry.queue.write(new, changes)
        written += len(new) + len(changes) - len(overtaken)
        if not overtaken:
            return written
        left = overtaken
    raise _kept_changing()


def _take_out(registry: Registry, keys: Iterable[str], run: str) -> int:
    """What nobody asks any more is decided, where a decision stands, and else withdrawn; how many were.

    A claim stays until it ends: who holds it is told then.
    """
    withdrawn, left = 0, set(keys)
    for attempt in range(_ATTEMPTS):
        known = registry.queue.among_full(list(left))
        recorded = registry.decisions.recorded(list(left))
        changes = []
        for key, before in known.items():
            state = _settled_state(before, recorded.get(key))
            if change := _change(key, before, state, f"{run}:out:{attempt}"):
                changes.append(change)
        overtaken = registry.queue.write([], changes)
        withdrawn += sum("asks" in change.values for change in changes if change.key not in overtaken)
        if not overtaken:
            return withdrawn
        left = overtaken
    raise _kept_changing()


def _bring_in_decided(registry: Registry, layer: str, known: set[str], run: str) -> int:
    """Decisions that were never asked for, as those of a file, are in the queue as decided, so that they are seen."""
    written = 0
    for chunk in chunked(registry.decisions.standing(layer), _CHUNK):
        there = registry.queue.among([one.key for one in chunk])
        lacking = {one.key: one.name for one in chunk if one.key not in there and one.key not in known}
        if not lacking:
            continue
        outcomes = [
            Asked(seen.item, seen.identifier, seen.label, seen.source_hash, None, (), None)
            for seen in registry.workspace.snapshot_called(list(lacking.values()))
            if seen.layer == layer
        ]
        questions = questions_of(registry, layer, outcomes)
        written += _bring_in(registry, {key: each for key, each in questions.items() if key in lacking}, run)
    return written


def _state(
    registry: Registry,
    question: Question,
    before: Mapping[str, Any] | None,
    recorded: Recorded | None,
) -> dict[str, Any]:
    """The state of a row that is asked, by what stands now: a decision made since the plan answers it."""
    revision = {"revision": recorded.revision} if recorded is not None else {}
    if recorded is not None and not recorded.withdrawn:
        decision = recorded.decision
        if not question.row["asks"] or _answers(registry, decision, question):
            return {"state": DECIDED, **decided_fields(decision, recorded.revision)}
    return {"state": CLAIMED if before is not None and before["state"] == CLAIMED else OPEN, **revision}


def _answers(registry: Registry, decision: Decision, question: Question) -> bool:
    """Whether a decision was made after the plan that asks, to what it asks: each reason shows it in its own way."""
    reason = question.row["reason"]
    if reason == WAITING:
        return True  # the plan had found none
    if reason == CHANGED:
        # Of the source that was planned, or of a newer one that a curator was shown.
        return decision.source_hash in (question.row["source_hash"], question.source_hash)
    if reason == UNUSABLE_WORDS:
        return decision.verdict in AGAINST or bool(decision.words and not wrong_with(decision.words))
    return not _still_open(registry, decision, question)


def _still_open(registry: Registry, decision: Decision, question: Question) -> bool:
    """Whether what was found out about a song was made with this very decision, and leaves something to be decided."""
    found = registry.enrichments.among([decision.key]).get(decision.key)
    if found is None or decision.verdict in AGAINST:
        return False
    raw = registry.staging.one(question.row["identifier"])
    if raw is None:
        return False
    source, kind = codec.read_source(raw, question.row["layer"]), kind_of(question.row["layer"])
    words = planned_words(source.body or {}, decision, kind, registry.profile)
    if found.inputs != inputs_of(source, decision, words, registry.metadata_provider):
        return False
    return found.ai_state == "failed" or found.art_state in ART_FOR_CURATORS


def _settled_state(before: Mapping[str, Any], recorded: Recorded | None) -> dict[str, Any]:
    if recorded is not None and not recorded.withdrawn:
        return {"state": DECIDED, **decided_fields(recorded.decision, recorded.revision)}
    return {"state": CLAIMED if before["state"] == CLAIMED else WITHDRAWN, "asks": []}


def _change(key: str, before: Mapping[str, Any], now: Mapping[str, Any], stamp: str) -> Change | None:
    """What differs between a row and what it should say; None where nothing does."""
    # The identifier is the item's, whatever comparing two of its type says.
    values = {
        name: value
        for name, value in now.items()
        if name not in before or (name != "identifier" and before[name] != value)
    }
    unset = []
    if now["state"] != CLAIMED:
        unset += [name for name in CLAIM_FIELDS if name in before]
    if now["state"] != DECIDED:
        unset += [name for name in _DECIDED_FIELDS if name in before]
    if not values and not unset:
        return None
    return Change(key, before["version"], stamp, values, tuple(unset))


def _kept_changing() -> TransientError:
    return TransientError(
        "others kept changing rows of the queue", item="migration_queue", remedy="Materialise it again"
    )
