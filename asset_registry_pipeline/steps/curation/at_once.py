"""Decisions of programs, which look, claim and decide in one go: as one act, in one transaction, by the same rules.

A person claims an item first and works on it for minutes; between the look and the decision of a program there is
nothing to be claimed for.
"""

from dataclasses import replace
from datetime import datetime

from pymongo.client_session import ClientSession

from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.access import not_found, require
from asset_registry_pipeline.steps.curation.deciding import decide, undo
from asset_registry_pipeline.steps.curation.model import LEASE, Decided, Draft
from asset_registry_pipeline.steps.curation.recording import in_transaction
from asset_registry_pipeline.stores.connections import Registry


def key_of(registry: Registry, called: str) -> str:
    """The key of the queue's item that is called so: by its key, its id, its name or its address.

    Raises:
        CurationError: not_found.
    """
    if registry.queue.get(called) is not None:
        return called
    row = registry.queue.called([called]).get(called)
    if row is None:
        raise not_found(called)
    key: str = row["_id"]
    return key


def record(registry: Registry, actor: Actor, key: str, draft: Draft, now: datetime) -> Decided:
    """Decide about an item that is one's own or nobody's.

    Raises:
        CurationError: as `decide`; nothing is claimed then.
    """
    require(actor, "decide")

    def both(_: ClientSession) -> Decided:
        registry.claims.take(key, actor.name, now, now + LEASE)
        return decide(registry, actor, key, draft, now)

    return in_transaction(registry, both)


def amend(registry: Registry, actor: Actor, key: str, draft: Draft, now: datetime) -> Decided:
    """Put a decision in the place of the one whose revision the draft names; there is never none in between.

    The very same one, sent again after a lost answer, is acknowledged once more.

    Raises:
        CurationError: as `decide` and `undo`; the decision that stands stays then.
    """
    require(actor, "decide")

    def both(session: ClientSession) -> Decided:
        before = registry.decisions.recorded([key], session).get(key)
        if before is not None and not before.withdrawn and before.revision == draft.revision:
            undone = undo(registry, actor, key, draft.revision, now)
            registry.claims.take(key, actor.name, now, now + LEASE)
            return decide(registry, actor, key, replace(draft, revision=undone.revision), now)
        return decide(registry, actor, key, draft, now)

    return in_transaction(registry, both)
