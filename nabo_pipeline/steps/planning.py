"""Making a category's plan from what the stores hold, and the fingerprints that tie it to its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from migration_kit.failures import PermanentError
from migration_kit.fingerprints import combine, fingerprint
from migration_kit.ledger import Plan
from nabo_pipeline.media.mappings import Mappings
from nabo_pipeline.media.plans import BUCKETS, PlanItem, make_plan
from nabo_pipeline.steps.inventory import list_category
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.state import StateStore
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.target import Target


@dataclass(frozen=True)
class Draft:
    """A plan before it is validated: its rows, its own fingerprint and that of what it was made from."""

    items: tuple[PlanItem, ...]
    fingerprint: str
    source_fingerprint: str


def draft_plan(
    category: str, state: StateStore, mappings: Mappings, target: Target, storage: Storage
) -> Draft:
    """The plan of a category. Reads the newest inventory, the target and the bucket; writes nothing."""
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
    bucket = BUCKETS.get(category)
    rules = storage.rules(bucket) if bucket else None
    items = make_plan(category, state.inventory(category), mappings, target.facts(mappings), rules)
    return Draft(
        tuple(items),
        _fingerprint(items),
        combine([listing.fingerprint, mappings.fingerprint]),
    )


def read_plan(state: StateStore, plan: Plan) -> Iterator[PlanItem]:
    """The rows of a plan, streamed. Raises PermanentError at once if other rows are stored than it stands for."""
    if _fingerprint(state.plan_items(plan.partition)) != plan.fingerprint:
        raise PermanentError(
            "other rows are stored than the plan stands for; another run may be planning at this moment",
            item=f"plan of {plan.partition}",
            remedy=f"Materialise nabo/migration_plan for {plan.partition} again.",
        )
    return state.plan_items(plan.partition)


def _fingerprint(items: Iterable[PlanItem]) -> str:
    return combine(fingerprint(asdict(item)) for item in items)


def require_same_source(category: str, planned: str, backup: Backup, mappings: Mappings) -> None:
    """Raises unless backup and mappings still are what the plan was made from (`planned`: its source fingerprint)."""
    listing = list_category(backup, category)
    if combine([listing.fingerprint, mappings.fingerprint]) != planned:
        raise PermanentError(
            "the backup or the mapping files changed since the plan was made",
            item=f"plan of {category}",
            remedy=f"Materialise nabo/media_inventory and nabo/migration_plan for {category} again, then this asset.",
        )
