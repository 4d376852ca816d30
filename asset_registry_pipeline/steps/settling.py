"""What becomes of a staged document of which something is known already: compared in a transaction.

Nothing of anybody else's is ever overwritten. A copy goes in where there is nothing; a migration in place replaces the
document only where it still equals its source, and keeps what it was. What this migration wrote and nobody has changed
since is brought up to date, when its source, its words or its components have changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo.client_session import ClientSession

from asset_registry_pipeline.registry.outcomes import CONFLICT, GONE, TAKEN, written_by_migration
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.candidate_rows import Candidate
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.preimages import Preimage
from migration_kit.accounting import State
from migration_kit.ledger import Entry


@dataclass(frozen=True)
class Verdict:
    """What was found of one document, and whether it was written."""

    candidate: Candidate
    state: State
    reason: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    write: bool = False


@dataclass
class Settled:
    """The bytes of each document that was written, the records made, and those that were there before."""

    written: list[int] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    known: dict[str, Entry] = field(default_factory=dict)

    def __add__(self, other: "Settled") -> "Settled":
        return Settled(self.written + other.written, self.entries + other.entries, self.known | other.known)


def copying(
    registry: Registry, chunk: Sequence[Candidate], known: Mapping[str, Entry], session: ClientSession
) -> list[Verdict]:
    """Judge a chunk against development and insert what is not there."""
    development = registry.development
    existing = development.existing([one.identifier for one in chunk], session)
    outdated = {
        one.item
        for one in chunk
        if one.item in existing and _outdated(one, existing[one.item], known.get(one.item))
    }
    bodies = {
        one.item: codec.decode(one.raw or b"")
        for one in chunk
        if one.item not in existing or one.item in outdated
    }
    taken = (
        development.taken(
            [body["name"] for body in bodies.values()],
            [body["nna_address"] for body in bodies.values()],
            session,
        )
        if bodies
        else {}
    )
    verdicts = []
    for one in chunk:
        present, body = existing.get(one.item), bodies.get(one.item, {})
        holders = {taken.get(body.get(key, ""), one.item) for key in ("name", "nna_address")} - {one.item}
        if present is not None and one.item not in outdated:
            verdicts.append(_beside(one, present, known.get(one.item)))
        elif holders:
            verdicts.append(Verdict(one, State.QUARANTINED, TAKEN, {"by": min(holders)}))
        else:
            verdicts.append(Verdict(one, State.MIGRATED, write=True))
    written = [one.candidate for one in verdicts if one.write]
    development.insert([one.raw or b"" for one in written if one.item not in outdated], session)
    development.replace(
        [(one.identifier, one.raw or b"") for one in written if one.item in outdated], session
    )
    return verdicts


def in_place(
    registry: Registry, chunk: Sequence[Candidate], known: Mapping[str, Entry], session: ClientSession
) -> list[Verdict]:
    """Judge a chunk against the documents themselves and replace those that still are what was planned from."""
    existing = registry.development.existing([one.identifier for one in chunk], session)
    preimages = registry.preimages.having([one.item for one in chunk], session)
    verdicts = []
    replaced: list[tuple[Any, bytes]] = []
    before: list[Preimage] = []
    outdated: dict[str, str] = {}
    for one in chunk:
        present = existing.get(one.item)
        found = codec.content_hash(present) if present is not None else None
        if present is None:
            verdict = Verdict(one, State.QUARANTINED, GONE)
        elif one.item in preimages and _outdated(one, present, known.get(one.item)):
            verdict = Verdict(one, State.MIGRATED, write=True)
            outdated[one.item] = one.target_hash or ""
            replaced.append((one.identifier, one.raw or b""))
        elif one.item in preimages:
            why = "it was changed after it was migrated"
            verdict = _beside(one, present, known.get(one.item), {"why": why})
        elif found == one.source_hash:
            verdict = Verdict(one, State.MIGRATED, write=True)
            before.append(
                Preimage(one.item, one.layer, one.identifier, found, one.target_hash or "", present)
            )
            replaced.append((one.identifier, one.raw or b""))
        else:
            verdict = _conflict(one, present, {"why": "it was changed after it was planned"})
        verdicts.append(verdict)
    registry.preimages.add(before, session)
    registry.preimages.follow(outdated, session)
    registry.development.replace(replaced, session)
    return verdicts


def _outdated(candidate: Candidate, present: bytes, before: Entry | None) -> bool:
    """Whether a document is still what this migration wrote, and something else would be written by now."""
    found = codec.content_hash(present)
    ours = before is not None and written_by_migration(before) and before.target_hash == found
    return ours and found != candidate.target_hash


def _beside(
    candidate: Candidate, present: bytes, before: Entry | None, detail: Mapping[str, Any] | None = None
) -> Verdict:
    """Of a document that is there already: equal, then what was recorded of having written it stays; or a conflict."""
    if codec.content_hash(present) != candidate.target_hash:
        return _conflict(candidate, present, detail or {})
    ours = before is not None and written_by_migration(before) and before.target_hash == candidate.target_hash
    return Verdict(candidate, State.MIGRATED if ours else State.ALREADY_PRESENT)


def _conflict(candidate: Candidate, present: bytes, detail: Mapping[str, Any]) -> Verdict:
    """Both hashes, and the fields that differ as far as both can be read."""
    planned, found = codec.decoded(candidate.raw or b""), codec.decoded(present)
    differing: Mapping[str, Any] = {"why": "what development holds cannot be read"}
    if planned is not None and found is not None:
        differing = {"fields": codec.differing_fields(planned, found)}
    hashes = {"planned": candidate.target_hash, "found": codec.content_hash(present)}
    return Verdict(candidate, State.QUARANTINED, CONFLICT, {**detail, **differing, **hashes})
