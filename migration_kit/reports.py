"""Files that a migration leaves for people and programs, and the tables in them.

JSON, Markdown and where they lie. What stands in a pipeline's own reports belongs to the pipeline.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from migration_kit.accounting import Accounting

REPORTS_PATH = "REPORTS_PATH"
SUMMARY_NAME = "migration-summary.json"


@dataclass(frozen=True)
class PipelineSummary:
    """What one batch of a pipeline did: its accounting, whether it was verified, and how long it took."""

    pipeline: str
    batch_id: str
    accounting: Accounting
    verified: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-ready values; ``seconds`` is wall-clock time, rounded to tenths."""
        return {
            "pipeline": self.pipeline,
            "batch_id": self.batch_id,
            **self.accounting.to_dict(),
            "verified": self.verified,
            "seconds": round(self.seconds, 1),
        }


def reports_path(*below: str) -> Path:
    """A folder below REPORTS_PATH (``./reports`` where it is unset), made if it is missing."""
    folder = Path(os.environ.get(REPORTS_PATH) or "reports").joinpath(*below)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_json(path: Path, value: object) -> Path:
    """Write the value as JSON, whole or not at all: a reader never meets half a file."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def write_summary(pipeline: str, summary: PipelineSummary) -> Path:
    """Write the pipeline's ``migration-summary.json`` into its report folder and return its path."""
    return write_json(reports_path(pipeline) / SUMMARY_NAME, summary.to_dict())


def markdown_table(rows: Iterable[Mapping[str, object]], columns: Sequence[str], *, limit: int = 50) -> str:
    """A Markdown table of the first ``limit`` rows; cells cannot break out of the table."""
    head = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    body = [f"| {' | '.join(_cell(row.get(column)) for column in columns)} |" for row in islice(rows, limit)]
    return "\n".join(head + body)


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ")
