"""The code location: what it holds, and that it loads without what only a run needs."""

import subprocess
import sys
from itertools import pairwise

import dagster as dg

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.definitions import defs

STAGES = {
    "preflight": "inventory",
    "classification": "plan",
    "expanded_schema": "apply",
    "users": "apply",
    "backfill": "apply",
    "verification": "verify",
    "migration_report": "report",
}


def test_the_stages_follow_each_other():
    graph = defs.resolve_asset_graph()
    found = {key.path[-1]: graph.get(key) for key in graph.get_all_asset_keys()}
    assert {name: node.group_name for name, node in found.items()} == STAGES
    assert all(node.key.path[0] == "artwork" for node in found.values())
    names = list(STAGES)
    for before, after in pairwise(names):
        assert dg.AssetKey(["artwork", before]) in found[after].parent_keys


def test_months_are_the_partitions_of_what_is_done_month_by_month():
    graph = defs.resolve_asset_graph()
    partitioned = {key.path[-1] for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned}
    assert partitioned == {"backfill", "verification"}
    month = graph.get(dg.AssetKey(["artwork", "backfill"])).partitions_def
    assert month is not None
    assert list(month.get_partition_keys()) == list(SLICES)


def test_what_writes_the_database_is_in_its_pool_and_everything_has_an_owner():
    for asset in defs.assets or ():
        assert isinstance(asset, dg.AssetsDefinition)
        (spec,) = asset.specs
        assert spec.owners == ["team:data-migrations"]
        assert spec.code_version
        writes = spec.key.path[-1] in ("expanded_schema", "users", "backfill")
        assert (asset.op.pool == "artwork_postgres") is writes


def test_the_gate_has_a_blocking_check_for_each_suite():
    verification = next(
        asset
        for asset in defs.assets or ()
        if isinstance(asset, dg.AssetsDefinition) and asset.key.path[-1] == "verification"
    )
    checks = {check.name: check.blocking for check in verification.check_specs}
    assert checks == {"both_sides_agree": True, "clean_rows": True}


def test_the_location_loads_without_clients_and_great_expectations():
    code = (
        "import sys, artwork_pipeline.definitions\n"
        "print([name for name in ('psycopg', 'pandas', 'great_expectations', 'sqlalchemy') if name in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
