"""What a plan asks of curators, and the rows of the queue that it makes; what people did with them is not looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import (
    ALBUM_ART_WAITING,
    CHANGED,
    METADATA_FAILED,
    UNUSABLE_WORDS,
    WAITING,
)
from asset_registry_pipeline.steps.curation.blocking import blocked_by
from asset_registry_pipeline.steps.curation.words import words_of
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry

REQUIRED, SOURCE_CHANGED, UNUSABLE, ALBUM_ART, AI_METADATA = (
    "required", "source_changed", "unusable_words", "album_art", "ai_metadata",
)  # fmt: skip
"""Why an item is asked, beside the kinds of findings that a curator is to look at."""
ART_FOR_CURATORS = frozenset({"weak", "none", "failed"})
"""The states of album art that only a curator gets on with; the others are settled, or up to the next run."""
_LONGEST_HINT, _LONGEST_URL = 200, 2_000


@dataclass(frozen=True)
class Asked:
    """What a plan asks about one document."""

    item: str
    identifier: Any
    label: str
    source_hash: str
    reason: str | None
    asks: tuple[str, ...]
    error: str | None


@dataclass(frozen=True)
class Question:
    """A queue row to be, as far as the plan makes it, and the hash of the source as it is now."""

    row: dict[str, Any]
    source_hash: str


def asked(registry: Registry, layer: str) -> Iterator[Asked]:
    """What a layer's staged outcomes ask of curators, streamed."""
    for row in registry.workspace.staged_questions(layer):
        asks, error = _why(row)
        if asks:
            yield Asked(
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
    if reason == ALBUM_ART_WAITING or detail.get("album_art") in ART_FOR_CURATORS:
        return (ALBUM_ART,), why or str(detail.get("album_art"))
    return (), None


def questions_of(registry: Registry, layer: str, chunk: Sequence[Asked]) -> dict[str, Question]:
    """What is asked, by key; without what has left staging or has changed its name or address since."""
    by_item = {one.item: one for one in chunk}
    found: dict[str, Question] = {}
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
        found[decision_key(source)] = Question(_row(one, layer, body), source.source_hash)
    called = [{"_id": key, **question.row} for key, question in found.items()]
    for key, blocks in blocked_by(registry, called).items():
        found[key].row["blocks"] = blocks
    return found


def _row(one: Asked, layer: str, body: Mapping[str, Any]) -> dict[str, Any]:
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
