"""What the demo says at the end: one accounting table for the three migrations, and the same as JSON.

The figures come from the summary that each pipeline's report asset wrote in this very backfill; a summary of
another batch counts as none.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local_stack.demo.migrations import Outcome
from migration_kit.reports import SUMMARY_NAME, write_json

COLUMNS = ("source", "migrated", "already_present", "excluded", "quarantined", "held", "merged")
REASONS = ("excluded", "quarantined", "held")


def summarise(outcomes: Sequence[Outcome], reports: Path) -> dict[str, dict[str, Any]]:
    """The summary of each pipeline, by its name; without a report of this batch: not verified."""
    return {
        outcome.pipeline: _summary(outcome, reports / outcome.pipeline / SUMMARY_NAME) for outcome in outcomes
    }


def _summary(outcome: Outcome, path: Path) -> dict[str, Any]:
    written = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    failures = list(outcome.failures)
    if written.get("batch_id") != outcome.backfill.id:
        failures = failures or [f"{path} holds no report of this backfill ({outcome.backfill.id})"]
        written = {name: {} if name in REASONS else 0 for name in COLUMNS}
        written |= {"balanced": False, "verified": False}
    seconds = round(outcome.seconds, 1)
    return {name: written[name] for name in (*COLUMNS, "balanced", "verified")} | {
        "verified": bool(written["verified"]) and outcome.backfill.succeeded,
        "seconds": seconds,
        "items_per_second": round(written["source"] / seconds, 1) if seconds else 0.0,
        "failures": failures,
    }


def all_right(summaries: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether every migration is balanced and verified."""
    return bool(summaries) and all(one["balanced"] and one["verified"] for one in summaries.values())


def show(summaries: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """Print the table, the reasons below it, and what failed."""
    table = Table(title="Accounting: every item of the sources", caption_justify="left")
    for name in ("migration", *COLUMNS, "seconds", "items/s", "balanced", "verified"):
        table.add_column(name.replace("_", " "), justify="left" if name == "migration" else "right")
    for pipeline, one in summaries.items():
        numbers = (one[name] for name in COLUMNS)
        counts = [f"{sum(value.values()) if isinstance(value, Mapping) else value:,}" for value in numbers]
        table.add_row(
            pipeline,
            *counts,
            f"{one['seconds']:.1f}",
            f"{one['items_per_second']:,.1f}",
            _mark(one["balanced"]),
            _mark(one["verified"]),
        )
    console.print(table)
    for pipeline, one in summaries.items():
        for state in REASONS:
            for reason, items in one[state].items():
                console.print(
                    f"  {pipeline:<9} {state:<12} {items:>7,}  {reason}", highlight=False, markup=False
                )
        for failure in one["failures"]:
            console.print(f"  {pipeline:<9} [bold red]failed[/]", end="  ")
            console.print(failure, highlight=False, markup=False)


def write(summaries: Mapping[str, Mapping[str, Any]], reports: Path) -> Path:
    """Write ``demo-summary.json`` and return its path."""
    reports.mkdir(parents=True, exist_ok=True)
    return write_json(reports / "demo-summary.json", summaries)


def _mark(value: object) -> str:
    return "[green]yes[/]" if value else "[bold red]NO[/]"
