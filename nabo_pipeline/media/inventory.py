"""What stands in the backup: listed objects, what is known of each, and the proof that a listing is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from migration_kit.failures import PermanentError
from migration_kit.fingerprints import SetDigest
from migration_kit.pictures.file_types import FileType
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


@dataclass
class Tally:
    """What a listing adds up to as it streams by: objects, bytes, and a digest that does not depend on their order."""

    files: int = 0
    bytes: int = 0
    digest: SetDigest = field(default_factory=SetDigest)

    def add(self, found: StoredObject) -> None:
        """Takes one object in."""
        self.files += 1
        self.bytes += found.size
        # Neither size nor version holds a NUL: the last two divide the three.
        self.digest.add(f"{found.key}\0{found.size}\0{found.version}")

    def update(self, other: Tally) -> None:
        """Takes in all that another listing found."""
        self.files += other.files
        self.bytes += other.bytes
        self.digest.update(other.digest)

    @property
    def fingerprint(self) -> str:
        """Changes when an object comes, goes or changes."""
        return self.digest.hexdigest()


class Survey:
    """One listing of the whole backup, added up by category as it streams by."""

    def __init__(self) -> None:
        self.tallies = {category: Tally() for category in CATEGORIES}

    def take(self, objects: Iterable[StoredObject], category: str) -> Iterator[StoredObject]:
        """Adds every object up, and hands on those of the category."""
        for found in objects:
            belongs = category_of(found.key)
            self.tallies[belongs].add(found)
            if belongs == category:
                yield found

    @property
    def whole(self) -> Tally:
        """All categories together."""
        whole = Tally()
        for tally in self.tallies.values():
            whole.update(tally)
        return whole


def of_category(objects: Iterable[StoredObject], category: str) -> Iterator[StoredObject]:
    """The objects of one category."""
    return (found for found in objects if category_of(found.key) == category)


def tally(objects: Iterable[StoredObject]) -> Tally:
    """What the objects add up to."""
    found = Tally()
    for one in objects:
        found.add(one)
    return found


def first_difference(whole: Iterable[StoredObject], own: Iterable[StoredObject]) -> StoredObject | None:
    """The first object in which two listings of a category differ; both in their store's own order."""
    for expected, found in zip_longest(whole, own):
        if expected != found:
            return min((one for one in (expected, found) if one is not None), key=lambda one: one.key)
    return None


def prove_listing(
    category: str, whole: Tally, own: Tally, example: Callable[[], StoredObject | None]
) -> None:
    """Raises unless listing the category alone found exactly what listing the whole backup found of it.

    Two listings that disagree mean a store that lists partially, or a backup that changes while it is read.
    `example` finds an object in which they differ; it is asked only then.
    """
    if (whole.files, whole.bytes, whole.fingerprint) == (own.files, own.bytes, own.fingerprint):
        return
    found = example()
    named = f"for example in {found.key!r}" if found else "but agree by now: it is changing"
    raise PermanentError(
        f"two listings of the backup disagree: {whole.files} objects of {whole.bytes} bytes by the whole listing,"
        f" {own.files} of {own.bytes} by the category's own, {named}",
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
