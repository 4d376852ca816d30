"""Measuring the parts of a benchmark one after another: the machine's figures, each part's, and what failed."""

import os
import platform
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import psutil

Figures = Mapping[str, Any]


def measured_parts(
    wanted: str | None, usual: Sequence[str], figures_of: Callable[[str], Iterable[Figures]]
) -> dict[str, Any]:
    """The figures of the wanted parts (separated by commas; all usual ones if None), with the machine's.

    A part yields its figures as they come; one that fails is named under `failed`, keeps those, and loses no other's.
    """
    figures: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "memory_gib": psutil.virtual_memory().total / 2**30,
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }
    failed: dict[str, str] = {}
    for part in usual if wanted is None else wanted.split(","):
        began = time.perf_counter()
        try:
            for more in figures_of(part):
                figures |= more
        except Exception as error:  # one part's failure costs its figures alone
            traceback.print_exc()
            # The first line: the whole trace, which Dagster's errors carry, is printed above.
            failed[part] = f"{type(error).__name__}: {error}".splitlines()[0]
        figures[f"{part}_part_s"] = time.perf_counter() - began
    return figures | {"failed": failed, "load_after": os.getloadavg()[0]}
