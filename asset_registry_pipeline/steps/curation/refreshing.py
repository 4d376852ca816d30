"""From a layer's newest plan to the curators' queue: what it asks comes in, what it does not ask any more goes out.

What people did meanwhile stands: a row that somebody has changed since it was read is read again, never overwritten.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from asset_registry_pipeline.registry.decisions import AGAINST, Decision
from asset_registry_pipeline.registry.documents import SourceDocument, masked
from asset_registry_pipeline.registry.enrichment import inputs_of
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, kind_of
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import (
    ALBUM_ART_WAITING,
    BLOCKED,
    CHANGED,
    METADATA_FAILED,
    UNUSABLE_WORDS,
    WAITING,
    wrong_with,
)
from asset_registry_pipeline.registry.transform import words_of as planned_words
from asset_registry_pipeline.steps.curation.blocking import blocked_by, count_blocked
from asset_registry_pipeline.steps.curation.model import CLAIMED, DECIDED, OPEN, WITHDRAWN, Refreshed
from asset_registry_pipeline.steps.curation.recording import decided_fields
from asset_registry_pipeline.steps.curation.words import words_of
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.claims import CLAIM_FIELDS
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.decisions import Recorded
from asset_registry_pipeline.stores.queue import Change
from migration_kit.chunks import chunked
from migration_kit.failures import TransientError

REQUIRED, SOURCE_CHANGED, UNUSABLE, ALBUM_ART, AI_METADATA = (
    "required", "source_changed", "unusable_words", "album_art", "ai_metadata",
)  # fmt: skip
"""Why an item is asked, beside the kinds of findings that a curator is to look at."""
_ART_FOR_CURATORS = frozenset({"weak", "none", "failed"})
_CHUNK, _ATTEMPTS = 500, 10
_LONGEST_HINT, _LONGEST_URL = 200, 2_000
_DECIDED_FIELDS = ("verdict", "decided_by", "decided_at")


@dataclass(frozen=True)
class _Asked:
    """What a plan asks about one document."""

    item: str
    identifier: Any
    label: str
    source_hash: str
    reason: str | None
    asks: tuple[str, ...]
    error: str | None


@dataclass(frozen=True)
class _Question:
    """A queue row to be, as far as the plan makes it, and the source as it is now."""

    row: dict[str, Any]
    source: SourceDocument


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
    asked: set[str] = set()
    for chunk in chunked(_asked(registry, layer), _CHUNK):
        questions = _questions(registry, layer, chunk)
        asked |= questions.keys()
        written += _bring_in(registry, questions, run)
    withdrawn = 0
    for state in (OPEN, CLAIMED, DECIDED):
        gone = (key for key in registry.queue.keys_of_layer(layer, state) if key not in asked)
        for keys in chunked(gone, _CHUNK):
            withdrawn += _take_out(registry, keys, run)
    written += _bring_in_decided(registry, layer, asked, run)
    return Refreshed(len(asked), written, withdrawn)


def _asked(registry: Registry, layer: str) -> Iterator[_Asked]:
    """What a layer's staged outcomes ask of curators, streamed."""
    for row in registry.workspace.staged_questions(layer):
        asks, error = _why(row)
        if asks:
            yield _Asked(
                row["_id"], row["identifier"], row["label"], row["source_hash"], row["reason"], asks, error
            )


def _why(row: Mapping[str, Any]) -> tuple[tuple[str, ...], str | None]:
    reason, detail = row["reason"], row.get("detail") or {}
    why = masked(str(detail.get("why", "")))[:_LONGEST_HINT] or None
    if reason == WAITING:
        return tuple(detail.get("review") or (REQUIRED,)), None
    if reason == CHANGED:
        return (SOURCE_CHANGED,), None
    if reason == UNUSABLE_WORDS:
        return (UNUSABLE,), why
    if reason == METADATA_FAILED:
        return (AI_METADATA,), why
    if reason == ALBUM_ART_WAITING or detail.get("album_art") in _ART_FOR_CURATORS:
        return (ALBUM_ART,), why or str(detail.get("album_art"))
    return (), None


def _questions(registry: Registry, layer: str, chunk: Sequence[_Asked]) -> dict[str, _Question]:
    """What is asked, by key; without what has left staging or has changed its name or address since."""
    by_item = {one.item: one for one in chunk}
    found: dict[str, _Question] = {}
    for raw in registry.staging.among([one.identifier for one in chunk]):
        source = codec.read_source(raw, layer)
        one, body = by_item.get(source.item), source.body
        if (
            one is None
            or body is None
            or not is_text(body.get("name"))
            or not is_text(body.get("nna_address"))
        ):
            continue
        found[decision_key(source)] = _Question(_row(one, layer, body), source)
    called = [{"_id": key, **question.row} for key, question in found.items()]
    for key, blocks in blocked_by(registry, called).items():
        found[key].row["blocks"] = blocks
    return found


def _row(one: _Asked, layer: str, body: Mapping[str, Any]) -> dict[str, Any]:
    description = body.get("description") if is_text(body.get("description")) else ""
    url, tags = body.get("gcpStorageUrl"), body.get("tags")
    texts = [body["name"], body["nna_address"]]
    texts += [value for name in ("category", "subcategory") if is_text(value := body.get(name))]
    texts += [tag for tag in tags if is_text(tag)] if isinstance(tags, list) else []
    return {
        "layer": layer,
        "item": one.item,
        "identifier": one.identifier,
        "label": one.label,
        "name": body["name"],
        "nna_address": body["nna_address"],
        "source_hash": one.source_hash,
        "reason": one.reason,
        "asks": list(one.asks),
        "error": one.error,
        "blocks": 0,
        "hint": masked(str(description))[:_LONGEST_HINT],
        "media_url": url if is_text(url) and len(url) <= _LONGEST_URL else None,
        "words": words_of([*texts, str(description)]),
    }


def _bring_in(registry: Registry, questions: Mapping[str, _Question], run: str) -> int:
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


def _bring_in_decided(registry: Registry, layer: str, asked: set[str], run: str) -> int:
    """Decisions that were never asked for, as those of a file, are in the queue as decided, so that they are seen."""
    written = 0
    for chunk in chunked(registry.decisions.standing(layer), _CHUNK):
        there = registry.queue.among([one.key for one in chunk])
        lacking = {one.key: one.name for one in chunk if one.key not in there and one.key not in asked}
        if not lacking:
            continue
        outcomes = [
            _Asked(seen.item, seen.identifier, seen.label, seen.source_hash, None, (), None)
            for seen in registry.workspace.snapshot_called(list(lacking.values()))
            if seen.layer == layer
        ]
        questions = _questions(registry, layer, outcomes)
        written += _bring_in(registry, {key: each for key, each in questions.items() if key in lacking}, run)
    return written


def _state(
    registry: Registry,
    question: _Question,
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


def _answers(registry: Registry, decision: Decision, asked: _Question) -> bool:
    """Whether a decision was made after the plan that asks, to what it asks: each reason shows it in its own way."""
    reason, source = asked.row["reason"], asked.source
    if reason == WAITING:
        return True  # the plan had found none
    if reason == CHANGED:
        # Of the source that was planned, or of a newer one that a curator was shown.
        return decision.source_hash in (asked.row["source_hash"], source.source_hash)
    if reason == UNUSABLE_WORDS:
        return decision.verdict in AGAINST or bool(decision.words and not wrong_with(decision.words))
    return not _still_open(registry, decision, asked)


def _still_open(registry: Registry, decision: Decision, asked: _Question) -> bool:
    """Whether what was found out about a song was made with this very decision, and leaves something to be decided."""
    found = registry.enrichments.among([decision.key]).get(decision.key)
    if found is None or decision.verdict in AGAINST:
        return False
    body, kind = asked.source.body or {}, kind_of(asked.row["layer"])
    words = planned_words(body, decision, kind, registry.profile)
    if found.inputs != inputs_of(asked.source, decision, words, registry.metadata_provider):
        return False
    return found.ai_state == "failed" or found.art_state in _ART_FOR_CURATORS


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
