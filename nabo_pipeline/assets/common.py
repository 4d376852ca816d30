"""What several of the assets need: their common attributes, accounting from the ledger, problem files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from migration_kit.accounting import Accounting, State, require_balanced
from migration_kit.orchestration import problems_metadata
from migration_kit.reports import reports_path, write_json

if TYPE_CHECKING:
    from migration_kit.ledger import Entry, Ledger

PREFIX = "nabo"
STORAGE_POOL = "nabo_storage"
"""Limits how many runs write to the target at once."""

MAY_BE_EMPTY = ("other",)
"""Categories without a single file are an error, but for files that belong to no category."""


def account(ledger: "Ledger", category: str, source: int, batch: str | None = None) -> Accounting:
    """The category's accounting: what this batch did, or (without `batch`) where everything stands.

    Raises PermanentError if a file of the source has no outcome.
    """
    accounting = Accounting.from_counts(source, ledger.counts(partition=category, batch_id=batch))
    require_balanced(accounting, where=f"{PREFIX} {category}", source_may_be_empty=category in MAY_BE_EMPTY)
    return accounting


def problems(stage: str, category: str, entries: "Sequence[Entry]") -> dict[str, Any]:
    """Quarantined files first, then the excluded: a table of the first, and a JSON file of all."""
    found = [entry for entry in entries if entry.state in (State.QUARANTINED, State.EXCLUDED)]
    found.sort(key=lambda entry: (entry.state != State.QUARANTINED, entry.item))
    path = reports_path(PREFIX) / f"{stage}-{category}-problems.json"
    write_json(path, [{"item": one.item, "state": one.state, "reason": one.reason} for one in found])
    return problems_metadata(found, path)
