"""The house itself: how fast the stack starts, how fast a code location loads, how long the demo takes.

What one pipeline achieves belongs to the module of its name.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import measured
from local_stack.demo.migrations import LOCATIONS
from local_stack.stack import PROJECT, running_stack
from local_stack.variables import VARIABLES

LOADS = 3
HEAVY = ("great_expectations", "pandas", "pymongo", "boto3", "supabase", "psycopg", "PIL", "skimage")
_LOAD = """
import importlib, sys, time
started = time.perf_counter()
importlib.import_module({module!r} + ".definitions").defs.get_repository_def()
print(time.perf_counter() - started, *[name for name in {heavy!r} if name in sys.modules])
"""


def run(_environment: Mapping[str, str]) -> dict[str, float]:
    """Seconds of a start and of a load, seconds and largest process (MiB) of the demo.

    Raises:
        RuntimeError: a location imports a heavy package at load, or the demo does not end well.
    """
    figures = {f"load_{name}_s": _load_seconds(module) for name, module in LOCATIONS.items()}
    with tempfile.TemporaryDirectory(prefix="stack-of-bench-", dir="/var/tmp") as folder:
        data_dir = Path(folder)
        data_dir.chmod(0o755)
        with running_stack(data_dir, environment={}):
            pass  # the first start makes the databases
        started = time.monotonic()
        with running_stack(data_dir, environment={}):
            figures["stack_start_s"] = time.monotonic() - started
        return figures | _demo(data_dir)


def _load_seconds(module: str) -> float:
    """The best of some loads in fresh processes: the first also warms the disk."""
    seconds = []
    for _ in range(LOADS):
        script = _LOAD.format(module=module, heavy=HEAVY)
        told = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=PROJECT
        )
        elapsed, *heavy = told.stdout.split()
        if heavy:
            raise RuntimeError(f"{module} imports {', '.join(heavy)} when it is loaded")
        seconds.append(float(elapsed))
    return min(seconds)


def _demo(data_dir: Path) -> dict[str, float]:
    demo = measured(
        [sys.executable, "-m", "local_stack.demo", "--exit", "--data-dir", str(data_dir)],
        environment=_without_addresses() | {"REPORTS_PATH": str(data_dir / "reports")},
    )
    if demo.code != 0:
        raise RuntimeError(f"the demo ended with {demo.code}:\n{demo.output[-2000:]}")
    print(f"largest process of the demo: {demo.peak_process}", file=sys.stderr)
    return {"demo_s": demo.seconds, "demo_peak_process_mib": demo.peak_process_mib}


def _without_addresses() -> dict[str, str]:
    """This program's environment without addresses of servers: the demo is to start its own."""
    return {name: value for name, value in os.environ.items() if name not in VARIABLES}
