"""What of the migrated documents may be taken back, and why the others stay; no stores, no ledger, no clocks."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from asset_registry_pipeline.registry.layers import COMPONENT_LAYERS, COMPOSITE_LAYERS, SONG_LAYERS

PHASES: Mapping[str, tuple[str, ...]] = {
    "composites": COMPOSITE_LAYERS,
    "songs": SONG_LAYERS,
    "components": COMPONENT_LAYERS,
}
"""The phases of the migration, each taken back by itself, and their layers; the last one first."""

CHANGED = "somebody changed it since it was migrated: compare the two, then correct or remove it by hand"
DELETED = "somebody deleted it since it was changed in place: its pre-image is kept in migration_preimages"
NO_PREIMAGE = "it was changed in place and its pre-image is missing: take the document from the backup"
BROKEN_PREIMAGE = "its pre-image is not what was read from the source: take the document from the backup"
UNKNOWN_ID = "its _id is not known any more: take the inventory of its layer, then roll back again"
REFERRED = "composites in development refer to it: roll back the composites first"


class DocumentIs(StrEnum):
    """What became of a document that this migration wrote."""

    AS_WRITTEN = "as written"
    CHANGED = "changed"
    GONE = "gone"
    UNKNOWN = "unknown"


class PreimageIs(StrEnum):
    """What there is of a document from before it was changed in place."""

    SOUND = "sound"
    BROKEN = "broken"
    ABSENT = "absent"


class Done(StrEnum):
    """What a rollback does with a document."""

    REMOVED = "removed"
    RESTORED = "restored"
    ALREADY_GONE = "had gone already"
    LEFT = "left"
    NOT_OURS = "not ours"


@dataclass(frozen=True)
class Referring:
    """How many composites in development are built from a document, and the name of one of them."""

    composites: int
    example: str


@dataclass(frozen=True)
class Standing:
    """What stands of one document now."""

    document: DocumentIs
    preimage: PreimageIs = PreimageIs.ABSENT
    referring: Referring | None = None


def judge(found: Standing, *, in_place: bool) -> tuple[Done, str | None]:
    """What to do with a document, and the reason where it stays.

    What has a pre-image was changed in place, whatever the profile says today: it is never removed.
    """
    restorable = in_place or found.preimage is not PreimageIs.ABSENT
    reasons = (
        (found.document is DocumentIs.UNKNOWN, UNKNOWN_ID),
        (found.document is DocumentIs.CHANGED, CHANGED),
        (restorable and found.document is DocumentIs.GONE, DELETED),
        (restorable and found.preimage is PreimageIs.ABSENT, NO_PREIMAGE),
        (restorable and found.preimage is PreimageIs.BROKEN, BROKEN_PREIMAGE),
    )
    stays = next((reason for holds, reason in reasons if holds), None)
    if stays is None and found.referring is not None and found.document is DocumentIs.AS_WRITTEN:
        stays = REFERRED
    if stays is not None:
        return Done.LEFT, stays
    if found.document is DocumentIs.GONE:
        return Done.ALREADY_GONE, None
    return (Done.RESTORED if restorable else Done.REMOVED), None


@dataclass
class Tally:
    """Documents by layer, state in the ledger, what was done and why not."""

    counts: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def add(self, layer: str, state: str, done: Done, reason: str | None) -> None:
        """Count one document."""
        self.counts[layer, state, str(done), reason or ""] += 1

    def of(self, *done: Done, layer: str | None = None) -> int:
        """How many documents ended so, of all layers or of one."""
        return sum(
            count
            for (each, _, ended, _), count in self.counts.items()
            if ended in done and layer in (None, each)
        )
