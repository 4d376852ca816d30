"""How fast the asset `images` settles items that are done: by the ledger and what Storage lists, without reading them.

The backup is a folder of tiny pictures, planned through the assets. What an earlier run would have left, ledger entries
and objects, is written straight into the ledger's table and the Storage stand-in's catalogue: to carry tens of
thousands of pictures over first would take minutes and change nothing of what is measured.
"""

import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.nabo_place import CATEGORY, Place, place
from benchmarks.nabo_ways import SHAPE
from local_stack.sources.media import MAPPING_FILES, servers
from local_stack.sources.media.shape import Dataset, build

ITEMS = 20_000
FULL = 100_000
BUCKET = "service-media"
PER_SERVICE = 6
SEED_LEDGER = """
    insert into nabo_migration.outcomes
        (item, partition, state, source_hash, target_hash, detail, run_id, batch_id)
    select item, category, 'migrated', repeat('0', 64), repeat('0', 64), jsonb_build_object(
        'bucket', bucket, 'path', stem || '.png', 'mime', 'image/png', 'source_bytes', size, 'bytes', size,
        'verdict', 'kept: not smaller', 'similarity', null, 'width', 4, 'height', 4, 'frames', 1, 'version', version,
        'media_type', media_type, 'owner', owner, 'service', service, 'chat_message', null, 'seconds', 0.1
    ), 'earlier', 'earlier'
    from nabo_migration.plan_items where category = %s and action = 'migrate'
"""
SEED_STORAGE = "insert into objects values (?, ?, ?, ?, ?, 'image/png', 'max-age=3600', ?, ?, ?)"


def run(environment: Mapping[str, str], folder: Path) -> Iterator[dict[str, Any]]:
    """Items a second through the whole step of `images` (plan and source checked, bucket listed, accounting)."""
    usual = FULL if environment.get("BENCH_SCALE") == "full" else ITEMS
    items = int(environment.get("BENCH_ITEMS", usual))
    with place(environment, folder) as here:
        _prepare(here, items)
        inventory = here.run("media_inventory")
        plan = here.run("migration_plan")
        planned = here.query(
            "select stem || '.png', size from nabo_migration.plan_items where category = %s and action = 'migrate'",
            CATEGORY,
        )
        if len(planned) != items:
            raise RuntimeError(f"{len(planned)} of {items} pictures were planned")
        here.query(SEED_LEDGER, CATEGORY)
        _seed_storage(Path(environment["BENCH_STACK"]), here.environment["SUPABASE_URL"], planned)
        images = here.run("images")
        ((untouched,),) = here.query(
            "select count(*) from nabo_migration.outcomes where partition = %s and batch_id = 'earlier'",
            CATEGORY,
        )
    if untouched != items:
        raise RuntimeError(f"{items - untouched} items that were done were done again")
    yield {
        "recheck_per_s": items / images.seconds,
        "recheck_items": items,
        "recheck_s": images.seconds,
        "recheck_inventory_s": inventory.seconds,
        "recheck_plan_s": plan.seconds,
    }


def _prepare(here: Place, items: int) -> None:
    """Backup, mappings and target of this many service pictures, all of the same few bytes."""
    from PIL import Image

    services = -(-items // PER_SERVICE)
    shape = replace(
        SHAPE, mapped_services=services, mapped_service_images=items, services_migrated=services,
        user_mappings=1000,
    )  # fmt: skip
    dataset = build(shape, 7)
    tiny = io.BytesIO()
    Image.new("RGB", (4, 4), "teal").save(tiny, "PNG")
    servers.install_schema(here.environment["NABO_DATABASE_URL"])
    servers.put_people(here.environment["NABO_DATABASE_URL"], dataset)
    servers.make_buckets(here.environment)
    servers.put_backup(here.environment, ((file.key, tiny.getvalue()) for file in dataset.files))
    _write_mappings(Path(here.environment["NABO_MAPPINGS_PATH"]), dataset)


def _write_mappings(folder: Path, dataset: Dataset) -> None:
    for name, value in zip(MAPPING_FILES, (dataset.user_mapping, dataset.services_created), strict=True):
        (folder / name).write_text(json.dumps(value))


def _seed_storage(stack: Path, url: str, objects: Iterable[tuple[str, int]]) -> None:
    """Rows of the stand-in's catalogue; nobody reads the bytes behind them."""
    project = url.rpartition("/projects/")[2] if "/projects/" in url else ""
    name = f"project-{project}" if project else "default"
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    mark = json.dumps({"migratedBy": "nabo_pipeline"})
    with sqlite3.connect(stack / "storage" / "data" / name / "catalogue.sqlite", timeout=30) as catalogue:
        catalogue.executemany(
            SEED_STORAGE,
            (
                (BUCKET, path, f"bench-{number}", f"bench-{number}", size, mark, now, now)
                for number, (path, size) in enumerate(objects)
            ),
        )
    catalogue.close()
