"""What each code location offers: its assets, their partitions and checks, its jobs; and that it loads light."""

import subprocess
import sys
from importlib import import_module

import dagster as dg
import pytest

CATEGORIES = ("profile", "service", "chat", "other")
COMPONENTS = ("S", "L", "W", "M")
LAYERS = (*COMPONENTS, "G", "C")
MONTHS = ("later_or_undated", "earlier", *(f"2025-{month:02}" for month in range(1, 11)))

EXPECTED = {
    "nabo_pipeline": {
        "nabo/media_inventory": CATEGORIES,
        "nabo/migration_plan": CATEGORIES,
        "nabo/images": CATEGORIES,
        "nabo/media_records": CATEGORIES,
        "nabo/media_validation": CATEGORIES,
        "nabo/migration_report": None,
    },
    "asset_registry_pipeline": {
        "registry/staging_inventory": LAYERS,
        "registry/component_candidates": COMPONENTS,
        "registry/song_candidates": ("G",),
        "registry/composite_candidates": ("C",),
        "registry/components": COMPONENTS,
        "registry/songs": ("G",),
        "registry/composites": ("C",),
        "registry/reconciliation": LAYERS,
        "registry/migration_report": None,
    },
    "artwork_pipeline": {
        "artwork/preflight": None,
        "artwork/classification": None,
        "artwork/expanded_schema": None,
        "artwork/users": None,
        "artwork/backfill": MONTHS,
        "artwork/verification": MONTHS,
        "artwork/migration_report": None,
    },
}
GATED = {
    "nabo_pipeline": {"nabo/migration_plan", "nabo/media_validation"},
    "asset_registry_pipeline": {
        "registry/staging_inventory",
        "registry/components",
        "registry/songs",
        "registry/composites",
        "registry/reconciliation",
    },
    "artwork_pipeline": {"artwork/verification"},
}
JOBS = {
    "nabo_pipeline": {"nabo_migrate_category"},
    "asset_registry_pipeline": {"registry_inventory"},
    "artwork_pipeline": {"artwork_look_and_plan", "artwork_migrate_month"},
}
STAGES = {"inventory", "plan", "apply", "verify", "report"}
HEAVY = ("great_expectations", "pandas", "pymongo", "boto3", "supabase", "psycopg", "PIL", "skimage")

every_location = pytest.mark.parametrize("location", sorted(EXPECTED))


def graph_of(location: str):
    definitions: dg.Definitions = import_module(f"{location}.definitions").defs
    return definitions.resolve_asset_graph()


@every_location
def test_it_offers_exactly_the_assets_and_partitions_of_its_plan(location):
    graph = graph_of(location)
    found = {}
    for key in graph.materializable_asset_keys:
        partitions = graph.get(key).partitions_def
        found[key.to_user_string()] = tuple(partitions.get_partition_keys()) if partitions else None
    assert found == EXPECTED[location]


@every_location
def test_every_gated_asset_has_blocking_checks(location):
    graph = graph_of(location)
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert {spec.asset_key.to_user_string() for spec in specs if spec.blocking} == GATED[location]


@every_location
def test_every_asset_tells_its_stage_its_owner_and_what_it_is(location):
    graph = graph_of(location)
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name in STAGES, key
        assert node.owners == ["team:data-migrations"], key
        assert node.description, key
        assert node.kinds, key
        assert node.code_version, key


@every_location
def test_it_offers_its_jobs(location):
    definitions: dg.Definitions = import_module(f"{location}.definitions").defs
    names = {job.name for job in definitions.resolve_all_job_defs()}
    assert {name for name in names if not name.startswith("__")} == JOBS[location]


@every_location
def test_it_loads_without_any_client_library_or_great_expectations(location):
    script = (
        f"import sys, {location}.definitions as module; module.defs.get_repository_def();"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
