"""Three accounts of the same pictures laid side by side: the ledger, Storage and `public.media`.

What one reading of an object tells, and whose an object is that nothing explains. The comparison itself is set-wise
and stands in SQL beside the stores (`stores.checks`); judging its outcome is the suites'.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from migration_kit.ledger import Entry
from migration_kit.pictures.file_types import EXTENSIONS


@dataclass(frozen=True)
class ObjectFacts:
    """What Storage gave when an object was read: the hash of its bytes, their type, and whether they decode."""

    sha256: str
    mime: str
    decodes: bool


@dataclass(frozen=True)
class Reading:
    """One migrated file: what the ledger says of it (up to `is_preview_image`), and what its object was when read.

    `equal`, `decodes` and `sniffed` are None where no object was found.
    """

    item: str
    path: str
    extension: str
    mime: str
    media_type: str
    owner: str | None
    service: str | None
    chat_message: str | None
    row_id: str | None
    created_at: str | None
    is_preview_image: bool | None
    found: bool
    equal: bool | None = None
    decodes: bool | None = None
    sniffed: str | None = None


def reading(entry: Entry, facts: ObjectFacts | None) -> Reading:
    """An outcome beside what was read of its object; `facts` is None where there is none."""
    detail: dict[str, Any] = dict(entry.detail)
    row = detail.get("row") or {}
    return Reading(
        entry.item, detail["path"], EXTENSIONS.get(detail["mime"], ""), detail["mime"], detail["media_type"],
        detail["owner"], detail["service"], detail["chat_message"],
        row.get("id"), row.get("created_at"), row.get("is_preview_image"),
        found=facts is not None,
        equal=None if facts is None else facts.sha256 == entry.target_hash,
        decodes=None if facts is None else facts.decodes,
        sniffed=None if facts is None else facts.mime,
    )  # fmt: skip


@dataclass(frozen=True)
class Unexplained:
    """An object that neither the ledger nor a row of the app knows.

    `in_our_folder`: its first folder is one that this migration wrote to. `has_our_row`: a row has the id that this
    migration gives to this path.
    """

    path: str
    in_our_folder: bool
    has_our_row: bool


class Whose(StrEnum):
    """Whose an unexplained object is, and how that is known."""

    OURS_BY_MARK = "it carries this migration's mark"
    OURS_BY_ROW = "a row shows it under this migration's id"
    NOBODYS = "in a folder of this migration, made since its first plan, and no row shows it"
    OTHERS = "somebody else's"


def whose(
    found: Unexplained, *, marked: bool, created_at: datetime | None, first_plan: datetime | None
) -> Whose:
    """Whose an unexplained object is. Only `OTHERS` is no failure: such objects are counted, listed and left alone.

    Every upload of this migration carries its mark, stored in one step with the bytes, so a marked object is ours
    wherever it stands. One without the mark is suspected only in the folders of migrated people, services and chats,
    and only if it was not there before the first plan: a server that drops such marks must not hide ours.
    """
    if marked:
        return Whose.OURS_BY_MARK
    if found.has_our_row:
        return Whose.OURS_BY_ROW
    older = created_at is not None and first_plan is not None and created_at < first_plan
    return Whose.NOBODYS if found.in_our_folder and not older else Whose.OTHERS
