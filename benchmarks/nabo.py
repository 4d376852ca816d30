"""How fast pictures are carried over: files and megabytes a second through apply and verify, and again.

Pictures have the real sizes (about 3 MiB); the backup is a folder, the target a real stack. The assets are run as
Dagster runs them. What must be true of them, whatever the speed, belongs to the tests.
"""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import psutil

from local_stack.sources.media import Shape, fill

MIB = 1024 * 1024
SAMPLE_EVERY_SECONDS = 0.1
DEFAULT = Shape(
    buyers=10, stylists=10, salons=1, mapped_profiles=20, mapped_services=20, mapped_service_images=40,
    unmapped_services=1, unmapped_service_images=1, chat_images=1, chats=1, strays=1, user_mappings=60,
    services_migrated=20,
)  # fmt: skip
FULL = Shape(unmapped_services=1, unmapped_service_images=1, chat_images=1, chats=1)
SCALES = {"default": DEFAULT, "full": FULL}
"""BENCH_SCALE to what is migrated: 60 pictures, or all 415."""


def run(environment: Mapping[str, str]) -> dict[str, float]:
    """Fills a folder, migrates its profiles and services, verifies them, and does it again.

    Files and megabytes (of the source) a second: higher is better; seconds and MiB: lower is better.
    """
    shape = SCALES.get(environment.get("BENCH_SCALE", "default"), DEFAULT)
    with tempfile.TemporaryDirectory(prefix="bench-media-", dir="/var/tmp") as folder:
        ours = {
            **environment,
            "S3_BACKUP_PATH": f"{folder}/backup",
            "NABO_MAPPINGS_PATH": f"{folder}/mappings",
            "REPORTS_PATH": f"{folder}/reports",
        }
        Path(ours["S3_BACKUP_PATH"]).mkdir()
        fill(ours, scale="real", shape=shape)
        with patch.dict("os.environ", ours), _peak_of_children() as peak:
            return _figures(shape.migratable) | {"largest_worker_mib": peak[0] / MIB}


def _figures(pictures: int) -> dict[str, float]:
    import dagster as dg

    from nabo_pipeline.definitions import build_defs

    job = build_defs().resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:

        def stage(*names: str) -> tuple[float, dict[str, float]]:
            began, sums = (
                perf_counter(),
                dict.fromkeys(("bytes", "bytes_in_storage", "outcomes_written"), 0.0),
            )
            for category in ("profile", "service"):
                result = job.execute_in_process(
                    instance=instance,
                    partition_key=category,
                    asset_selection=[dg.AssetKey(["nabo", name]) for name in names],
                )
                for event in result.get_asset_materialization_events():
                    metadata = event.materialization.metadata
                    for name in sums:
                        sums[name] += float(metadata[name].value or 0) if name in metadata else 0.0  # type: ignore[arg-type]
            return perf_counter() - began, sums

        preparing, _ = stage("media_inventory", "migration_plan")
        applying, moved = stage("images")
        recording, _ = stage("media_records")
        verifying, _ = stage("media_validation")
        again, second = stage("images")
    return {
        "pictures": float(pictures),
        "pictures_per_s": pictures / applying,
        "source_mib_per_s": moved["bytes"] / MIB / applying,
        "saved_percent": 100 * (1 - moved["bytes_in_storage"] / moved["bytes"]),
        "inventory_and_plan_s": preparing,
        "apply_s": applying,
        "records_s": recording,
        "verify_s": verifying,
        "second_apply_s": again,
        "second_run_writes": second["outcomes_written"],
    }


@contextmanager
def _peak_of_children() -> Iterator[list[int]]:
    """The resident bytes of the largest child process, sampled while the body runs."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_EVERY_SECONDS):
            for child in psutil.Process().children(recursive=True):
                try:
                    peak[0] = max(peak[0], child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
