"""What people see of a run in Dagster's UI: numbers that plot over time, short tables, Markdown."""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg

from migration_kit.accounting import Accounting
from migration_kit.ledger import Entry
from migration_kit.redaction import mask_email, redact
from migration_kit.suites import SuiteReport

MOST_PROBLEMS = 50
LONGEST_CELL = 120


def accounting_metadata(accounting: Accounting, *, seconds: float | None = None) -> dict[str, Any]:
    """The accounting as numbers (excluded, quarantined and held as sums) and as a table with every reason."""
    numbers = {
        "items_in": accounting.source,
        "migrated": accounting.migrated,
        "already_present": accounting.already_present,
        "excluded": sum(accounting.excluded.values()),
        "quarantined": sum(accounting.quarantined.values()),
        "held": sum(accounting.held.values()),
        "merged": accounting.merged,
        "unaccounted": accounting.remainder,
    }
    timing: dict[str, Any] = {}
    if seconds is not None:
        timing = {
            "seconds": round(seconds, 2),
            "items_per_second": round(accounting.source / max(seconds, 1e-6), 1),
        }
    # The table first: it is what a person looks for. The numbers are for the plots.
    return {"accounting": dg.MetadataValue.md(accounting_table(accounting)), **numbers, **timing}


def accounting_table(accounting: Accounting) -> str:
    """The accounting as a Markdown table, a line for each state and reason."""
    lines = [("source", "", accounting.source)]
    lines += [
        (state, "", items)
        for state, items in (
            ("migrated", accounting.migrated),
            ("already present", accounting.already_present),
            ("merged", accounting.merged),
        )
        if items
    ]
    for state in ("excluded", "quarantined", "held"):
        reasons: Mapping[str, int] = getattr(accounting, state)
        lines += [(state, reason, items) for reason, items in reasons.items()]
    lines.append(("**balanced**" if accounting.balanced else "**UNACCOUNTED**", "", accounting.remainder))
    # The reason last: Dagster cuts off what is wider than its column, and a reason may be long.
    rows = (f"| {state} | {items:,} | {_cell(reason)} |" for state, reason, items in lines)
    return "\n".join(["| state | items | reason |", "|---|---:|---|", *rows])


def problems_metadata(entries: Iterable[Entry], path: Path) -> dict[str, Any]:
    """The first 50 problems as a table, and the path of the file with all of them."""
    records = [
        dg.TableRecord({"item": _cell(one.item), "state": str(one.state), "reason": _cell(one.reason or "")})
        for one in islice(entries, MOST_PROBLEMS)
    ]
    columns = [dg.TableColumn(name, "string") for name in ("item", "state", "reason")]
    return {
        "problems": dg.MetadataValue.table(records, schema=dg.TableSchema(columns)),
        "all_problems": dg.MetadataValue.path(str(path)),
    }


def suite_metadata(report: SuiteReport) -> dict[str, Any]:
    """A suite's report as a table of rules, with the rows that broke them."""
    # Numbers before long texts: a wide table is cut off at its right.
    columns = [
        dg.TableColumn("ok", "bool"),
        dg.TableColumn("unexpected", "int"),
        dg.TableColumn("rule", "string"),
        dg.TableColumn("column", "string"),
        dg.TableColumn("severity", "string"),
        dg.TableColumn("examples", "string"),
    ]
    records = [
        dg.TableRecord(
            {
                "rule": result.rule,
                "column": result.column,
                "severity": result.severity,
                "ok": result.passed,
                "unexpected": result.unexpected,
                # Each by itself: cut as a whole, the first would hide the others.
                "examples": _cell(result.error) if result.error else "; ".join(map(_cell, result.examples)),
            }
        )
        for result in report.results
    ]
    return {
        "rows": report.rows,
        "broken_rules": len(report.broken),
        "rules": dg.MetadataValue.table(records, schema=dg.TableSchema(columns)),
    }


def _cell(text: str) -> str:
    flat = mask_email(redact(" ".join(text.split()))).replace("|", "¦")
    return flat if len(flat) <= LONGEST_CELL else f"{flat[:LONGEST_CELL]}…"


def configuration_to_do_it(op: str) -> str:
    """How a job that only rehearses as it stands is launched to do it: the run configuration, as Markdown."""
    return f"```yaml\nops:\n  {op}:\n    config:\n      dry_run: false\n```"
