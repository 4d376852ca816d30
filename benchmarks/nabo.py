"""How fast, how small and how exact pictures are carried over, against the plan's own way, and with how much memory.

Each part is measured by a module of its own; a part that fails is named under `failed` and does not lose the others'
figures. BENCH_PARTS picks parts, BENCH_FILES or BENCH_SCALE=full more pictures. What must be true of the migration,
whatever the speed, belongs to the tests.
"""

import os
import platform
import tempfile
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

PARTS = ("ways", "memory", "recheck")
GOALS = {
    "throughput_vs_plan": (">=", 6.0),
    "saved_percent": (">=", 30.0),
    "similarity_vs_plan": (">=", 0.0),
    "cpu_vs_codecs": ("<=", 1.25),
    "recheck_per_s": (">=", 2000.0),
    "peak_mib": ("<", 600.0),
    "peak_mib_50mp": ("<", 1024.0),
}
"""What is to be reached, by figure."""


def run(environment: Mapping[str, str]) -> dict[str, Any]:
    """The figures of every part, the machine they were measured on, and what failed."""
    import psutil

    figures: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "memory_gib": psutil.virtual_memory().total / 2**30,
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }
    failed: dict[str, str] = {}
    for part in environment.get("BENCH_PARTS", ",".join(PARTS)).split(","):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="bench-media-", dir="/var/tmp") as folder:
            try:
                figures |= import_module(f"benchmarks.nabo_{part}").run(environment, Path(folder))
            except Exception as error:  # one part's failure costs its figures alone
                traceback.print_exc()
                failed[part] = f"{type(error).__name__}: {error}"
        figures[f"{part}_part_s"] = time.perf_counter() - began
    return figures | {"failed": failed, "load_after": os.getloadavg()[0]}
