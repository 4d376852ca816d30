"""The code location: its assets, their stages and partitions, and that it loads light."""

import subprocess
import sys

import dagster as dg

from nabo_pipeline.definitions import build_defs

EXPECTED = {
    "media_inventory": "inventory", "migration_plan": "plan", "images": "apply", "media_records": "apply",
    "media_validation": "verify", "migration_report": "report",
}  # fmt: skip
HEAVY = ("great_expectations", "pandas", "numpy", "boto3", "supabase", "httpx", "psycopg", "PIL", "skimage")


def test_every_asset_belongs_to_its_stage_and_has_an_owner():
    graph = build_defs().resolve_asset_graph()
    found = {key.path[-1]: graph.get(key) for key in graph.get_all_asset_keys()}
    assert {name: node.group_name for name, node in found.items()} == EXPECTED
    assert all(node.owners and node.code_version for node in found.values())


def test_every_asset_but_the_report_is_partitioned_by_category():
    graph = build_defs().resolve_asset_graph()
    for name in EXPECTED:
        partitions = graph.get(dg.AssetKey(["nabo", name])).partitions_def
        keys = partitions.get_partition_keys() if partitions else None
        assert keys == (None if name == "migration_report" else ["profile", "service", "chat", "other"])


def test_loading_imports_no_client_library():
    code = f"import sys, nabo_pipeline.definitions; print([m for m in {HEAVY!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
