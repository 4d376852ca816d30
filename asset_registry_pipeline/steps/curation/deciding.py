"""Recording a curator's decision, and taking one back: stored before it is acknowledged, or refused with its words."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.layers import SONG_LAYERS
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.access import (
    Source,
    item_of,
    not_found,
    require,
    shown_body,
    source_of,
)
from asset_registry_pipeline.steps.curation.checking import problems_of
from asset_registry_pipeline.steps.curation.claiming import claimed, lease_over, too_late
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.model import (
    CLAIMED,
    OPEN,
    TAKEN_BACK,
    WITHDRAWN,
    Decided,
    Draft,
    Undone,
)
from asset_registry_pipeline.steps.curation.recording import Recording, in_transaction, store, told_of
from asset_registry_pipeline.stores.claims import CLAIM_FIELDS
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.decisions import Recorded


def decide(registry: Registry, actor: Actor, key: str, draft: Draft, now: datetime) -> Decided:
    """Store a decision about an item that one has claimed; what is returned is on a majority of the servers.

    The very same decision, sent again by the same person after a lost answer, is acknowledged once more.

    Raises:
        CurationError: forbidden, not_found, invalid, claimed_by_another, lease_over, source_changed (with both bodies),
            already_decided, or too_late. All but not_found and forbidden hold the draft.
        TransientError: the server was lost; sent again, it is stored once.
    """
    require(actor, "decide")
    row = registry.queue.get(key)
    if row is None:
        raise not_found(key, draft)
    if why := problems_of(draft, row["layer"], registry.profile):
        raise CurationError(
            "invalid", "; ".join(why), item=row["label"], remedy="Correct it and send it again", draft=draft
        )
    decision = decision_of(row, draft, actor, now)
    source = source_of(registry, row)

    def once(session: Any) -> Decided:
        seen, before = registry.queue.get(key, session), registry.decisions.recorded([key], session).get(key)
        if seen is None:
            raise not_found(key, draft)
        if before is not None and not before.withdrawn and _same(before.decision, decision):
            return Decided(before.decision, before.revision, repeated=True)
        _require_held(seen, actor, now, draft)
        _require_seen(seen, source, draft)
        _require_standing(seen, before, draft)
        recording = Recording(decision, before)
        store(registry, [recording], actor, now, session, looked_at_now=True)
        registry.audit.add([told_of(actor, "decided", decision, now)], session)
        return Decided(decision, (before.revision if before else 0) + 1)

    try:
        return in_transaction(registry, once)
    except CurationError as refused:
        if refused.code == "source_changed" and source is not None:
            # From now on that is what was shown.
            registry.claims.show(key, actor.name, source.raw)
        raise


def undo(registry: Registry, actor: Actor, key: str, revision: int, now: datetime) -> Undone:
    """Take a standing decision back: it goes into the history, and its item back into the queue.

    What was published by it stays in development as it is until the next plan, which holds the asset for a curator.

    Raises:
        CurationError: forbidden, not_found, too_late (nothing stands), already_decided where another revision stands by
            now, or claimed_by_another: what it left open is somebody else's work at the moment.
    """
    require(actor, "take a decision back")

    def once(session: Any) -> Undone:
        row, before = registry.queue.get(key, session), registry.decisions.recorded([key], session).get(key)
        if row is None or before is None or before.withdrawn:
            raise not_found(key) if row is None else _nothing_stands(row)
        if before.revision != revision:
            raise _another_stands(row, before, None)
        if row["state"] == CLAIMED and row["claimed_by"] != actor.name and row["lease_until"] > now:
            raise claimed(row)
        registry.decisions.withdraw(before, actor.name, now, session)
        asks = row["asks"] or [TAKEN_BACK]
        reopened = {"state": OPEN, "asks": asks, "revision": before.revision + 1}
        ended = (*CLAIM_FIELDS, "verdict", "decided_by", "decided_at")
        registry.queue.settle(key, reopened, ended, session)
        registry.audit.add([told_of(actor, "undone", before.decision, now)], session)
        return Undone(before.decision, before.revision + 1, item_of(registry.queue.get(key, session) or row))

    return in_transaction(registry, once)


def decision_of(row: Mapping[str, Any], draft: Draft, actor: Actor, now: datetime) -> Decision:
    """The decision that a draft is, if it is stored."""
    song = row["layer"] in SONG_LAYERS
    return Decision(
        layer=row["layer"],
        name=row["name"],
        nna_address=row["nna_address"],
        source_hash=draft.source_hash,
        verdict=draft.verdict,
        words=draft.words if draft.words and draft.words.strip() else None,
        reason=draft.reason if draft.reason and draft.reason.strip() else None,
        decided_by=actor.name,
        # MongoDB keeps milliseconds; a decision read back has to equal the one that was stored.
        decided_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        title=draft.title if song else None,
        album_art=draft.album_art if song else None,
        facts=draft.facts if song else None,
    )


def _same(one: Decision, other: Decision) -> bool:
    return replace(one, decided_at=other.decided_at) == other


def _require_held(row: dict[str, Any], actor: Actor, now: datetime, draft: Draft) -> None:
    if row["state"] == WITHDRAWN or (row["state"] == CLAIMED and not row["asks"]):
        raise too_late(row, draft=draft)
    held = row["state"] == CLAIMED and row["claimed_by"] == actor.name and row["lease_until"] > now
    if not held:
        raise lease_over(row, actor, now, draft=draft)


def _require_seen(row: dict[str, Any], source: Source | None, draft: Draft) -> None:
    if source is None:
        raise CurationError(
            "too_late",
            "it has left staging, or has another name or address there now",
            item=row["label"],
            remedy="Release it; the next inventory tells what became of it",
            draft=draft,
        )
    if source.document.source_hash != draft.source_hash:
        raise CurationError(
            "source_changed",
            "it was changed in staging since you looked at it",
            item=row["label"],
            remedy="Look at the difference, and send it again with the new version",
            draft=draft,
            old=shown_body(row.get("seen")),
            new=shown_body(source.raw),
            new_hash=source.document.source_hash,
        )


def _require_standing(row: dict[str, Any], before: Recorded | None, draft: Draft) -> None:
    if (before.revision if before else 0) != draft.revision:
        if before is None or before.withdrawn:
            raise CurationError(
                "already_decided",
                "the decision that you saw was taken back meanwhile",
                item=row["label"],
                remedy="Look at the item again, and send this once more",
                draft=draft,
            )
        raise _another_stands(row, before, draft)


def _another_stands(row: dict[str, Any], before: Recorded, draft: Draft | None) -> CurationError:
    decision = before.decision
    return CurationError(
        "already_decided",
        f"{decision.decided_by} has decided it meanwhile, at {decision.decided_at:%Y-%m-%d %H:%M} UTC"
        f" ({decision.verdict})",
        item=row["label"],
        remedy="Look at that decision; take it back first, if it is to be another one",
        draft=draft,
    )


def _nothing_stands(row: dict[str, Any]) -> CurationError:
    return CurationError(
        "too_late",
        "no decision stands that could be taken back",
        item=row["label"],
        remedy="Look at it again",
    )
