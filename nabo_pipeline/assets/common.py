"""What several of the assets need: the accepted plan, accounting from the ledger, problem files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.accounting import Accounting, State, require_balanced
from migration_kit.failures import PermanentError
from migration_kit.orchestration import problems_metadata, require_gate
from migration_kit.reports import reports_path, write_json

if TYPE_CHECKING:
    from migration_kit.ledger import Entry, Ledger, Plan
    from nabo_pipeline.stores.state import StateStore

PREFIX = "nabo"
PLAN_STAGE = "plan"
VERIFY_STAGE = "verify"
STORAGE_POOL = "nabo_storage"
"""Limits how many runs write to the target at once."""

MAY_BE_EMPTY = ("other",)
"""Categories without a single file are an error, but for files that belong to no category."""


def accepted_plan(context: dg.AssetExecutionContext, ledger: "Ledger", category: str) -> "Plan":
    """The newest plan, which must be the one that passed its gate; asked by everything that goes by it."""
    gate = require_gate(context, ledger, PLAN_STAGE, [category])
    plan = ledger.plan(category)
    if plan is None or plan.fingerprint != gate.accepted[category]:
        raise PermanentError(
            "the stored plan is not the one that was validated",
            item=category,
            remedy=f"Materialise nabo/migration_plan for {category} again.",
        )
    return plan


def account(
    ledger: "Ledger", state: "StateStore", category: str, source: int, batch: str | None = None
) -> Accounting:
    """The category's accounting: what this batch did, or (without `batch`) where everything stands.

    Raises PermanentError if a file of the source has no outcome.
    """
    accounting = Accounting.from_counts(source, ledger.counts(partition=category, batch_id=batch))
    require_balanced(accounting, where=f"{PREFIX} {category}", source_may_be_empty=category in MAY_BE_EMPTY)
    # Equal numbers are not enough: one file may have gone and another one come.
    if unmatched := state.unmatched(category):
        raise PermanentError(
            f"inventory, plan and ledger are not of the same files: {'; '.join(unmatched[:5])}"
            f" ({len(unmatched)} in all)",
            item=f"{PREFIX} {category}",
            remedy=f"Materialise {category} again from nabo/media_inventory on; what left the backup since it was"
            " migrated must be looked at in the ledger.",
        )
    return accounting


def problems(stage: str, category: str, entries: "Sequence[Entry]") -> dict[str, Any]:
    """Quarantined files first, then the excluded: a table of the first, and a JSON file of all."""
    found = [entry for entry in entries if entry.state in (State.QUARANTINED, State.EXCLUDED)]
    found.sort(key=lambda entry: (entry.state != State.QUARANTINED, entry.item))
    path = reports_path(PREFIX) / f"{stage}-{category}-problems.json"
    write_json(path, [{"item": one.item, "state": one.state, "reason": one.reason} for one in found])
    return problems_metadata(found, path)
