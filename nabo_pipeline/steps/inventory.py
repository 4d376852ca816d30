"""Listing and describing a category of the backup. Nothing is written here; what is found is handed back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from migration_kit.progress import track
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.media.file_types import HEAD_BYTES, FileType, sniff
from nabo_pipeline.media.inventory import (
    InventoryItem,
    StoredObject,
    Totals,
    describe,
    listing_fingerprint,
    prove_listing,
    totals_by_category,
)
from nabo_pipeline.media.paths import PREFIXES, category_of
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.state import Listing


@dataclass(frozen=True)
class Scan:
    """A category's inventory. `sniffed`: objects whose first bytes were read now; the others are unchanged."""

    listing: Listing
    items: tuple[InventoryItem, ...]
    sniffed: int


def list_category(backup: Backup, category: str) -> tuple[list[StoredObject], Listing]:
    """The objects of a category, by two listings that must agree: of the whole backup and of the category alone."""
    whole = list(backup.listing())
    prefix = PREFIXES.get(category)
    own = [found for found in whole if category_of(found.key) == category]
    if prefix is not None:
        prove_listing(category, whole, list(backup.listing(prefix)))
    totals = totals_by_category(whole)
    everything = sum(totals.values(), Totals())
    listing = Listing(
        category,
        listing_fingerprint(own),
        totals[category].files,
        totals[category].bytes,
        listing_fingerprint(whole),
        everything.files,
        everything.bytes,
        chats_migrated=False,
    )
    return own, listing


def scan(
    backup: Backup,
    category: str,
    *,
    known: Mapping[str, InventoryItem],
    chats_migrated: bool,
    threads: int,
    log: Callable[[str], None],
) -> Scan:
    """Lists a category and reads the first bytes of every object that is new or changed, `threads` at once.

    `known`: the last inventory by key; an object of the same size and version mark keeps the type found then.
    Raises PermanentError or TransientError if anything cannot be read: a partial inventory never looks complete.
    """
    own, listing = list_category(backup, category)
    types: dict[str, FileType] = {}
    unread = []
    for found in own:
        before = known.get(found.key)
        if found.special:
            types[found.key] = FileType(found.special)
        elif before is not None and (before.size, before.version) == (found.size, found.version):
            types[found.key] = FileType(before.mime)
        else:
            unread.append(found)

    def read(found: StoredObject) -> FileType:
        return sniff(backup.head(found.key, HEAD_BYTES)) if found.size else sniff(b"")

    with item_executor("thread", threads) as executor:
        reads = bounded_map(executor, read, unread, window=4 * threads)
        for found, future in track(
            reads, total=len(unread), log=log, what=f"reading first bytes of {category}"
        ):
            types[found.key] = future.result()
    items = tuple(describe(found, types[found.key], chats_migrated=chats_migrated) for found in own)
    listing = Listing(
        **{**vars(listing), "chats_migrated": chats_migrated},
    )
    return Scan(listing, tuple(sorted(items, key=lambda item: item.key)), len(unread))
