"""Files that a migration leaves for people and programs, and the tables in them.

JSON, Markdown and where they lie. What stands in a pipeline's own reports belongs to the pipeline.
"""

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    """Write the value as JSON, whole or not at all: a reader never meets half a file.

    An iterator, as the value or in (nested) mappings, becomes an array with one item a line. Each item is written as it
    comes and then forgotten: a report of millions of items takes no more memory than one of them.

    Raises:
        ValueError: a number is none that JSON knows (NaN, infinity).
    """
    with _whole(path) as partial, partial.open("w", encoding="utf-8") as out:
        out.writelines(_json_parts(value, ""))
        out.write("\n")
    return path


def write_bytes(path: Path, data: bytes) -> Path:
    """Write the bytes, whole or not at all."""
    with _whole(path) as partial:
        partial.write_bytes(data)
    return path


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place once it is complete, and is gone if it never is."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _json_parts(value: object, indent: str) -> Iterator[str]:
    inner = indent + "  "
    if isinstance(value, Iterator):
        separator = "["
        for item in value:
            yield f"{separator}\n{inner}{_COMPACT.encode(item)}"
            separator = ","
        yield "[]" if separator == "[" else f"\n{indent}]"
    elif isinstance(value, Mapping) and value:
        separator = "{"
        for name, held in value.items():
            yield f"{separator}\n{inner}{_COMPACT.encode(str(name))}: "
            yield from _json_parts(held, inner)
            separator = ","
        yield f"\n{indent}}}"
    else:
        yield _INDENTED.encode(value).replace("\n", f"\n{indent}")


def _as_text(value: object) -> str:
    if isinstance(value, Iterator):
        raise TypeError(
            "an iterator can be streamed as a report's value or in its mappings, not within a list"
        )
    return str(value)


_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_as_text)
_INDENTED = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_as_text, indent=2)


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
