"""Claiming items for a while, so that two curators do not work on one; all times are handed in."""

from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.access import (
    item_of,
    not_found,
    require,
    require_row,
    source_of,
)
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.model import CLAIMED, DECIDED, LEASE, OPEN, Claim, Where
from asset_registry_pipeline.steps.curation.reading import in_stores
from asset_registry_pipeline.steps.curation.recording import in_transaction
from asset_registry_pipeline.stores.audit import entry
from asset_registry_pipeline.stores.connections import Registry

_LONGEST_NOTE = 500


def claim(registry: Registry, actor: Actor, key: str, now: datetime) -> Claim:
    """Claim an item; who has it already gets a new lease.

    Raises:
        CurationError: forbidden, not_found, claimed_by_another, already_decided, or too_late as nobody asks any more.
    """
    require(actor, "claim")
    row = registry.claims.take(key, actor.name, now, now + LEASE)
    if row is None:
        raise _why_not(registry, key)
    return _shown(registry, actor, row)


def claim_next(registry: Registry, actor: Actor, where: Where, now: datetime) -> Claim | None:
    """Claim the first open item of these in the order of the queue; None where there is none.

    Raises:
        CurationError: forbidden.
    """
    require(actor, "claim")
    registry.claims.free_what_is_over(now)
    row = registry.claims.take_next(in_stores(where), actor.name, now, now + LEASE)
    return None if row is None else _shown(registry, actor, row)


def renew(registry: Registry, actor: Actor, key: str, now: datetime) -> Claim:
    """A new lease on what one has claimed.

    Raises:
        CurationError: forbidden, not_found, or lease_over where it is one's own no more.
    """
    require(actor, "claim")
    if not registry.claims.renew(key, actor.name, now, now + LEASE):
        raise lease_over(require_row(registry, key), actor, now)
    return Claim(item_of(require_row(registry, key)), now + LEASE)


def release(registry: Registry, actor: Actor, key: str, note: str | None, now: datetime) -> None:
    """Give an item back to the queue, with a note for who takes it next; an admin may give back what another has.

    One that is open already stays so.

    Raises:
        CurationError: forbidden (another has it), not_found, invalid (the note is too long), already_decided,
            too_late as nobody asks any more, or claimed_by_another as somebody was quicker.
    """
    require(actor, "claim")
    if note is not None and len(note) > _LONGEST_NOTE:
        raise CurationError(
            "invalid", f"the note has {len(note):,} characters", remedy=f"Keep it to {_LONGEST_NOTE}"
        )
    row = require_row(registry, key)
    if row["state"] == OPEN:
        return
    if row["state"] != CLAIMED:
        raise _why_not(registry, key)
    another = row["claimed_by"] != actor.name
    if another:
        require(actor, "release what another has claimed")

    def both(session: Any) -> bool:
        given_back = registry.claims.give_back(key, row["claimed_by"], note, session)
        if given_back:
            told = entry(
                now, actor.name, str(actor.role), "released", layer=row["layer"], key=key,
                claimed_by=row["claimed_by"], note=note,
            )  # fmt: skip
            registry.audit.add([told], session)
        return given_back

    if not in_transaction(registry, both) and require_row(registry, key)["state"] != OPEN:
        raise _why_not(registry, key)


def lease_over(row: dict[str, Any], actor: Actor, now: datetime, **told: Any) -> CurationError:
    """Why somebody does not hold an item: another does, or their time ran out, or it was never claimed."""
    by, until = row.get("claimed_by"), row.get("lease_until")
    if row["state"] == CLAIMED and by != actor.name and until is not None and until > now:
        return claimed(row, **told)
    if row["state"] == DECIDED:
        return _decided(row, **told)
    return CurationError(
        "lease_over",
        "your claim on it has run out" if by == actor.name else "you have not claimed it",
        item=row["label"],
        remedy="Claim it again and send this once more; what you wrote is kept below",
        **told,
    )


def _shown(registry: Registry, actor: Actor, row: dict[str, Any]) -> Claim:
    source = source_of(registry, row)
    if source is not None:
        registry.claims.show(row["_id"], actor.name, source.raw)
    return Claim(item_of(row), row["lease_until"])


def _why_not(registry: Registry, key: str) -> CurationError:
    row = registry.queue.get(key)
    if row is None:
        return not_found(key)
    if row["state"] == DECIDED:
        return _decided(row)
    if row["state"] == CLAIMED:
        return claimed(row)
    return too_late(row)


def too_late(row: dict[str, Any], **told: Any) -> CurationError:
    """Nobody asks about the item any more."""
    return CurationError(
        "too_late",
        "the newest plan does not ask about it any more",
        item=row["label"],
        remedy="Go on with the next one; it comes back by itself if a plan asks again",
        **told,
    )


def claimed(row: dict[str, Any], **told: Any) -> CurationError:
    """Somebody else has the item."""
    until = f"{row['lease_until']:%H:%M} UTC"
    return CurationError(
        "claimed_by_another",
        f"{row['claimed_by']} has claimed it until {until}",
        item=row["label"],
        remedy="Take another one, or wait until it is released",
        **told,
    )


def _decided(row: dict[str, Any], **told: Any) -> CurationError:
    return CurationError(
        "already_decided",
        f"{row.get('decided_by')} has decided it ({row.get('verdict')})",
        item=row["label"],
        remedy="Take that decision back first, if it is to be another one",
        **told,
    )
