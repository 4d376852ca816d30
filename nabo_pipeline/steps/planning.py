"""Making a category's plan from what the stores hold, and the fingerprints that tie it to its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from migration_kit.failures import PermanentError
from migration_kit.fingerprints import combine
from migration_kit.ledger import Plan
from migration_kit.progress import track
from nabo_pipeline.media.compression import saving
from nabo_pipeline.media.estimates import GB, Estimates, Quantities, treatment_of
from nabo_pipeline.media.mappings import Mappings
from nabo_pipeline.media.plans import BUCKETS, BucketRules, PlanItem, plan_item
from nabo_pipeline.steps.inventory import category_fingerprint
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.plan_draft import PUBLISHED, PlanDraft, PlanGroup, PlanTotals, plan_fingerprint
from nabo_pipeline.stores.state import Listing, StateStore
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.target import Target

READS_BACK = 2
"""Each object is read after its upload and by the validation."""


@dataclass(frozen=True)
class Estimating:
    """What estimates go by: the table, and how pictures are to be compressed, by how many workers."""

    table: Estimates
    policy: str
    jpeg_quality: int
    workers: int


@dataclass(frozen=True)
class Planner:
    """What a plan is made from."""

    state: StateStore
    mappings: Mappings
    target: Target
    storage: Storage
    estimating: Estimating
    log: Callable[[str], None]


@dataclass(frozen=True)
class Draft:
    """A plan before it is validated: in numbers, with its own fingerprint and that of what it was made from."""

    inventoried: int
    """Files that the inventory listed: each needs a row."""
    totals: PlanTotals
    groups: tuple[PlanGroup, ...]
    costs: tuple[dict[str, object], ...]
    hours: float
    """Estimated hours of the whole run, with the workers that are set."""
    fingerprint: str
    source_fingerprint: str

    @property
    def coverage_percent(self) -> float:
        """Part of the files that is to be migrated: a number for people, no gate."""
        return round(100 * self.totals.to_migrate / self.totals.items, 1) if self.totals.items else 0.0

    @property
    def saving_percent(self) -> float:
        """Estimated part of the bytes that is saved."""
        return round(saving(self.totals.bytes, self.totals.estimated_bytes), 1)


def draft_plan(category: str, planner: Planner, draft: PlanDraft) -> Draft:
    """Stages the plan of a category into `draft`, by the newest inventory, the target and the bucket."""
    mappings, estimating = planner.mappings, planner.estimating
    listing = _usable_listing(category, planner.state, mappings)
    bucket = BUCKETS.get(category)
    rules = planner.storage.rules(bucket) if bucket else None
    facts = planner.target.facts(mappings)
    found = track(
        planner.state.inventory(category), total=listing.files, log=planner.log, what=f"planning {category}"
    )
    draft.stage(_estimated(plan_item(item, mappings, facts, rules), rules, estimating) for item in found)
    draft.settle_rivals()
    totals = draft.totals()
    hours = totals.estimated_seconds / 3600 / max(1, estimating.workers)
    quantities = Quantities(
        source_gb=totals.bytes / GB,
        read_back_gb=READS_BACK * totals.estimated_bytes / GB,
        stored_gb=totals.estimated_bytes / GB,
        thousand_files=totals.files / 1000,
        hours=hours,
    )
    return Draft(
        listing.files,
        totals,
        tuple(draft.groups()),
        tuple(estimating.table.costs(quantities)),
        hours,
        draft.fingerprint(),
        combine([listing.fingerprint, mappings.fingerprint]),
    )


def _usable_listing(category: str, state: StateStore, mappings: Mappings) -> Listing:
    listing = state.listing(category)
    if listing is None:
        raise PermanentError(
            "there is no inventory",
            item=category,
            remedy=f"Materialise nabo/media_inventory for {category} first.",
        )
    if category == "chat" and listing.chats_migrated != (mappings.chat_images is not None):
        raise PermanentError(
            "chat mappings came or went since the inventory",
            item=category,
            remedy="Materialise nabo/media_inventory for chat again, then this plan.",
        )
    return listing


def _estimated(item: PlanItem, bucket: BucketRules | None, estimating: Estimating) -> PlanItem:
    if not item.migrates or bucket is None:
        return item
    treatment = treatment_of(
        item.mime, bucket, policy=estimating.policy, jpeg_quality=estimating.jpeg_quality
    )
    size, seconds = estimating.table.of(treatment, item.size, bucket.size_limit)
    told = f"{treatment.told}, reduced to the bucket's limit" if item.over_limit else treatment.told
    return replace(item, treatment=told, estimated_bytes=size, estimated_seconds=seconds)


def require_plan(state: StateStore, plan: Plan) -> None:
    """Raises PermanentError if other rows are stored than the plan stands for."""
    if plan_fingerprint(state.connection, PUBLISHED, plan.partition) != plan.fingerprint:
        raise PermanentError(
            "other rows are stored than the plan stands for: another run is planning at this moment, or another"
            " version made the plan",
            item=f"plan of {plan.partition}",
            remedy=f"Materialise nabo/migration_plan for {plan.partition} again.",
        )


def require_same_source(category: str, planned: str, backup: Backup, mappings: Mappings) -> None:
    """Raises unless backup and mappings still are what the plan was made from (`planned`: its source fingerprint)."""
    if combine([category_fingerprint(backup, category), mappings.fingerprint]) != planned:
        raise PermanentError(
            "the backup or the mapping files changed since the plan was made, or another version made it",
            item=f"plan of {category}",
            remedy=f"Materialise nabo/media_inventory and nabo/migration_plan for {category} again, then this asset.",
        )
