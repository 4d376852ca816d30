"""What each code location offers: its assets, their partitions and checks, its jobs; and that it loads light."""

import subprocess
import sys
from importlib import import_module

import dagster as dg
import pytest

from local_stack import dagster_server

CATEGORIES = ("profile", "service", "chat", "other")
COMPONENTS = ("S", "L", "W", "M")
LAYERS = (*COMPONENTS, "G", "C")
MONTHS = ("later_or_undated", "earlier", *(f"2025-{month:02}" for month in range(1, 11)))

EXPECTED = {
    "nabo_pipeline": {
        "nabo/media_inventory": ("inventory", CATEGORIES),
        "nabo/migration_plan": ("plan", CATEGORIES),
        "nabo/images": ("apply", CATEGORIES),
        "nabo/media_records": ("apply", CATEGORIES),
        "nabo/media_validation": ("verify", CATEGORIES),
        "nabo/migration_report": ("report", None),
    },
    "asset_registry_pipeline": {
        "registry/preflight": ("inventory", None),
        "registry/staging_inventory": ("inventory", LAYERS),
        "registry/staging_backup": ("backup", LAYERS),
        "registry/component_candidates": ("plan", COMPONENTS),
        "registry/song_enrichment": ("plan", ("G",)),
        "registry/song_candidates": ("plan", ("G",)),
        "registry/composite_prerequisites": ("plan", ("C",)),
        "registry/composite_candidates": ("plan", ("C",)),
        "registry/components": ("apply", COMPONENTS),
        "registry/songs": ("apply", ("G",)),
        "registry/composites": ("apply", ("C",)),
        "registry/reconciliation": ("verify", LAYERS),
        "registry/migration_report": ("report", None),
    },
    "artwork_pipeline": {
        "artwork/dialect": ("inventory", None),
        "artwork/dependents": ("inventory", None),
        "artwork/dry_run": ("inventory", None),
        "artwork/preflight": ("inventory", None),
        "artwork/classification": ("plan", None),
        "artwork/expanded_schema": ("apply", None),
        "artwork/users": ("apply", None),
        "artwork/backfill": ("apply", MONTHS),
        "artwork/verification": ("verify", MONTHS),
        "artwork/parallel_run": ("verify", None),
        "artwork/migration_report": ("report", None),
        "artwork/state": ("report", None),
    },
}
GATED = {
    "nabo_pipeline": {"nabo/migration_plan", "nabo/media_validation"},
    "asset_registry_pipeline": {
        "registry/preflight",
        "registry/staging_inventory",
        "registry/staging_backup",
        "registry/components",
        "registry/songs",
        "registry/composites",
        "registry/reconciliation",
    },
    "artwork_pipeline": {"artwork/verification"},
}
JOBS = {
    "nabo_pipeline": {
        *("nabo_migrate_category", "nabo_look_and_plan", "nabo_report", "nabo_rerun_failed"),
        *(f"nabo_rollback_{what}" for what in ("complete", "profiles", "services", "chats")),
    },
    "asset_registry_pipeline": {
        *("registry_inventory", "registry_report", "registry_rerun_failed", "registry_delta"),
        *("registry_decided", "registry_composites", "registry_restore_backup"),
        *(f"registry_rollback_{phase}" for phase in ("composites", "songs", "components")),
    },
    "artwork_pipeline": {
        *("artwork_look_and_plan", "artwork_migrate_slice", "artwork_route"),
        *("artwork_switch", "artwork_roll_back", "artwork_validate"),
        *("artwork_back_up", "artwork_watch", "artwork_clean_up", "artwork_take_back"),
        *("artwork_verify_slice", "artwork_compare_reads", "artwork_report", "artwork_rerun_failed"),
    },
}
BY_THEMSELVES = {
    "nabo_pipeline": {"nabo_nightly_delta", "nabo_pick_up_mapped", "nabo_report_when_verified"},
    "asset_registry_pipeline": {
        *("registry_nightly_delta", "registry_staging_watch", "registry_unblocked"),
        *("registry_decisions", "registry_report_when_verified"),
    },
    "artwork_pipeline": {
        *("artwork_hourly_comparison", "artwork_nightly_verification", "artwork_report_when_verified"),
    },
}
HEAVY = (
    *("great_expectations", "pandas", "numpy", "skimage", "PIL", "sqlalchemy", "matplotlib", "jinja2"),
    *("pymongo", "bson", "boto3", "supabase", "httpx", "psycopg", "local_stack"),
)
POOLS = {
    "nabo_pipeline": {"nabo_storage": {"nabo/images"}, "nabo_database": {"nabo/media_records"}},
    "asset_registry_pipeline": {
        "registry_mongodb": {"registry/components", "registry/songs", "registry/composites"}
    },
    "artwork_pipeline": {
        "artwork_postgres": {"artwork/expanded_schema", "artwork/users", "artwork/backfill"}
    },
}

every_location = pytest.mark.parametrize("location", sorted(EXPECTED))


def graph_of(location: str):
    definitions: dg.Definitions = import_module(f"{location}.definitions").defs
    return definitions.resolve_asset_graph()


@every_location
def test_it_offers_exactly_the_assets_stages_and_partitions_of_its_plan(location):
    graph = graph_of(location)
    found = {}
    for key in graph.materializable_asset_keys:
        partitions = graph.get(key).partitions_def
        stage = graph.get(key).tags["stage"]
        found[key.to_user_string()] = (stage, tuple(partitions.get_partition_keys()) if partitions else None)
    assert found == EXPECTED[location]


@every_location
def test_every_gated_asset_has_blocking_checks(location):
    graph = graph_of(location)
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys]
    assert {spec.asset_key.to_user_string() for spec in specs if spec.blocking} == GATED[location]


@every_location
def test_every_asset_tells_its_group_its_owner_and_what_it_is(location):
    graph = graph_of(location)
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name == f"{key.path[0]}_{node.tags['stage']}", key
        assert node.owners == ["team:data-migrations"], key
        assert node.description, key
        assert node.kinds, key
        assert node.code_version, key


@every_location
def test_what_writes_the_target_is_in_its_pool(location):
    definitions: dg.Definitions = import_module(f"{location}.definitions").defs
    writers: dict[str, set[str]] = {}
    for asset in definitions.assets or ():
        if isinstance(asset, dg.AssetsDefinition) and asset.op.pool:
            writers.setdefault(asset.op.pool, set()).add(asset.key.to_user_string())
    assert writers == POOLS[location]
    assert writers.keys() <= dagster_server.POOLS.keys()


@every_location
def test_it_offers_its_jobs(location):
    definitions: dg.Definitions = import_module(f"{location}.definitions").defs
    names = {job.name for job in definitions.resolve_all_job_defs()}
    assert {name for name in names if not name.startswith("__")} == JOBS[location]


@every_location
def test_what_could_start_by_itself_is_off_until_a_person_turns_it_on(location):
    repository = import_module(f"{location}.definitions").defs.get_repository_def()
    found = [*repository.schedule_defs, *repository.sensor_defs]
    assert {one.name for one in found} == BY_THEMSELVES[location]
    assert {one.default_status.value for one in found} <= {"STOPPED"}


@every_location
def test_it_loads_without_any_client_library_or_great_expectations(location):
    script = (
        f"import sys, {location}.definitions as module; module.defs.get_repository_def();"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
