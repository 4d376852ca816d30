"""``python -m benchmarks``: run the measurements, print them, and write ``reports/bench.json``.

Each pipeline is measured in a process of its own, on a fresh stack, so that its peak memory is its own.
"""

import json
import operator
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from local_stack.servers import ServerFailed
from local_stack.stack import running_stack
from migration_kit.reports import reports_path, write_json

BENCHMARKS = ("nabo", "registry", "desk", "artwork", "house")
KIB_PER_MIB = 1024
RELATIONS = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


@click.command()
@click.option("--only", type=click.Choice(BENCHMARKS), multiple=True, help="Measure only these.")
@click.option("--part", multiple=True, help="Only these parts of what is measured, e.g. of nabo: memory.")
@click.option("--scale", default="default", help="Passed on to the benchmarks in BENCH_SCALE, e.g. full.")
@click.option("--inside", type=click.Choice(BENCHMARKS), hidden=True)
def main(*, only: tuple[str, ...], part: tuple[str, ...], scale: str, inside: str | None) -> None:
    """Measure the migrations. What fails is shown at the end; the figures of the others are kept."""
    if inside:
        print(json.dumps(_measure(inside)))
        return
    os.environ["BENCH_SCALE"] = scale
    if part:
        os.environ["BENCH_PARTS"] = ",".join(part)
    path = reports_path() / "bench.json"
    figures = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    failures = []
    for name in only or BENCHMARKS:
        try:
            measured = _in_a_process_of_its_own(name)
        except (subprocess.CalledProcessError, ServerFailed) as error:
            measured = {"failed": {name: str(error)}}
        # Parts measured alone join what was measured before.
        figures[name] = (figures.get(name, {}) if part else {}) | measured
        write_json(path, figures)
        failures += [f"{name}: {one}: {why}" for one, why in measured.get("failed", {}).items()]
        for line in table(name, measured, getattr(import_module(f"benchmarks.{name}"), "GOALS", {})):
            print(line)
    print(f"Written to {path}")
    if failures:
        raise click.ClickException("; ".join(failures))


def table(name: str, figures: Mapping[str, Any], goals: Mapping[str, tuple[str, float]]) -> Iterator[str]:
    """One line a figure; those with a goal (`>=`, `<=` or `<` a number) first, with whether it is met."""
    for figure, (relation, goal) in goals.items():
        if figure in figures:
            met = "met" if RELATIONS[relation](figures[figure], goal) else "NOT MET"
            yield f"{name:<9} {figure:<34} {figures[figure]:>14,.4g}   {relation} {goal:g}: {met}"
    for figure, value in figures.items():
        if figure not in goals and figure != "failed":
            told = f"{value:>14,.2f}" if isinstance(value, int | float) else f"   {value}"
            yield f"{name:<9} {figure:<34} {told}"


def _in_a_process_of_its_own(name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks", "--inside", name]
    if name == "house":  # starts stacks of its own
        figures: dict[str, Any] = json.loads(_answer(command, dict(os.environ)))
        return figures
    with tempfile.TemporaryDirectory(prefix="stack-of-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with running_stack(Path(folder), environment={}) as stack:
            places = {"REPORTS_PATH": str(Path(folder) / "reports"), "BENCH_STACK": folder}
            figures = json.loads(_answer(command, {**os.environ, **stack.environment, **places}))
    return figures


def _answer(command: list[str], environment: dict[str, str]) -> str:
    """The last line that the command prints; what it logs goes to this program's own error output."""
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return told.stdout.splitlines()[-1]


def _measure(name: str) -> dict[str, Any]:
    module = import_module(f"benchmarks.{name}")
    figures: dict[str, Any] = module.run(os.environ)
    if "peak_mib" in getattr(module, "GOALS", {}):  # it measures that itself, of what it means by it
        return figures
    peaks = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"peak_mib": max(peaks) / KIB_PER_MIB} | figures


if __name__ == "__main__":
    main()
