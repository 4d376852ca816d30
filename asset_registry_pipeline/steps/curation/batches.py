"""Approving many items at once: exactly those of a preview, as they were shown; what changed since is left out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.access import item_of, require, source_of
from asset_registry_pipeline.steps.curation.checking import problems_of
from asset_registry_pipeline.steps.curation.deciding import decision_of
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.model import (
    CLAIMED,
    MOST_IN_A_BATCH,
    OPEN,
    Approved,
    Draft,
    LeftOut,
    Preview,
    Where,
)
from asset_registry_pipeline.steps.curation.reading import in_stores
from asset_registry_pipeline.steps.curation.recording import (
    CHUNK,
    Recording,
    in_transaction,
    store,
    told_of,
)
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.decisions import Recorded
from migration_kit.chunks import chunked
from migration_kit.fingerprints import fingerprint


def preview_batch(registry: Registry, actor: Actor, keys: Sequence[str] | Where, now: datetime) -> Preview:
    """What approving these items (named, or the first of a question) would approve, and what it would leave out.

    Raises:
        CurationError: forbidden, or invalid (too many items, or no question).
    """
    require(actor, "approve in batches")
    if isinstance(keys, Where):
        rows = registry.queue.page(in_stores(keys), after=None, most=MOST_IN_A_BATCH)
        wanted = [row["_id"] for row in rows]
    else:
        wanted = list(dict.fromkeys(keys))
    if len(wanted) > MOST_IN_A_BATCH:
        raise CurationError(
            "invalid",
            f"a batch of {len(wanted):,} items, {MOST_IN_A_BATCH} at most",
            remedy="Choose fewer, and approve the rest in another batch",
        )
    rows_by_key = registry.queue.among_whole(wanted)
    recorded = registry.decisions.recorded(wanted)
    items: list[dict[str, Any]] = []
    left_out: list[LeftOut] = []
    for key in wanted:
        row = rows_by_key.get(key)
        if row is None:
            left_out.append(LeftOut(key, key[:200], "the queue has no such item"))
            continue
        why = _in_the_way(registry, actor, row, recorded.get(key), now)
        if why:
            left_out.append(LeftOut(key, row["label"], why))
        else:
            items.append(row)
    revisions = {key: one.revision for key, one in recorded.items()}
    told = [(row["_id"], row["source_hash"], revisions.get(row["_id"], 0)) for row in items]
    token = fingerprint([actor.name, told])
    registry.curation.save_batch(token, actor.name, told, now)
    return Preview(token, tuple(item_of(row) for row in items), tuple(left_out))


def approve_batch(registry: Registry, actor: Actor, token: str, now: datetime) -> Approved:
    """Approve exactly the items of a preview; what changed since is left out and named.

    Sent again after a lost answer, what was approved by it counts as approved.

    Raises:
        CurationError: forbidden, or not_found (nobody was shown such a batch).
    """
    require(actor, "approve in batches")
    batch = registry.curation.batch(token)
    if batch is None or batch["by"] != actor.name:
        raise CurationError(
            "not_found",
            "there is no such preview of yours",
            remedy="Look at the batch again, then approve it",
        )
    approved: list[str] = []
    left_out: list[LeftOut] = []
    for chunk in chunked(batch["items"], CHUNK):
        done, others = _approve(registry, actor, chunk, token, now)
        approved += done
        left_out += others
    return Approved(tuple(approved), tuple(left_out))


def _approve(
    registry: Registry, actor: Actor, chunk: Sequence[Sequence[Any]], token: str, now: datetime
) -> tuple[list[str], list[LeftOut]]:
    keys = [key for key, _, _ in chunk]
    sources = {key: source_of(registry, row) for key, row in registry.queue.among_whole(keys).items()}

    def once(session: Any) -> tuple[list[str], list[LeftOut]]:
        rows = registry.queue.among_whole(keys, session)
        recorded = registry.decisions.recorded(keys, session)
        done, left_out, recordings = [], [], []
        for key, source_hash, revision in chunk:
            row, before, source = rows.get(key), recorded.get(key), sources.get(key)
            if row is None:
                left_out.append(LeftOut(key, key[:200], "it is no longer in the queue"))
                continue
            draft = Draft(Verdict.APPROVE, source_hash, revision)
            decision = decision_of(row, draft, actor, now)
            if before is not None and not before.withdrawn and _by_this(before, decision, revision):
                done.append(key)
            elif (before.revision if before else 0) != revision:
                left_out.append(LeftOut(key, row["label"], "somebody has decided it since"))
            elif source is None or source.document.source_hash != source_hash:
                left_out.append(LeftOut(key, row["label"], "it was changed in staging since"))
            elif why := _not_free(row, actor, now):
                left_out.append(LeftOut(key, row["label"], why))
            else:
                recordings.append(Recording(decision, before))
                done.append(key)
        if recordings:
            store(registry, recordings, actor, now, session, looked_at_now=True)
            told = [
                told_of(actor, "approved in a batch", one.decision, now, batch=token[:16])
                for one in recordings
            ]
            registry.audit.add(told, session)
        return done, left_out

    return in_transaction(registry, once)


def _by_this(before: Recorded, decision: Decision, revision: int) -> bool:
    """Whether what stands there is this batch's own approval, stored before an answer was lost."""
    one = before.decision
    return before.revision == revision + 1 and (one.verdict, one.source_hash, one.decided_by, one.words) == (
        decision.verdict, decision.source_hash, decision.decided_by, None,
    )  # fmt: skip


def _in_the_way(
    registry: Registry, actor: Actor, row: dict[str, Any], before: Recorded | None, now: datetime
) -> str:
    """Why an item cannot be approved as it is; empty where it can."""
    if why := _not_free(row, actor, now):
        return why
    if why := cannot_be_approved(row, registry.profile):
        return why
    if before is not None and not before.withdrawn and before.decision.words:
        return "it has a curator's words already, which an approval would put aside: decide it by itself"
    source = source_of(registry, row)
    if source is None:
        return "it has left staging"
    return (
        ""
        if source.document.source_hash == row["source_hash"]
        else "it was changed in staging since its plan"
    )


def cannot_be_approved(row: dict[str, Any], profile: Profile) -> str:
    """Why an approval without words is not enough for an item; empty where it is."""
    draft = Draft(Verdict.APPROVE, row["source_hash"])
    return "; ".join(problems_of(draft, row["layer"], profile))


def _not_free(row: dict[str, Any], actor: Actor, now: datetime) -> str:
    if row["state"] == OPEN:
        return ""
    if row["state"] == CLAIMED:
        mine, over = row["claimed_by"] == actor.name, row["lease_until"] <= now
        return "" if mine or over else f"{row['claimed_by']} has claimed it"
    return "it is decided already" if row["state"] == "decided" else "nobody asks about it any more"
