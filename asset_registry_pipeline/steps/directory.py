"""What composites are resolved against: the components that development holds, and why others are not there."""

from typing import Any

from asset_registry_pipeline.registry.aggregation import Features
from asset_registry_pipeline.registry.composites import Component, index_components
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import Directory
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry


def open_directory(registry: Registry) -> Directory:
    """Read development's components once, into an index by address, name and `_id`."""
    documents = {
        codec.item_key(document["_id"]): document
        for document in registry.development.read(sorted(REFERABLE_LAYERS))
        if is_text(document.get("name")) and is_text(document.get("nna_address"))
    }
    index = index_components(
        Component(item, document["layer"], document["name"], document["nna_address"])
        for item, document in documents.items()
    )
    reasons = _reasons(registry)
    return Directory(
        find=index.get,
        features=lambda item: features(documents[item]),
        why_missing=lambda key: reasons.get(key, "not in staging"),
    )


def features(document: dict[str, Any]) -> Features:
    """What a component in development brings to its composites; nothing where a field has another shape."""
    made = document.get("aiMetadata")
    metadata: dict[str, Any] = made if isinstance(made, dict) else {}
    genre, bpm = metadata.get("genre"), metadata.get("bpm")
    words = document.get("creatorDescription") or document.get("description")
    tags = document.get("tags")
    return Features(
        layer=document["layer"],
        description=words if is_text(words) else "",
        tags=tuple(tag for tag in tags if is_text(tag)) if isinstance(tags, list) else (),
        bpm=float(bpm) if isinstance(bpm, int | float) else None,
        genre=genre[0] if isinstance(genre, list) and genre and is_text(genre[0]) else None,
        energy=metadata["energy"] if is_text(metadata.get("energy")) else None,
        mood=metadata["mood"] if is_text(metadata.get("mood")) else None,
    )


def _reasons(registry: Registry) -> dict[str, str]:
    """Why each document of the barrier layers is not in development, by address, name and `_id`."""
    entries = {
        entry.item: entry for layer in BARRIER_LAYERS for entry in registry.ledger.entries(partition=layer)
    }
    reasons: dict[str, str] = {}
    for seen in registry.workspace.snapshot(BARRIER_LAYERS):
        entry = entries.get(seen.item)
        why = (
            "not migrated yet" if entry is None else f"{entry.state}: {entry.reason or 'not in development'}"
        )
        for key in (seen.nna_address or "", seen.label, seen.item):
            reasons[key] = why
    return reasons
