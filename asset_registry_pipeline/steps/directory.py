"""What composites are resolved against: the components that development holds, and why others are not there."""

from asset_registry_pipeline.registry.aggregation import features_of
from asset_registry_pipeline.registry.composites import Component, index_components
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import Absence, Directory, absence_of
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry


def open_directory(registry: Registry) -> Directory:
    """Read development's components once, into an index by address, name and `_id`."""
    reasons = _reasons(registry)
    documents = {
        codec.item_key(document["_id"]): document
        for document in registry.development.read(sorted(REFERABLE_LAYERS))
        if is_text(document.get("name")) and is_text(document.get("nna_address"))
    }
    index = index_components(
        Component(item, document["layer"], document["name"], document["nna_address"])
        for item, document in documents.items()
        if item not in reasons or reasons[item].verdict is None
    )
    return Directory(
        find=index.get,
        features=lambda item: features_of(documents[item]),
        why_missing=lambda key: reasons.get(key, Absence("not in staging")),
    )


def _reasons(registry: Registry) -> dict[str, Absence]:
    """Why each document of the barrier layers is not in development, by address, name and `_id`."""
    entries = {
        entry.item: entry for layer in BARRIER_LAYERS for entry in registry.ledger.entries(partition=layer)
    }
    reasons: dict[str, Absence] = {}
    for seen in registry.workspace.snapshot(BARRIER_LAYERS):
        entry = entries.get(seen.item)
        why = (
            Absence("not migrated yet")
            if entry is None
            else absence_of(entry.state, entry.reason, entry.detail)
        )
        for key in (seen.nna_address or "", seen.label, seen.item):
            reasons[key] = why
    return reasons
