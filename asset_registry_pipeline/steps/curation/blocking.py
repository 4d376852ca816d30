"""How many composites need each component, counted in one pass over staging's composites and kept until they change.

References are read as composites' prerequisites read them; a component counts by its address, its name and its `_id`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asset_registry_pipeline.registry.composites import own_name, structural_breach
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.steps.directory import references_of
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from migration_kit.fingerprints import fingerprint

MOST_TOLD = 20
"""Composites of a component that are told by name."""
_COMPOSITES = COMPOSITE_LAYERS[0]
_LONGEST_KEY, _LONGEST_LABEL = 4_000, 200

Needed = dict[str, tuple[int, list[str]]]
"""By key of a component how many composites refer to it, and the names of the first of them."""


def count_blocked(registry: Registry) -> bool:
    """Count how many composites need each component, if they have changed since that was done; whether they had."""
    mark = fingerprint(registry.staging.mark(_COMPOSITES))
    if registry.curation.blocks_mark() == mark:
        return False
    totals: Needed = {}
    for counted in spread(registry, _COMPOSITES, _count_range):
        for key, (number, labels) in counted.items():
            before, told = totals.get(key, (0, []))
            totals[key] = before + number, (told + labels)[:MOST_TOLD]
    registry.curation.save_blocks(mark, ((key, number, labels) for key, (number, labels) in totals.items()))
    return True


def blocked_by(registry: Registry, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Of queue rows, by key, how many composites need them."""
    counts = registry.curation.blocks_of([key for row in rows for key in _called(row)])
    return {row["_id"]: sum(counts[key][0] for key in _called(row) if key in counts) for row in rows}


def composites_of(registry: Registry, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of some composites that need an item."""
    counts = registry.curation.blocks_of(_called(row))
    return tuple(dict.fromkeys(label for _, labels in counts.values() for label in labels))[:MOST_TOLD]


def _called(row: Mapping[str, Any]) -> list[str]:
    """What composites may call an item by."""
    return list(dict.fromkeys((row["nna_address"], row["name"], row["item"])))


def _count_range(registry: Registry, layer: str, within: IdRange) -> Needed:
    counted: Needed = {}
    for raw in registry.staging.raw(layer, within, fields=("components", "name")):
        body = codec.decoded(raw) or {}
        references = references_of(SourceDocument("", layer, "", 0, body))
        if structural_breach(references):
            continue
        name = body.get("name")
        label = own_name(name)[:_LONGEST_LABEL] if is_text(name) else codec.item_of(raw)
        _count({reference.key for reference in references}, label, counted)
    return counted


def _count(keys: Iterable[str], label: str, counted: Needed) -> None:
    for key in keys:
        if len(key) <= _LONGEST_KEY:
            number, labels = counted.get(key, (0, []))
            counted[key] = number + 1, [*labels, label] if len(labels) < MOST_TOLD else labels
