"""The code location: its assets follow each other; what it offers is held by the integration tests."""

from itertools import pairwise

import dagster as dg

from artwork_pipeline.artworks.slices import BY_MONTH
from artwork_pipeline.definitions import defs
from artwork_pipeline.partitions import slice_of_rows

CHAIN = (
    "dialect",
    "dependents",
    "preflight",
    "classification",
    "expanded_schema",
    "users",
    "backfill",
    "verification",
    "migration_report",
)


def test_the_stages_follow_each_other():
    graph = defs.resolve_asset_graph()
    for before, after in pairwise(CHAIN):
        assert dg.AssetKey(["artwork", before]) in graph.get(dg.AssetKey(["artwork", after])).parent_keys


def test_every_slice_has_a_partition():
    assert list(slice_of_rows.get_partition_keys()) == list(BY_MONTH.names)
