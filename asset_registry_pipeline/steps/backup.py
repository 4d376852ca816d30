"""The backup: staging kept elsewhere before anything is written, and proved by restoring and comparing it.

Every document of a layer goes into it as the bytes it is, also one that cannot be decoded. In a migration in place what
has been replaced already is backed up as it was before: the reading of staging gives it so. A backup is never changed
or removed here: staging that has changed gets a new one.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count, zip_longest

from asset_registry_pipeline.registry.layers import UNFILED
from asset_registry_pipeline.registry.stages import BACKUP
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.backup import (
    NAME_PREFIX,
    TAXONOMIES_PART,
    AtWork,
    BackupStore,
    Damaged,
    Proof,
    Tally,
)
from asset_registry_pipeline.stores.backup_collections import DatabaseBackups, Scratch
from asset_registry_pipeline.stores.backup_files import FileBackups
from asset_registry_pipeline.stores.connections import Registry, backup_database
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.environment import required_folder
from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.mongo import connect

MOST_NAMED = 20
_MOST_DIFFERENCES = 1_000
_ATTEMPTS = 6


@dataclass(frozen=True)
class Comparison:
    """How two streams of documents differ: numbers, and the first differences by kind and name."""

    missing: int = 0
    extra: int = 0
    different: int = 0
    named: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether every document is in both, byte for byte."""
        return not (self.missing or self.extra or self.different)


@dataclass(frozen=True)
class Part:
    """What became of one part of the backup: its entry, how the restored documents compare, and where it is.

    `restored`: documents that came back from it. `reused`: it was there already, proved, and was read again.
    """

    proof: Proof
    restored: int
    comparison: Comparison
    place: str
    reused: bool
    warning: str = ""


def take(registry: Registry, layer: str, *, fingerprint: str, day: datetime, run_id: str) -> tuple[Part, ...]:
    """Back up a layer as its inventory saw it, with the documents of no layer and the taxonomies; proved by a restore.

    What is proved already for the same content is read again and kept. `day`: the backup's date (UTC).

    Raises:
        PermanentError: staging has changed since the inventory, or the place for backups refuses.
        TransientError: a server is lost, or another run is at the same backup.
    """
    digests = {layer: fingerprint}
    for part in (UNFILED, TAXONOMIES_PART):
        found = Tally().all(_source(registry, part)())
        if found.documents:
            digests[part] = found.digest
    with open_backups(registry.settings) as (store, scratch):
        taking = _Taking(registry, store, scratch, f"{NAME_PREFIX}{day.astimezone(UTC):%Y%m%d}", run_id)
        # All layers' runs begin at once, and all of them want the taxonomies: who comes second uses what is there then.
        again = retrying(attempts=_ATTEMPTS, on=(AtWork,))
        return tuple(again(_proved, taking, part, digest) for part, digest in digests.items())


def require_backup(registry: Registry, layer: str, source_fingerprint: str) -> Proof:
    """Go on only with a proved backup of the layer as it was planned from, which is still what it was.

    Raises:
        PermanentError: there is none, staging has another state, or the backup was changed since (the first document
            that differs is named).
        TransientError: the place for backups is lost.
    """
    remedy = f"Materialise registry/staging_backup of {layer}, then this again"
    gate = registry.ledger.gate(BACKUP, [layer])
    if not gate.open:
        why = gate.closed[0].why
        raise PermanentError(f"there is no proved backup: {why}", item=f"layer {layer}", remedy=remedy)
    if gate.accepted[layer] != source_fingerprint:
        reason = "the backup is of another state of staging than the plan was made from"
        raise PermanentError(reason, item=f"layer {layer}", remedy=remedy)
    with open_backups(registry.settings) as (store, _):
        proof = _standing(store, layer, source_fingerprint)
        if proof is None:
            reason = f"the backup is not in the manifest of {store.place}, or was refused there"
            raise PermanentError(reason, item=f"layer {layer}", remedy=remedy)
        if (spoilt := _spoilt(registry, store, proof)) is not None:
            raise PermanentError(spoilt, item=f"{proof.backup}, {layer}", remedy=remedy)
    return proof


def compare(expected: Iterable[bytes], found: Iterable[bytes]) -> Comparison:
    """Compare two streams of documents that are each in the order of their `_id`, byte for byte.

    Nothing is decoded but what differs, and only what is out of step is held. It ends at a thousand differences.
    """
    # The order of `_id`s of several types is the server's own knowledge, so neither stream is told to wait: a document
    # that has no partner yet waits itself, and the streams meet again behind it.
    left: dict[str, bytes] = {}
    right: dict[str, bytes] = {}
    different: list[bytes] = []
    for one, other in zip_longest(expected, found):
        if one == other:
            continue
        for raw, own, others in ((one, left, right), (other, right, left)):
            if raw is None:
                continue
            partner = others.pop(codec.item_of(raw), None)
            if partner is None:
                own[codec.item_of(raw)] = raw
            elif partner != raw:
                different.append(raw if own is left else partner)
        if len(left) + len(right) + len(different) > _MOST_DIFFERENCES:
            break
    kinds = (("different", different), ("missing", left.values()), ("extra", right.values()))
    named = [f"{kind} {_name(raw)}" for kind, raws in kinds for raw in raws]
    return Comparison(len(left), len(right), len(different), tuple(named[:MOST_NAMED]))


@contextmanager
def open_backups(settings: Settings) -> Iterator[tuple[BackupStore, "_MakeScratch"]]:
    """The configured place for backups, and scratch collections beside the ledger.

    Raises:
        PermanentError: REGISTRY_BACKUP_PATH is no folder.
        TransientError: development's server does not answer.
    """
    with connect(settings.development_uri) as client:
        development = client.get_database(settings.development_db)

        def scratch(part: str, digest: str) -> Scratch:
            return Scratch(development, part, digest)

        if settings.backup_path.strip():
            yield FileBackups(required_folder("REGISTRY_BACKUP_PATH", settings.backup_path)), scratch
        else:
            yield DatabaseBackups(client.get_database(backup_database(settings))), scratch


_MakeScratch = Callable[[str, str], Scratch]


@dataclass(frozen=True)
class _Taking:
    registry: Registry
    store: BackupStore
    scratch: _MakeScratch
    name: str
    run_id: str


def _source(registry: Registry, part: str) -> Callable[[], Iterator[bytes]]:
    staging = registry.staging
    return staging.raw_taxonomies if part == TAXONOMIES_PART else lambda: staging.raw(part)


def _proved(taking: _Taking, part: str, digest: str) -> Part:
    """The part with this content: the one that stands, if it still is what it was, else a new one."""
    store, warning = taking.store, ""
    standing = _standing(store, part, digest)
    if standing is not None:
        why = _spoilt(taking.registry, store, standing)
        if why is None:
            return Part(standing, standing.documents, Comparison(), store.place, reused=True)
        # It stays for whoever wants to know what happened to it, and is built upon no more.
        store.keep(replace(standing, refused=why))
        warning = f"{standing.backup}, {part}: {why}; a new one was taken"
    backup = _free_name(taking, part, digest)
    if not store.holds(backup, part):
        store.write(backup, part, _unchanged(taking, part, digest), digest=digest)
    restored, comparison = _restored(taking, backup, part, digest)
    proof = Proof(
        backup=backup,
        part=part,
        documents=restored.documents,
        bytes=restored.bytes,
        digest=restored.digest,
        taxonomy=taking.registry.taxonomy.pinned,
        taken_at=datetime.now(UTC).replace(microsecond=0),
        run_id=taking.run_id,
    )
    if comparison.equal:
        store.keep(proof)
    return Part(proof, restored.documents, comparison, store.place, reused=False, warning=warning)


def _restored(taking: _Taking, backup: str, part: str, digest: str) -> tuple[Tally, Comparison]:
    """Restore a part into a scratch collection and compare that with staging, document by document."""
    scratch = taking.scratch(part, digest)
    restored = Tally()
    try:
        scratch.fill(taking.store.read(backup, part))
        comparison = compare(_unchanged(taking, part, digest), restored.through(scratch.read()))
        if not comparison.equal:
            scratch.require_own()
    finally:
        scratch.drop()
    return restored, comparison


def _unchanged(taking: _Taking, part: str, digest: str) -> Iterator[bytes]:
    """Staging's documents; at their end an error if they are not those of the inventory."""
    tally = Tally()
    yield from tally.through(_source(taking.registry, part)())
    if tally.digest == digest:
        return
    if part not in (UNFILED, TAXONOMIES_PART):
        raise PermanentError(
            "staging has changed since its inventory",
            item=f"layer {part}",
            remedy=f"Materialise registry/staging_inventory of {part}, then this again",
        )
    raise TransientError("staging changed while it was backed up", item=part)


def _standing(store: BackupStore, part: str, digest: str) -> Proof | None:
    """The newest proved backup of this content."""
    return next((one for one in store.proofs(part) if one.digest == digest and not one.refused), None)


def _free_name(taking: _Taking, part: str, digest: str) -> str:
    """The backup that the part goes into: the day's first that has none, or holds just this and was never proved."""
    taken = {proof.backup for proof in taking.store.proofs(part)}
    for number in count(1):
        name = taking.name if number == 1 else f"{taking.name}_{number}"
        if name in taken:
            continue
        if not taking.store.holds(name, part) or _holds_exactly(taking.store, name, part, digest):
            return name
    raise AssertionError("unreachable: the numbers do not end")


def _holds_exactly(store: BackupStore, backup: str, part: str, digest: str) -> bool:
    """Whether a part that a lost run left behind is whole."""
    try:
        return Tally().all(store.read(backup, part)).digest == digest
    except Damaged:
        return False


def _spoilt(registry: Registry, store: BackupStore, proof: Proof) -> str | None:
    """Why a proved part is no longer what it was, None if it is: read again, all of it.

    Raises:
        PermanentError, TransientError: it could not be read, which says nothing of what it holds.
    """
    why = f"the backup in {store.place} was changed since it was proved"
    try:
        if Tally().all(store.read(proof.backup, proof.part)).digest == proof.digest:
            return None
    except Damaged as error:
        why = f"the backup in {store.place} cannot be used: {error.reason} ({error.item})"
    source = _source(registry, proof.part)
    if Tally().all(source()).digest != proof.digest:
        return why  # staging has moved on as well: nothing to say what the documents were
    named = compare(source(), _readable(store.read(proof.backup, proof.part))).named
    return f"{why}: {named[0]}" if named else why


def _readable(raws: Iterator[bytes]) -> Iterator[bytes]:
    """The documents up to where a damaged part ends."""
    try:
        yield from raws
    except Damaged:
        return


def _name(raw: bytes) -> str:
    source = codec.read_source(raw, "")
    return source.item if source.label == source.item else f"{source.label} ({source.item})"
