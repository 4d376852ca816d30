"""The plan's own way and ours, one after the other on the same files and the same server.

Inside the plan's time: for each file a `file` process, an ImageMagick process, an upload; it neither reads back nor
compares. Inside ours: the assets that do the same work, `media_inventory` (listing, types) and `images` (reading,
compressing, comparing, uploading, reading back, hashing, ledger), as long as Dagster measures their steps. Planning
(which judges every file against mappings and database, by Great Expectations) and the start of Dagster's runs have no
counterpart there; they are figures of their own.

The pictures are those of `local_stack.sources.media.photographs`: real photographs made a phone's size, service
pictures by the real mix of formats. Their savings were checked against those of real ones: a third from PNG to lossless
WebP, about half from a phone's JPEG at 95 to 85.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import plan_way
from benchmarks.measure import cpu_seconds
from benchmarks.nabo_codecs import codecs_alone
from benchmarks.nabo_likeness import likeness
from benchmarks.nabo_place import CATEGORY, Place, place
from local_stack.sources.media import Shape, fill

MIB = 1024 * 1024
SHAPE = Shape(
    buyers=1, stylists=1, salons=1, mapped_profiles=1, mapped_services=15, mapped_service_images=30,
    unmapped_services=1, unmapped_service_images=1, chat_images=1, chats=1, strays=1, user_mappings=60,
    services_migrated=15,
)  # fmt: skip
SEED = 62
"""One with which 30 pictures have the mix of all: 22 PNG, 6 JPEG, a WebP, a GIF, no two of the same bytes."""
LIKE = 0.0005
"""Differences of SSIM up to this are none."""
FULL = 296
"""The mapped service pictures of the real backup."""


def shape_of(environment: Mapping[str, str]) -> Shape:
    """What is migrated: 30 pictures, BENCH_FILES of them, or with BENCH_SCALE=full as many as there really are."""
    usual = FULL if environment.get("BENCH_SCALE") == "full" else SHAPE.mapped_service_images
    pictures = int(environment.get("BENCH_FILES", usual))
    services = max(1, pictures // 2)
    return replace(
        SHAPE, mapped_services=services, mapped_service_images=pictures, services_migrated=services
    )


def run(environment: Mapping[str, str], folder: Path) -> Iterator[dict[str, Any]]:
    """Both ways, figures as they come. `*_s` are seconds, `*_mb_per_s` megabytes of the source a second."""
    shape = shape_of(environment)
    scale = environment.get("BENCH_PICTURES", "real")
    with place(environment, folder) as here:
        fill(here.environment, seed=SEED, scale=scale, shape=shape)
        figures = _ours(here)
        yield figures
        files = _files(here)
        yield _cpu(here, figures["images_cpu_s"])
        plans = _plans_way(here, files, folder / "plan")
        seconds = plans["plan_way_s"]
        yield {
            "throughput_vs_plan": seconds / figures["ours_s"],
            "throughput_vs_plan_with_planning": seconds / (figures["ours_s"] + figures["plan_s"]),
            **plans,
        }
        yield _similarity(here, files, folder / "plan")


def _ours(here: Place) -> dict[str, Any]:
    inventory = here.run("media_inventory")
    plan = here.run("migration_plan")
    images = here.run("images")
    records = here.run("media_records")
    validation = here.run("media_validation")
    again = here.run("images")
    ((pictures, source, result),) = here.query(
        "select count(*), sum((detail->>'source_bytes')::float8), sum((detail->>'bytes')::float8)"
        " from nabo_migration.outcomes where partition = %s and state = 'migrated'",
        CATEGORY,
    )
    if pictures != len(_files(here)):
        raise RuntimeError(f"only {pictures} pictures of {len(_files(here))} were migrated")
    seconds = inventory.seconds + images.seconds
    return {
        "pictures": pictures,
        "source_mb": source / 1e6,
        "saved_percent": 100 * (1 - result / source),
        "ours_s": seconds,
        "ours_mb_per_s": source / 1e6 / seconds,
        "pictures_per_s": pictures / seconds,
        "inventory_s": inventory.seconds,
        "plan_s": plan.seconds,
        "images_s": images.seconds,
        "records_s": records.seconds,
        "verify_s": validation.seconds,
        "dagster_s": sum(s.wall - s.seconds for s in (inventory, plan, images)),
        "images_cpu_s": images.cpu,
        "images_own_cpu_s": images.own_cpu,
        "second_images_s": again.seconds,
        "second_run_writes": again.metadata["outcomes_written"],
    }


def _files(here: Place) -> list[tuple[str, Path]]:
    """Target path without extension and path of every picture that the plan migrates."""
    rows = here.query(
        "select stem, item from nabo_migration.plan_items where category = %s and action = 'migrate' order by item",
        CATEGORY,
    )
    return [(stem, here.backup / item) for stem, item in rows]


def _plans_way(here: Place, files: list[tuple[str, Path]], folder: Path) -> dict[str, Any]:
    tools = plan_way.programs()
    plan_way.make_bucket(here.environment)
    cpu = cpu_seconds()
    carried = plan_way.carry(here.environment, tools, files, folder)
    cpu = cpu_seconds() - cpu
    source = sum(path.stat().st_size for _, path in files)
    kinds: dict[str, int] = {}
    for mime, _ in carried.results.values():
        kinds[mime.removeprefix("image/")] = kinds.get(mime.removeprefix("image/"), 0) + 1
    return {
        "imagemagick": tools.version,
        "formats": kinds,
        "plan_way_s": carried.seconds,
        "plan_way_cpu_s": cpu,
        "plan_way_mb_per_s": source / 1e6 / carried.seconds,
        "plan_way_saved_percent": 100 * (1 - carried.bytes / source),
    }


def _cpu(here: Place, images: float) -> dict[str, Any]:
    """What the whole stage `images` took (`images`, CPU seconds) against its codecs and hashing alone."""
    alone = codecs_alone(_tasks(here), _rules(), _max_side())
    return {
        "cpu_vs_codecs": images / (alone.once + alone.checks + alone.hashing),
        "cpu_vs_codecs_without_checks": images / (alone.once + alone.hashing),
        "codecs_cpu_s": alone.once + alone.checks,
        "codecs_checks_cpu_s": alone.checks,
        "hashing_cpu_s": alone.hashing,
    }


def _similarity(here: Place, files: list[tuple[str, Path]], plans: Path) -> dict[str, Any]:
    likenesses = _likenesses(here, files, plans)
    ours = [one for one, _ in likenesses]
    theirs = [other for _, other in likenesses]
    return {
        "similarity_vs_plan": (sum(ours) - sum(theirs)) / len(ours),
        "similarity": sum(ours) / len(ours),
        "similarity_worst": min(ours),
        "plan_way_similarity": sum(theirs) / len(theirs),
        "plan_way_similarity_worst": min(theirs),
        "less_alike_than_plan": sum(one < other - LIKE for one, other in likenesses),
    }


def _rules() -> Any:
    from nabo_pipeline.resources import TransferSettings

    return TransferSettings().rules()


def _max_side() -> Mapping[str, int]:
    from nabo_pipeline.media.compression import MAX_SIDE

    return MAX_SIDE


def _tasks(here: Place) -> Iterator[tuple[bytes, str, Any]]:
    """What the worker processes were given: bytes, type and bucket's rules of every picture."""
    from nabo_pipeline.resources import StorageResource

    storage = StorageResource(
        url=here.environment["SUPABASE_URL"], service_role_key=here.environment["SUPABASE_SERVICE_ROLE_KEY"]
    ).open()
    bucket = storage.rules("service-media")
    for item, mime in here.query(
        "select item, mime from nabo_migration.plan_items where category = %s and action = 'migrate' order by item",
        CATEGORY,
    ):
        yield (here.backup / item).read_bytes(), mime, bucket


def _likenesses(here: Place, files: list[tuple[str, Path]], plans: Path) -> list[tuple[float, float]]:
    """For each file the likeness of ours (as Storage holds it) and of the plan's result to the source."""
    from local_stack.sources.media.servers import storage_client

    paths = dict(
        here.query(
            "select item, detail->>'path' from nabo_migration.outcomes where partition = %s and state = 'migrated'",
            CATEGORY,
        )
    )
    bucket = storage_client(here.environment).from_("service-media")
    results = {int(path.stem): path for path in plans.iterdir()}
    found = []
    for number, (_, source) in enumerate(files):
        ours = plans / "ours.picture"
        ours.write_bytes(bucket.download(paths[os.fspath(source.relative_to(here.backup))]))
        found.append((likeness(source, ours), likeness(source, results[number])))
        ours.unlink()
    return found
