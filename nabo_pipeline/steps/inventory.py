"""Listing and describing a category of the backup, chunk by chunk: memory does not grow with the number of files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from migration_kit.chunks import chunked
from migration_kit.failures import PermanentError
from migration_kit.pictures.file_types import HEAD_BYTES, FileType, sniff
from migration_kit.progress import track
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.media.inventory import (
    StoredObject,
    Survey,
    Tally,
    describe,
    first_difference,
    of_category,
    prove_listing,
    tally,
)
from nabo_pipeline.media.paths import PREFIXES
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.inventory_draft import InventoryDraft
from nabo_pipeline.stores.state import Listing

CHUNK = 5_000
"""Objects that are looked up, sniffed and staged together."""
CAN_MIGRATE = "can be migrated"


@dataclass(frozen=True)
class Scan:
    """What was staged. `outcomes`: files by reason; `sniffed`: those whose first bytes were read now."""

    listing: Listing
    outcomes: Mapping[str, int]
    sniffed: int


def category_fingerprint(backup: Backup, category: str) -> str:
    """What the category's own listing adds up to now.

    It is that of an inventory only if every object still is there and the same: that inventory was proved whole, so
    that the whole backup need not be listed again.
    """
    return tally(_own_listing(backup, category)).fingerprint


def scan(
    backup: Backup,
    category: str,
    draft: InventoryDraft,
    *,
    chats_migrated: bool,
    threads: int,
    log: Callable[[str], None],
) -> Scan:
    """Lists a category into the draft and reads the first bytes of what is new or changed, `threads` at once.

    An object of the same size and version mark keeps the type that the last inventory found. Raises PermanentError or
    TransientError if anything cannot be read: a partial inventory never looks complete.
    """
    own, survey = tally(_own_listing(backup, category)), Survey()
    outcomes: Counter[str] = Counter()
    sniffed = 0
    with item_executor("thread", threads) as executor:
        listed = track(
            survey.take(backup.listing(), category), total=own.files, log=log, what=f"looking at {category}"
        )
        for chunk in chunked(listed, CHUNK):
            types, read = _types(backup, chunk, draft.known_types(chunk), executor, window=4 * threads)
            items = [describe(found, types[found.key], chats_migrated=chats_migrated) for found in chunk]
            draft.stage(items)
            outcomes.update(item.reason or CAN_MIGRATE for item in items)
            sniffed += read
    listing = _proved(backup, category, survey, own, chats_migrated=chats_migrated)
    return Scan(listing, dict(sorted(outcomes.items())), sniffed)


def _own_listing(backup: Backup, category: str) -> Iterator[StoredObject]:
    """The category listed by itself; what belongs to none of the three trees has no prefix of its own."""
    prefix = PREFIXES.get(category)
    return backup.listing(prefix) if prefix else of_category(backup.listing(), category)


def _types(
    backup: Backup,
    chunk: Sequence[StoredObject],
    known: Mapping[str, str],
    executor: Executor,
    *,
    window: int,
) -> tuple[dict[str, FileType], int]:
    """The type of every object, and how many were read for it."""
    types = {key: FileType(mime) for key, mime in known.items()}
    types |= {found.key: FileType(found.special) for found in chunk if found.special}
    types |= {found.key: sniff(b"") for found in chunk if not found.size and not found.special}
    unread = [found for found in chunk if found.key not in types]
    reads = bounded_map(
        executor, lambda found: sniff(backup.head(found.key, HEAD_BYTES)), unread, window=window
    )
    types |= {found.key: future.result() for found, future in reads}
    return types, len(unread)


def _proved(backup: Backup, category: str, survey: Survey, own: Tally, *, chats_migrated: bool) -> Listing:
    found, whole = survey.tallies[category], survey.whole
    prove_listing(
        category,
        found,
        own,
        lambda: first_difference(of_category(backup.listing(), category), _own_listing(backup, category)),
    )
    if not whole.files:
        raise PermanentError(
            "the backup holds no file at all",
            item="S3_BACKUP_PATH",
            remedy="Correct it, or mount the folder.",
        )
    return Listing(
        category, found.fingerprint, found.files, found.bytes, whole.fingerprint, whole.files, whole.bytes,
        chats_migrated,
    )  # fmt: skip
