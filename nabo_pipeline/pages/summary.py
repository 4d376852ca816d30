"""The summary page: one file that needs no network, for screens, phones and paper.

Names of files are other people's text: everything that is put into the template is escaped by it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from migration_kit.accounting import Accounting, State
from nabo_pipeline.media import conclusions, reports
from nabo_pipeline.media.remedies import what_to_do
from nabo_pipeline.media.report_rows import Check, LeftBackup, Quarantined, Verdict
from nabo_pipeline.media.statistics import (
    Bin,
    Compression,
    Group,
    by_state,
    human_bytes,
    sizes_by,
    total_sizes,
)

NAME = "media-migration-summary.html"

CATEGORY_NAMES: Mapping[str, str] = {
    "profile": "Profile pictures",
    "service": "Service images",
    "chat": "Chat images",
    "other": "Other files",
}
MOST_REASONS = 60
MOST_BARS = 12
MOST_LISTED = 200
"""Rows of the lists of files; the JSON files hold them all."""

_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WebP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
}


@dataclass(frozen=True)
class ShownSheet:
    """A contact sheet: its file's name, what it shows, and the JPEG itself."""

    name: str
    title: str
    explanation: str
    pairs: int
    jpeg: bytes


@dataclass(frozen=True)
class Summary:
    """Everything that the page tells. `accounts`: where the files stand; `batch`: what this batch did to them."""

    at: datetime
    batch_id: str
    verified: bool
    accounts: Mapping[str, Accounting]
    batch: Accounting
    outcomes: Sequence[Group]
    compression: Sequence[Compression]
    saved: Sequence[Bin]
    unchanged: int
    """Migrated pictures of which no pixel was changed."""
    similarity: Sequence[Bin]
    verdicts: Sequence[Verdict]
    checks: Sequence[Check]
    quarantined: Sequence[Quarantined]
    left_backup: Sequence[LeftBackup]
    left_backup_count: int
    sheets: Sequence[ShownSheet]


def render(summary: Summary) -> str:
    """The page as HTML."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"bytes": human_bytes, "count": lambda number: f"{number:,}", "uri": _uri}
    template = files(__package__).joinpath("summary.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(**_context(summary))


def _context(summary: Summary) -> dict[str, Any]:
    total = sum(summary.accounts.values(), Accounting(source=0))
    sizes = total_sizes(summary.compression)
    return {
        "summary": summary,
        "total": total,
        "done": total.migrated + total.already_present,
        "excluded": sum(total.excluded.values()),
        "quarantined": sum(total.quarantined.values()),
        "sizes": sizes,
        "headline": _headline(summary, total),
        "good": summary.verified and total.balanced,
        "steps": conclusions.next_steps(
            total, verified=summary.verified, left_backup=summary.left_backup_count
        ),
        "categories": [_category(name, accounting) for name, accounting in summary.accounts.items()],
        "reasons": _reasons(summary.outcomes),
        "charts": _charts(summary),
        "checks": _checks(summary),
        "names": CATEGORY_NAMES,
        "most_listed": MOST_LISTED,
        "listed": [
            {"file": one, "remedy": what_to_do(State.QUARANTINED, one.reason)} for one in summary.quarantined
        ],
        "files": _FILES,
    }


def _headline(summary: Summary, total: Accounting) -> str:
    if not total.balanced:
        return f"{total.remainder:,} files are not accounted for"
    if not summary.verified:
        return "Balanced, but not verified"
    return "Balanced and verified"


def _category(name: str, accounting: Accounting) -> dict[str, Any]:
    return {
        "name": CATEGORY_NAMES[name],
        "source": accounting.source,
        "migrated": accounting.migrated,
        "already_present": accounting.already_present,
        "excluded": sum(accounting.excluded.values()),
        "quarantined": sum(accounting.quarantined.values()),
        "remainder": accounting.remainder,
    }


def _reasons(outcomes: Sequence[Group]) -> dict[str, Any]:
    """Reasons to look at first, the most files first; a table that a thousand kinds of broken files do not blow up."""
    found = [*by_state(outcomes, State.QUARANTINED), *by_state(outcomes, State.EXCLUDED)]
    shown = [
        {"group": one, "remedy": what_to_do(State(one.state or State.EXCLUDED), one.reason or "")}
        for one in found[:MOST_REASONS]
    ]
    rest = found[MOST_REASONS:]
    return {"shown": shown, "more": len(rest), "more_files": sum(one.files for one in rest)}


def _charts(summary: Summary) -> list[dict[str, Any]]:
    from nabo_pipeline.pages import charts

    formats = sizes_by(summary.compression, lambda one: _FORMATS.get(one.source_type, one.source_type))
    verdicts = sizes_by(summary.compression, lambda one: one.verdict)
    drawn = [
        ("formats", "Bytes before and after, by format", charts.sizes_chart, (formats,)),
        ("verdicts", "Bytes before and after, by what was done", charts.sizes_chart, (verdicts,)),
    ]
    found: list[dict[str, Any]] = [
        {"title": title, "svg": draw(name, title, *given), "note": "", "wide": False}
        for name, title, draw, given in drawn
    ]
    title = "How much smaller the files became"
    svg = charts.histogram("saved", title, "percent of the bytes saved, files", summary.saved, unit="%")
    found.append({"title": title, "svg": svg, "note": "", "wide": False})
    title = "How similar the changed pictures are"
    svg = charts.histogram("similarity", title, "similarity (SSIM, 1 is equal), files", summary.similarity)
    note = f"{summary.unchanged:,} more pictures are equal to their source in every pixel."
    found.append({"title": title, "svg": svg, "note": note, "wide": False})
    title = "Why files were not migrated"
    svg = charts.reasons_chart("reasons", title, _reason_bars(summary.outcomes))
    found.append({"title": title, "svg": svg, "note": "", "wide": True})
    return found


def _reason_bars(outcomes: Sequence[Group]) -> list[Any]:
    from nabo_pipeline.pages.charts import EXCLUDED, QUARANTINED, Bar

    totals: dict[tuple[str, str], int] = {}
    for state in (State.QUARANTINED, State.EXCLUDED):
        for one in by_state(outcomes, state):
            key = (str(state), one.reason or "")
            totals[key] = totals.get(key, 0) + one.files
    ordered = sorted(totals.items(), key=lambda one: (-one[1], one[0]))
    bars = [
        Bar(reason, number, f"{number:,} {state}", QUARANTINED if state == State.QUARANTINED else EXCLUDED)
        for (state, reason), number in ordered[:MOST_BARS]
    ]
    rest = ordered[MOST_BARS:]
    if rest:
        number = sum(one for _, one in rest)
        bars.append(Bar(f"{len(rest)} other reasons", number, f"{number:,}", EXCLUDED))
    return bars


def _checks(summary: Summary) -> list[dict[str, Any]]:
    newest = {one.category: one for one in summary.verdicts}
    return [
        {
            "name": CATEGORY_NAMES[category],
            "verdict": newest.get(category),
            "checks": [one for one in summary.checks if one.category == category],
        }
        for category in summary.accounts
    ]


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


_FILES = (
    (reports.INVENTORY, "every file of the backup, with its type and whether it can be migrated"),
    (reports.MAPPINGS, "which files have a mapping, and the ids that have none"),
    (reports.UPLOADS["profile"], "every profile picture that was to be uploaded, and what came of it"),
    (reports.UPLOADS["service"], "every service image that was to be uploaded, and what came of it"),
    (reports.RECORDS, "every row of public.media that was written"),
    (reports.VALIDATION, "what the newest validation asked, and everything that failed it"),
    (reports.SUMMARY, "the figures of this page"),
    (reports.QUARANTINED, "every file that someone has to look at, and what to do"),
)
