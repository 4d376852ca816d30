"""Reasons that only publishing can find, and the accounting of a layer; no ledger, no stores."""

from collections import Counter
from collections.abc import Collection, Iterable

from migration_kit.accounting import Accounting, State
from migration_kit.ledger import Entry

CONFLICT = "development holds a different document under this _id"
TAKEN = "another document in development has the name or the address"
SUPERSEDED = "it is in development, but would not be migrated now"
REFUSED = "development refuses the document"
ROLLED_BACK = "rolled back"

FOUND_BY_PUBLISHING = frozenset({CONFLICT, TAKEN, REFUSED})
"""Reasons with which a document that was ready did not get into development."""
PRESENT_REASONS = frozenset({CONFLICT, SUPERSEDED})
"""Reasons of quarantine with which a document of that `_id` is in development all the same."""


WRITTEN = "written"


def written_mark(before: Entry | None) -> dict[str, bool]:
    """For the detail of a document that is quarantined now: whether this migration wrote what is in development."""
    return {WRITTEN: True} if written_by_migration(before) else {}


def written_by_migration(entry: Entry | None) -> bool:
    """Whether the document that the entry's `target_hash` stands for was written by this migration."""
    return entry is not None and (entry.state is State.MIGRATED or entry.detail.get(WRITTEN) is True)


def account(items: Collection[str], entries: Iterable[Entry], *, batch: str | None = None) -> Accounting:
    """The accounting of the documents that the newest inventory saw; `items` are their ledger keys.

    With `batch` it is what that batch did: what an earlier one migrated counts as already present. Records of
    documents that have left staging since are not counted; the source does not count them either.
    """
    wanted = set(items)
    counts: Counter[tuple[State, str | None]] = Counter()
    for entry in entries:
        if entry.item not in wanted:
            continue
        earlier = batch is not None and entry.state is State.MIGRATED and entry.batch_id != batch
        counts[(State.ALREADY_PRESENT if earlier else entry.state, entry.reason)] += 1
    return Accounting.from_counts(len(wanted), ((state, reason, n) for (state, reason), n in counts.items()))
