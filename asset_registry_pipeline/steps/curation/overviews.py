"""What is shown of the whole: progress of each layer, composites that wait, what failed, who decided, the audit log."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from asset_registry_pipeline.registry.addresses import is_mfa, parse_mfa
from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.access import require, shown
from asset_registry_pipeline.steps.curation.model import CLAIMED, DECIDED, OPEN
from asset_registry_pipeline.steps.curation.overview_model import (
    AuditEntry,
    AuditPage,
    Decider,
    Failed,
    Held,
    LayerProgress,
)
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.progress import Progress
from migration_kit.accounting import State

_MOST_HELD, _MOST_FAILED, _MOST_ENTRIES = 500, 500, 200
_LONGEST = 300


def progress(registry: Registry) -> tuple[LayerProgress, ...]:
    """Every layer: what is migrated, and how its queue stands. Two queries, whatever the size."""
    return together(registry.progress.all(), registry.queue.counts())


def together(rows: Sequence[Progress], counts: Mapping[tuple[str, str], int]) -> tuple[LayerProgress, ...]:
    """What was published of each layer, beside how many items its queue has in each state."""
    published = {one.layer: one for one in rows}
    told = []
    for layer in MIGRATED_LAYERS:
        one = published.get(layer)
        told.append(
            LayerProgress(
                layer=layer,
                status=str(one.status) if one else "pending",
                total=one.total if one else 0,
                migrated=one.migrated if one else 0,
                failed=one.failed if one else 0,
                current=one.current if one else None,
                open=counts.get((layer, OPEN), 0),
                claimed=counts.get((layer, CLAIMED), 0),
                decided=counts.get((layer, DECIDED), 0),
            )
        )
    return tuple(told)


def held(registry: Registry, limit: int = 50) -> tuple[Held, ...]:
    """What held composites wait for by the newest publishing, what most of them wait for first."""
    waiting = [(_letters(component), why, number) for component, why, number in registry.curation.held()]
    rows = registry.queue.called(list({component for component, _, _ in waiting}))
    found: dict[tuple[str, str], Held] = {}
    for component, why, number in waiting:
        row = rows.get(component)
        layer = row["layer"] if row else component[:1] if component[1:2] == "." else None
        key, state = (row["_id"], row["state"]) if row else (None, None)
        # One component may be called by its address, its name and its `_id`: it is one thing to wait for.
        called = row["label"] if row else masked(component)[:_LONGEST]
        before = found.get((key or component, why))
        composites = number + (before.composites if before else 0)
        found[key or component, why] = Held(called, layer, masked(why)[:_LONGEST], composites, key, state)
    most_first = sorted(found.values(), key=lambda one: (-one.composites, one.component))
    return tuple(most_first[: min(limit, _MOST_HELD)])


def _letters(component: str) -> str:
    """A reference with an address in letter form, whichever form it had."""
    return parse_mfa(component).letter if is_mfa(component) else component


def errors(registry: Registry, layer: str | None = None, limit: int = 100) -> tuple[Failed, ...]:
    """Documents that were quarantined, as the ledger has them: to be repaired, and then tried again."""
    asked = {row["_id"]: row["at"] for row in registry.curation.retries(layer)}
    return tuple(islice(_failed(registry, layer, asked), min(limit, _MOST_FAILED)))


def _failed(registry: Registry, layer: str | None, asked: Mapping[str, datetime]) -> Iterator[Failed]:
    for each in MIGRATED_LAYERS if layer is None else (layer,):
        for entry in registry.ledger.entries(partition=each, states=[State.QUARANTINED]):
            detail = {name: value for name, value in entry.detail.items() if name != "label"}
            yield Failed(
                item=entry.item,
                layer=each,
                label=masked(str(entry.detail.get("label", entry.item)))[:_LONGEST],
                state=str(entry.state),
                reason=entry.reason or "",
                detail=_in_words(shown(detail)),
                retry=asked.get(entry.item) or asked.get(each),
            )


def _in_words(detail: Mapping[str, object]) -> str:
    """What the ledger holds of a failure, without the marks of a program: the words alone where there are some."""
    if isinstance(detail.get("why"), str):
        return str(detail["why"])[:_LONGEST]
    return "; ".join(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list | tuple) else value}"
        for name, value in detail.items()
    )[:_LONGEST]


def deciders(registry: Registry) -> tuple[Decider, ...]:
    """Who made the decisions that stand, most first."""
    verdicts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    last: dict[str, datetime] = {}
    for row in registry.decisions.by_decider():
        by, verdict = row["_id"]["by"], row["_id"]["decision"]
        verdicts[by][verdict] = row["n"]
        last[by] = max(last.get(by, row["last"]), row["last"])
    found = [Decider(masked(by), sum(each.values()), each, last[by]) for by, each in verdicts.items()]
    return tuple(sorted(found, key=lambda one: (-one.decisions, one.name)))


def audit(
    registry: Registry, actor: Actor, *, key: str | None = None, after: str | None = None, limit: int = 50
) -> AuditPage:
    """The audit log from the newest entry on, of one item or of all; `after` as the page before told it.

    Raises:
        CurationError: forbidden.
    """
    require(actor, "read the audit log")
    rows, following = registry.audit.newest(key=key, before=after, most=max(1, min(limit, _MOST_ENTRIES)))
    return AuditPage(
        tuple(
            AuditEntry(
                row["at"],
                masked(row["actor"]),
                row["role"],
                row["act"],
                row["layer"],
                row["key"],
                shown(row["detail"]),
            )
            for row in rows
        ),
        following,
    )
