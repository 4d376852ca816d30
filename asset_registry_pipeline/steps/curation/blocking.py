"""How many composites need each component, as the curators' queue shows it: kept until composites have changed.

Counted by the inventory of composites, which reads all of them anyway; here only where there is none yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.steps.directory import references_of
from asset_registry_pipeline.steps.needing import MOST_TOLD, Needed, add_needed, count_needed
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from migration_kit.fingerprints import fingerprint

_COMPOSITES = COMPOSITE_LAYERS[0]


def count_blocked(registry: Registry) -> bool:
    """Count how many composites need each component, if nobody has since they changed; whether nobody had."""
    inventory = registry.workspace.inventory(_COMPOSITES)
    mark = inventory["fingerprint"] if inventory else fingerprint(registry.staging.mark(_COMPOSITES))
    if registry.curation.blocks_mark() == mark:
        return False
    needed: Needed = {}
    add_needed(needed, spread(registry, _COMPOSITES, _count_range))
    registry.curation.save_blocks(mark, needed)
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
        composite = SourceDocument(codec.item_of(raw), layer, "", 0, codec.decoded(raw) or {})
        count_needed(composite, references_of(composite), counted)
    return counted
