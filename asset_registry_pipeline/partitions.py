"""Partitions and the mappings between them; the layers' meaning is in `registry.layers`.

A composite is built from all the other layers, so every one of them maps to the one partition of the composites. Every
boundary has its mapping spelled out: an implied one would be by equal keys, and silently empty where none are equal.
"""

import dagster as dg

from asset_registry_pipeline.registry.layers import (
    COMPONENT_LAYERS,
    COMPOSITE_LAYERS,
    MIGRATED_LAYERS,
    SONG_LAYERS,
)

layers = dg.StaticPartitionsDefinition(list(MIGRATED_LAYERS))
component_layers = dg.StaticPartitionsDefinition(list(COMPONENT_LAYERS))
song_layers = dg.StaticPartitionsDefinition(list(SONG_LAYERS))
composite_layers = dg.StaticPartitionsDefinition(list(COMPOSITE_LAYERS))


def _same(keys: tuple[str, ...]) -> dg.StaticPartitionMapping:
    return dg.StaticPartitionMapping({key: key for key in keys})


# One mapping for each direction of each boundary: Dagster's mapping remembers every key it is asked about, so one that
# serves two directions is at some point refused for a key that the other direction's definition does not have.
inventory_to_backup = dg.IdentityPartitionMapping()
"""Not a static one: what maps identically goes into one run, without another wait for Dagster's tick."""
backup_to_components = _same(COMPONENT_LAYERS)
backup_to_enrichment = _same(SONG_LAYERS)
enrichment_to_songs = dg.IdentityPartitionMapping()
backup_to_composites = _same(COMPOSITE_LAYERS)
prerequisites_to_candidates = dg.IdentityPartitionMapping()
components_to_reconciliation = _same(COMPONENT_LAYERS)
songs_to_reconciliation = _same(SONG_LAYERS)
composites_to_reconciliation = _same(COMPOSITE_LAYERS)
components_into_composites = dg.StaticPartitionMapping(
    {layer: list(COMPOSITE_LAYERS) for layer in COMPONENT_LAYERS}
)
songs_into_composites = dg.StaticPartitionMapping({layer: list(COMPOSITE_LAYERS) for layer in SONG_LAYERS})
"""What composites are built from, and the composites: two mappings, for a mapping knows its upstream's keys."""
