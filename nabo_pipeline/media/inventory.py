"""What stands in the backup: listed objects, what is known of each, and the proof that a listing is whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from migration_kit.failures import PermanentError
from migration_kit.fingerprints import fingerprint
from nabo_pipeline.media.file_types import FileType
from nabo_pipeline.media.paths import CATEGORIES, CHAT_NOT_MIGRATED, category_of, place


@dataclass(frozen=True, order=True)
class StoredObject:
    """One object as the store lists it: key below the root, size in bytes, the store's version mark (ETag or mtime)."""

    key: str
    size: int
    version: str
    special: str = ""
    """The type of what is no file at all (a link in a folder): known without reading, never followed."""


@dataclass(frozen=True)
class InventoryItem:
    """One object with what its path and its first bytes say. `reason` is None where it can be migrated."""

    key: str
    size: int
    version: str
    mime: str
    category: str
    parent: str
    name: str
    reason: str | None

    @property
    def can_migrate(self) -> bool:
        """Whether path and type allow it; the mappings are asked by the plan."""
        return self.reason is None

    def to_report(self) -> dict[str, object]:
        """The item under the plan's field names; the ids are those of its category."""
        ids = {
            "profile": {"userType": self.parent, "userId": self.name},
            "service": {"serviceId": self.parent, "imageId": self.name},
            "chat": {"chatId": self.parent, "fileName": self.name},
        }.get(self.category, {})
        return {
            "path": self.key, "category": self.category, "size": self.size, "fileType": self.mime, **ids,
            "canMigrate": self.can_migrate, "skipReason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True)
class Totals:
    """Objects and bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.files + other.files, self.bytes + other.bytes)


def describe(found: StoredObject, file_type: FileType, *, chats_migrated: bool) -> InventoryItem:
    """The inventory's row of an object. The salon reason and a wrong path win over the file's type."""
    where = place(found.key)
    reason = where.reason
    if reason is None and where.category == "chat" and not chats_migrated:
        reason = CHAT_NOT_MIGRATED
    if reason is None and not file_type.supported:
        reason = f"Unsupported file type: {file_type.mime}"
    return InventoryItem(
        found.key, found.size, found.version, file_type.mime, where.category, where.parent, where.name, reason
    )


def totals_by_category(objects: Iterable[StoredObject]) -> dict[str, Totals]:
    """Objects and bytes of every category; each category is named, also an empty one."""
    totals = dict.fromkeys(CATEGORIES, Totals())
    for found in objects:
        totals[category_of(found.key)] += Totals(1, found.size)
    return totals


def listing_fingerprint(objects: Iterable[StoredObject]) -> str:
    """Changes when an object comes, goes or changes; does not depend on the order of the listing."""
    return fingerprint(sorted((found.key, found.size, found.version) for found in objects))


def prove_listing(category: str, whole: Sequence[StoredObject], own: Sequence[StoredObject]) -> None:
    """Raises unless listing the category alone found exactly what listing the whole backup found of it.

    Two listings that disagree mean a store that lists partially, or a backup that changes while it is read.
    """
    expected = sorted(found for found in whole if category_of(found.key) == category)
    if expected == sorted(own):
        return
    keys = {found.key for found in own} ^ {found.key for found in expected}
    example = f", for example {min(keys)!r}" if keys else " in sizes or versions"
    raise PermanentError(
        f"two listings of the backup disagree: {len(expected)} objects by the whole listing, {len(own)} by its own"
        f"{example}",
        item=f"category {category}",
        remedy="Make sure that nothing writes to the backup, then run the inventory again.",
    )


def prove_totals(categories: Mapping[str, Totals], whole: Totals) -> None:
    """Raises unless the inventories of all categories add up to the whole listing, in count and in bytes."""
    total = sum(categories.values(), Totals())
    if total != whole:
        raise PermanentError(
            f"the categories hold {total.files} files and {total.bytes} bytes,"
            f" the whole listing {whole.files} files and {whole.bytes} bytes",
            item="media inventory",
            remedy="Run nabo/media_inventory for all categories again.",
        )
