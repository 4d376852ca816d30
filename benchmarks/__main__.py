"""``python -m benchmarks``: run the measurements, print them, and write ``reports/bench.json``.

Each pipeline is measured in a process of its own, on a fresh stack, so that its peak memory is its own.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from local_stack.stack import running_stack
from migration_kit.reports import reports_path, write_json

BENCHMARKS = ("nabo", "registry", "artwork", "house")
KIB_PER_MIB = 1024


@click.command()
@click.option("--only", type=click.Choice(BENCHMARKS), multiple=True, help="Measure only these.")
@click.option("--scale", default="default", help="Passed on to the benchmarks in BENCH_SCALE, e.g. full.")
@click.option("--inside", type=click.Choice(BENCHMARKS), hidden=True)
def main(*, only: tuple[str, ...], scale: str, inside: str | None) -> None:
    """Measure the migrations."""
    if inside:
        print(json.dumps(_measure(inside)))
        return
    os.environ["BENCH_SCALE"] = scale
    path = reports_path() / "bench.json"
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in only or BENCHMARKS:
        figures[name] = _in_a_process_of_its_own(name)
        write_json(path, figures)
        for figure, value in figures[name].items():
            print(f"{name:<9} {figure:<28} {value:>14,.2f}")
    print(f"Written to {path}")


def _in_a_process_of_its_own(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks", "--inside", name]
    if name == "house":  # starts stacks of its own
        figures: dict[str, float] = json.loads(_answer(command, dict(os.environ)))
        return figures
    with tempfile.TemporaryDirectory(prefix="stack-of-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with running_stack(Path(folder), environment={}) as stack:
            reports = {"REPORTS_PATH": str(Path(folder) / "reports")}
            figures = json.loads(_answer(command, {**os.environ, **stack.environment, **reports}))
    return figures


def _answer(command: list[str], environment: dict[str, str]) -> str:
    """The last line that the command prints; what it logs goes to this program's own error output."""
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return told.stdout.splitlines()[-1]


def _measure(name: str) -> dict[str, float]:
    figures: dict[str, float] = importlib.import_module(f"benchmarks.{name}").run(os.environ)
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"peak_mib": max(peaks) / KIB_PER_MIB} | figures


if __name__ == "__main__":
    main()
