"""What of a migrated picture may be taken back: only what this migration created, and only while nobody changed it.

Pure decisions. Looking at Storage and `public.media`, and taking away, are the stores' matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

JOBS: Mapping[str, tuple[str, ...]] = {
    "complete": ("profile", "service", "chat"),
    "profiles": ("profile",),
    "services": ("service",),
    "chats": ("chat",),
}
"""What each rollback takes back: its name and the categories, in the order in which they are taken back."""

ROW_CHANGED = "Its row in public.media was changed since; row and object stay"
ROW_NOT_RECORDED = "A row stands that the ledger does not know; row and object stay"
OBJECT_REPLACED = "Its object was replaced since; row and object stay"
OBJECT_SHOWN = "Somebody else's row shows its object; row and object stay"
OBJECT_SHOWN_MEANWHILE = (
    "Its row was taken back; its object stays, for somebody else's row has shown it since"
)
OBJECT_REPLACED_MEANWHILE = "Its row was taken back; its object stays, for somebody has replaced it since"
ROW_REFERRED = "A row of {table} refers to its row; row and object stay"
NOT_IN_LEDGER = (
    "It is this migration's, but in no ledger: a run was lost. Run nabo/images, then roll back again"
)
UNREADABLE = "Its object cannot be read: {why}; row and object stay"


class RowIs(StrEnum):
    """What became of the row that this migration wrote."""

    AS_WRITTEN = "as written"
    CHANGED = "changed"
    GONE = "gone"
    NEVER_WRITTEN = "never written"
    NOT_RECORDED = "not recorded"


class ObjectIs(StrEnum):
    """What became of the object that an outcome stands for."""

    AS_WRITTEN = "as written"
    REPLACED = "replaced"
    GONE = "gone"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Standing:
    """What stands of one picture now. `shown_by_others`: a row that is not ours has the same path."""

    row: RowIs
    object: ObjectIs
    shown_by_others: bool = False
    referring_table: str | None = None
    why_unreadable: str = ""


def reason_to_stay(found: Standing) -> str | None:
    """Why a picture is left as it is, None if it may go. Row and object stay together: a row needs its object."""
    reasons = (
        (found.object is ObjectIs.UNREADABLE, UNREADABLE.format(why=found.why_unreadable)),
        (found.row is RowIs.CHANGED, ROW_CHANGED),
        (found.row is RowIs.NOT_RECORDED, ROW_NOT_RECORDED),
        (found.object is ObjectIs.REPLACED, OBJECT_REPLACED),
        (found.shown_by_others, OBJECT_SHOWN),
        (found.referring_table is not None, ROW_REFERRED.format(table=found.referring_table)),
    )
    return next((reason for holds, reason in reasons if holds), None)


def row_done(found: Standing) -> str:
    """What the history says of the row of a picture that goes."""
    told = {RowIs.AS_WRITTEN: "removed", RowIs.GONE: "already gone", RowIs.NEVER_WRITTEN: "never written"}
    return told[found.row]


def object_done(found: Standing, *, created: bool) -> str:
    """What the history says of the object of a picture that goes; `created`: by this migration, not found there."""
    if not created:
        return "not ours"
    return "removed" if found.object is ObjectIs.AS_WRITTEN else "already gone"


@dataclass(frozen=True)
class Counts:
    """What a rollback did (or, of a rehearsal, would do), in pictures, rows and objects; `freed` in bytes."""

    pictures: int = 0
    rows: int = 0
    rows_gone: int = 0
    objects: int = 0
    objects_gone: int = 0
    objects_not_ours: int = 0
    left: int = 0
    freed: int = 0

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = vars(self), vars(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})
