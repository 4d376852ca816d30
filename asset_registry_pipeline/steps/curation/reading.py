"""Looking at the queue: pages and single items. Reads only, staging included."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.enrichment import Enrichment
from asset_registry_pipeline.registry.layers import SONG_LAYERS
from asset_registry_pipeline.steps.curation.access import (
    Looked,
    item_of,
    look,
    require_row,
    shown,
    shown_body,
)
from asset_registry_pipeline.steps.curation.blocking import composites_of
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.model import (
    CLAIMED,
    MOST_COUNTED,
    MOST_ON_A_PAGE,
    STATES,
    Found,
    ItemView,
    Page,
    QueueItem,
    Revision,
    Settled,
    Where,
)
from asset_registry_pipeline.steps.curation.words import words_of
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.queue import Wanted
from migration_kit.mongo import transient_errors

_MOST_WORDS = 5


def page(
    registry: Registry,
    where: Where,
    after: str | None = None,
    limit: int = 50,
    *,
    now: datetime | None = None,
) -> Page:
    """Items in the order of the queue, `after` as the page before told it; leases that ran out by `now` do not count.

    Raises:
        CurationError: invalid (a state that there is not, or `after` is from nowhere).
    """
    wanted, most = in_stores(where), max(1, min(limit, MOST_ON_A_PAGE))
    if now is not None:
        registry.claims.free_what_is_over(now)
    rows = registry.queue.page(wanted, after=_place(after), most=most + 1)
    more = len(rows) > most
    following = _after(rows[most - 1]) if more else None
    # What fits on one page is counted already.
    total = registry.queue.count(wanted, MOST_COUNTED) if more or after else len(rows)
    return Page(tuple(item_of(row) for row in rows[:most]), following, total)


def in_stores(where: Where) -> Wanted:
    """The same question as the stores take it.

    Raises:
        CurationError: invalid.
    """
    if where.state not in STATES:
        raise CurationError(
            "invalid", f"there is no state {where.state!r}", remedy=f"Ask for {', '.join(STATES)}"
        )
    words = tuple(words_of([where.text], most=_MOST_WORDS))
    if where.mine is not None:
        return Wanted(where.layer, CLAIMED, where.asks, words, where.mine)
    return Wanted(where.layer, where.state, where.asks, words)


def item(registry: Registry, key: str) -> ItemView:
    """All about one item.

    Raises:
        CurationError: not_found.
    """
    looked = look(registry, key)
    row, source = looked.row, looked.source
    recorded = registry.decisions.recorded([key]).get(key)
    staged = next(iter(registry.workspace.staged([row["item"]])), None)
    with transient_errors("development"):
        there = registry.development.existing([row["identifier"]]).get(row["item"])
    source_hash = source.document.source_hash if source else None
    return ItemView(
        item=item_of(row),
        source=shown_body(source.raw) if source else None,
        source_hash=source_hash,
        before=shown_body(there),
        after=shown_body(staged.raw) if staged else None,
        planned_from_now=staged is not None and staged.source_hash == source_hash,
        disposition=str(staged.disposition) if staged else None,
        reason=staged.reason if staged else None,
        detail=shown(staged.detail) if staged else {},
        findings=_findings(looked),
        decision=recorded.decision if recorded and not recorded.withdrawn else None,
        revision=recorded.revision if recorded else 0,
        history=tuple(
            Revision(one.decision, one.revision, one.ended_by, one.ended_at, one.how)
            for one in (recorded.history if recorded else ())
        ),
        composites=composites_of(registry, row),
        looked=looked,
        enrichment=_enrichment(registry, row),
    )


def queued(registry: Registry, key: str) -> QueueItem:
    """An item as the queue shows it.

    Raises:
        CurationError: not_found.
    """
    return item_of(require_row(registry, key))


def settled(registry: Registry, key: str) -> Settled | None:
    """The decision that stands about an item; None where none does, or there is no such item."""
    row, recorded = registry.queue.get(key), registry.decisions.recorded([key]).get(key)
    if row is None or recorded is None or recorded.withdrawn:
        return None
    return Settled(item_of(row), recorded.decision, recorded.revision)


def _findings(looked: Looked) -> tuple[Found, ...]:
    return tuple(
        Found(one.kind, str(one.effect), one.reason, one.field, shown(one.detail)) for one in looked.findings
    )


def _enrichment(registry: Registry, row: Mapping[str, Any]) -> Enrichment | None:
    return registry.enrichments.among([row["_id"]]).get(row["_id"]) if row["layer"] in SONG_LAYERS else None


def _after(row: dict[str, Any]) -> str:
    """Where a page ends, as a text that goes into an address."""
    return urlsafe_b64encode(json.dumps([row["blocks"], row["_id"]]).encode()).decode()


def _place(after: str | None) -> tuple[int, str] | None:
    if not after:
        return None
    try:
        blocks, key = json.loads(urlsafe_b64decode(after.encode()))
        if type(blocks) is int and type(key) is str and abs(blocks) < 2**53:
            return blocks, key.encode().decode()
    except (ValueError, TypeError):
        pass
    raise CurationError(
        "invalid", "the place to go on from is not one of this queue", remedy="Begin at the first page"
    )
