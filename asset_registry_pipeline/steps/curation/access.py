"""What every act at the queue begins with: who may do it, which item it is about, and the source as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asset_registry_pipeline.registry.documents import SourceDocument, masked
from asset_registry_pipeline.registry.findings import Finding, inspect
from asset_registry_pipeline.registry.roles import LEAST_ROLE, Actor, may
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.model import Draft, QueueItem
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry

_MOST_DEEP = 60
_SHOWN = (
    "layer", "item", "label", "name", "nna_address", "source_hash", "state", "blocks", "error", "hint",
    "media_url", "claimed_by", "claimed_at", "lease_until", "note", "verdict", "decided_by", "decided_at",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A document of staging as it is now, with its bytes."""

    document: SourceDocument
    raw: bytes


@dataclass(frozen=True)
class Looked:
    """One look at an item: its row of the queue, its source (None where it has left), and what is found in that."""

    row: Mapping[str, Any]
    source: Source | None
    findings: tuple[Finding, ...]


def require(actor: Actor, act: str) -> None:
    """Refuse an act to whom it is not allowed.

    Raises:
        CurationError: forbidden.
    """
    if not may(actor, act):
        needed = LEAST_ROLE[act]
        raise CurationError(
            "forbidden",
            f"{actor.name} is {actor.role}, and to {act} takes {needed}",
            remedy=f"Ask somebody who is {needed}",
        )


def require_row(registry: Registry, key: str) -> dict[str, Any]:
    """The queue's row of a key.

    Raises:
        CurationError: not_found.
    """
    row = registry.queue.get(key)
    if row is None:
        raise not_found(key)
    return row


def not_found(key: str, draft: Draft | None = None) -> CurationError:
    """There is no such item."""
    return CurationError(
        "not_found",
        "the queue has no such item",
        item=key[:200],
        remedy="Look for it by its name; what no plan has asked about is not in the queue",
        draft=draft,
    )


def look(registry: Registry, key: str) -> Looked:
    """An item as it is now.

    Raises:
        CurationError: not_found.
    """
    row = require_row(registry, key)
    source = source_of(registry, row)
    return Looked(row, source, inspect(source.document, registry.taxonomy) if source else ())


def item_of(row: Mapping[str, Any]) -> QueueItem:
    """A row as the queue shows it."""
    told: dict[str, Any] = {name: row.get(name) for name in _SHOWN}
    return QueueItem(
        key=row["_id"],
        asks=tuple(row["asks"]),
        revision=row.get("revision", 0),
        **told,
    )


def source_of(registry: Registry, row: Mapping[str, Any]) -> Source | None:
    """The source of an item as staging has it now; None where it has left, or goes by another name or address."""
    raw = registry.staging.one(row["identifier"])
    if raw is None:
        return None
    document = codec.read_source(raw, row["layer"])
    return Source(document, raw) if decision_key(document) == row["_id"] else None


def shown(value: Any, depth: int = 0) -> Any:
    """A value as a person may see it: e-mail addresses masked, whatever it is nested in."""
    if isinstance(value, str):
        return masked(value)
    if depth > _MOST_DEEP:
        return "…"
    if isinstance(value, Mapping):
        return {masked(str(name)): shown(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown(each, depth + 1) for each in value]
    return value


def shown_body(raw: bytes | None) -> Mapping[str, Any] | None:
    """A document as a person may see it; None where there is none or it cannot be read."""
    body = codec.decoded(raw) if raw is not None else None
    return shown(body) if body is not None else None
