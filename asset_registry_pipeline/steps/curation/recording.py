"""The one way in which decisions are stored: with their queue items and the audit log in one transaction.

Whether a decision may be stored is decided by who calls this: the desk for one item, a batch, an import.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pymongo.client_session import ClientSession

from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.model import CLAIMED, DECIDED, OPEN
from asset_registry_pipeline.stores import transactions
from asset_registry_pipeline.stores.audit import entry
from asset_registry_pipeline.stores.claims import CLAIM_FIELDS
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.decisions import Recorded

CHUNK = 500
"""Decisions of one transaction."""


T = TypeVar("T")


@dataclass(frozen=True)
class Recording:
    """A decision to be stored in the place of what was read there (None where nothing was)."""

    decision: Decision
    before: Recorded | None


def in_transaction(registry: Registry, work: Callable[[ClientSession], T]) -> T:
    """What `work` writes is there whole, on a majority of the servers, or not at all; then only is this done.

    Within another transaction, as of a request that keeps its answer, it is part of that one.

    Raises:
        TransientError: the server was lost; whether it is there is then to be looked up.
    """
    return transactions.in_transaction(registry.development.session, work)


def store(
    registry: Registry,
    recordings: Sequence[Recording],
    actor: Actor,
    now: datetime,
    session: ClientSession,
    *,
    looked_at_now: bool,
) -> None:
    """Store decisions within a transaction, each in the place of what was read in the same one.

    Their items count as decided; those of decisions that may be about an older source (not `looked_at_now`) only where
    the plan asked about that very source.
    """
    registry.decisions.put([(each.decision, each.before) for each in recordings], actor.name, now, session)
    registry.queue.settle_many(
        [_settled(each, looked_at_now=looked_at_now) for each in recordings],
        (*CLAIM_FIELDS, "note"),
        session,
    )


def _settled(recording: Recording, *, looked_at_now: bool) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    decision, before = recording.decision, recording.before
    where: dict[str, Any] = {"_id": decision.key, "state": {"$in": [OPEN, CLAIMED, DECIDED]}}
    if not looked_at_now:
        where["source_hash"] = decision.source_hash
    return where, {
        "state": DECIDED,
        "source_hash": decision.source_hash,
        **decided_fields(decision, (before.revision if before else 0) + 1),
    }


def decided_fields(decision: Decision, revision: int) -> dict[str, Any]:
    """What a queue row tells of its standing decision."""
    return {
        "verdict": str(decision.verdict),
        "decided_by": decision.decided_by,
        "decided_at": decision.decided_at,
        "revision": revision,
    }


def told_of(actor: Actor, act: str, decision: Decision, now: datetime, **detail: Any) -> dict[str, Any]:
    """The audit log's entry about a decision: what was decided, and of which source; not the words themselves."""
    return entry(
        now, actor.name, str(actor.role), act,
        layer=decision.layer, key=decision.key,
        verdict=str(decision.verdict), source_hash=decision.source_hash, **detail,
    )  # fmt: skip
