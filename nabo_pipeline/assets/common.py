"""What several of the assets need: the accepted plan, accounting from the ledger, problem files."""

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.accounting import Accounting, require_balanced
from migration_kit.failures import PermanentError
from migration_kit.orchestration import problems_metadata, require_gate
from migration_kit.reports import reports_path, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from migration_kit.ledger import Ledger, Plan
    from nabo_pipeline.resources import DatabaseResource
    from nabo_pipeline.stores.reporting import ReportSource
    from nabo_pipeline.stores.state import StateStore

PREFIX = "nabo"
PLAN_STAGE = "plan"
VERIFY_STAGE = "verify"
STORAGE_POOL = "nabo_storage"
"""Limits how many runs write objects to Storage at once."""
DATABASE_POOL = "nabo_database"
"""Limits how many runs write rows of the app's own tables at once."""

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


def account(state: "StateStore", plan: "Plan", batch: str | None = None) -> Accounting:
    """The accounting of the files of a plan: what this batch did, or (without `batch`) where everything stands.

    A file that left the backup since it was migrated is none of them, and stops nothing: `problems` lists it.
    Raises PermanentError if a file of the plan has no outcome.
    """
    from nabo_pipeline.stores.accounting import accounting, unmatched

    category = plan.partition
    # Equal numbers are not enough: one file may have gone and another one come. And names say more than numbers.
    examples, total = unmatched(state, category)
    if total:
        raise PermanentError(
            f"inventory, plan and ledger are not of the same files: {'; '.join(examples)} ({total} in all)",
            item=f"{PREFIX} {category}",
            remedy=f"Run nabo/images for {category} again if they only lack an outcome, else all of {category} from"
            " nabo/media_inventory on.",
        )
    found = accounting(state, category, plan.items, batch)
    require_balanced(found, where=f"{PREFIX} {category}", source_may_be_empty=category in MAY_BE_EMPTY)
    return found


def tell(
    database: "DatabaseResource",
    name: str,
    write: "Callable[[ReportSource, Path], Path | None]",
    *,
    changed: bool = True,
) -> dict[str, Any]:
    """Writes the report of a stage from what all categories have left so far, and says where it lies.

    `changed`: whether this run changed what it tells of; if not, one that is there stays as it is.
    """
    path = reports_path(PREFIX) / name
    if changed or not path.exists():
        with database.reports(name) as source:
            if write(source, path.parent) is None:
                return {}
    return {"report": dg.MetadataValue.path(str(path))}


def problems(state: "StateStore", stage: str, category: str) -> dict[str, Any]:
    """What people look through: a table of the first, a JSON file of all, and how many left the backup."""
    from nabo_pipeline.stores import accounting

    path = reports_path(PREFIX) / f"{stage}-{category}-problems.json"
    write_json(
        path,
        (
            {"item": one.item, "state": one.state, "reason": one.reason}
            for one in accounting.problems(state, category)
        ),
    )
    with closing(accounting.problems(state, category)) as first:
        return {
            **problems_metadata(first, path),
            "left_the_backup_since_migrated": accounting.departed(state, category),
        }
