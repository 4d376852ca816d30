"""Reasons that only publishing can find, and what a recorded state says; no ledger, no stores."""

from migration_kit.accounting import State
from migration_kit.ledger import Entry

CONFLICT = "development holds a different document under this _id"
TAKEN = "another document in development has the name or the address"
SUPERSEDED = "it is in development, but would not be migrated now"
REFUSED = "development refuses the document"
DAMAGED = "what is staged is no longer what was planned"
GONE = "it was deleted after it was planned"
ROLLED_BACK = "rolled back"

IN_DEVELOPMENT = (State.MIGRATED, State.ALREADY_PRESENT)
"""States of a document that is in development as it should be."""
FOUND_BY_PUBLISHING = frozenset({CONFLICT, TAKEN, REFUSED, DAMAGED, GONE})
"""Reasons with which a document that was ready did not get into development."""
PRESENT_REASONS = frozenset({CONFLICT, SUPERSEDED})
"""Reasons of quarantine with which a document of that `_id` is in development all the same."""


WRITTEN = "written"
STAYS = "stays"
"""Detail of a document that is held for a curator, and stays in development as it was published until they decide."""


def written_mark(before: Entry | None) -> dict[str, bool]:
    """For the detail of a document that is quarantined now: whether this migration wrote what is in development."""
    return {WRITTEN: True} if written_by_migration(before) else {}


def written_by_migration(entry: Entry | None) -> bool:
    """Whether the document that the entry's `target_hash` stands for was written by this migration."""
    return entry is not None and (entry.state is State.MIGRATED or entry.detail.get(WRITTEN) is True)


def was_published(entry: Entry | None) -> bool:
    """Whether what is in development is what this migration published or found equal, by the record before."""
    if entry is None:
        return False
    return entry.state in IN_DEVELOPMENT or written_by_migration(entry) or entry.detail.get(STAYS) is True


def ended(state: State, recorded_by: str, batch: str | None) -> State:
    """A recorded state as a batch sees it, to which what an earlier one migrated is already present."""
    earlier = batch is not None and state is State.MIGRATED and recorded_by != batch
    return State.ALREADY_PRESENT if earlier else state


def stays_in_development(entry: Entry) -> bool:
    """Whether a document that is quarantined or held is known to be in development all the same, under its `_id`."""
    if entry.detail.get(STAYS) is True:
        return True
    earlier = entry.reason in FOUND_BY_PUBLISHING and written_by_migration(entry)
    return earlier or entry.reason in PRESENT_REASONS
