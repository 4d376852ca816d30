"""The code location: what it holds, how it loads, and its partition mappings in both directions."""

import dagster as dg
import pytest

from asset_registry_pipeline import partitions
from asset_registry_pipeline.registry.outcomes import ended
from migration_kit.accounting import State


def _downstream(
    mapping: dg.PartitionMapping, up: dg.PartitionsDefinition, down: dg.PartitionsDefinition, key: str
):
    subset = up.empty_subset().with_partition_keys([key])
    return sorted(mapping.get_downstream_partitions_for_partitions(subset, up, down).get_partition_keys())


def _upstream(
    mapping: dg.PartitionMapping, up: dg.PartitionsDefinition, down: dg.PartitionsDefinition, key: str
):
    subset = down.empty_subset().with_partition_keys([key])
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, down, up)
    return sorted(result.partitions_subset.get_partition_keys())


@pytest.mark.parametrize("layer", ["S", "L", "W", "M"])
def test_every_component_layer_leads_to_the_composites_and_back(layer: str) -> None:
    mapping = partitions.components_into_composites
    up, down = partitions.component_layers, partitions.composite_layers
    assert _downstream(mapping, up, down, layer) == ["C"]
    assert _upstream(mapping, up, down, "C") == ["L", "M", "S", "W"]


def test_the_songs_lead_to_the_composites_and_back() -> None:
    mapping, up, down = partitions.songs_into_composites, partitions.song_layers, partitions.composite_layers
    assert _downstream(mapping, up, down, "G") == ["C"]
    assert _upstream(mapping, up, down, "C") == ["G"]


@pytest.mark.parametrize(
    ("into", "out_of", "own"),
    [
        ("backup_to_components", "components_to_reconciliation", partitions.component_layers),
        ("backup_to_enrichment", "songs_to_reconciliation", partitions.song_layers),
        ("backup_to_composites", "composites_to_reconciliation", partitions.composite_layers),
    ],
)
def test_a_layer_maps_to_itself_and_to_nothing_else_among_all_layers(
    into: str, out_of: str, own: dg.PartitionsDefinition
) -> None:
    everything = partitions.layers
    into_own, back = getattr(partitions, into), getattr(partitions, out_of)
    for layer in everything.get_partition_keys():
        mine = [layer] if layer in own.get_partition_keys() else []
        assert _downstream(into_own, everything, own, layer) == mine
        assert _upstream(back, own, everything, layer) == mine
    for layer in own.get_partition_keys():
        assert _upstream(into_own, everything, own, layer) == [layer]
        assert _downstream(back, own, everything, layer) == [layer]


def test_what_an_earlier_batch_migrated_counts_as_already_present() -> None:
    assert ended(State.MIGRATED, "first", "second") is State.ALREADY_PRESENT
    assert ended(State.MIGRATED, "second", "second") is State.MIGRATED
    assert ended(State.MIGRATED, "first", None) is State.MIGRATED
    assert ended(State.HELD, "first", "second") is State.HELD
