"""Before and after, for people: which pictures to show, and the sheet of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from migration_kit.ledger import Entry
from nabo_pipeline.codecs.isolation import IsolatedWorkers, WorkerDiedError
from nabo_pipeline.codecs.sheet import Pair, contact_sheet
from nabo_pipeline.media.compression import saving
from nabo_pipeline.media.file_types import sniff
from nabo_pipeline.stores.backup import Backup
from nabo_pipeline.stores.storage import Storage

EACH = 3
LARGEST = 25 * 1_048_576


def choose(entries: Sequence[Entry]) -> list[tuple[str, Entry]]:
    """(caption, entry): the worst similarity, the largest saving, and some at random (the same in every run)."""
    lossy = [entry for entry in entries if (entry.detail.get("similarity") or 1.0) < 1.0]
    worst = sorted(lossy, key=lambda entry: (entry.detail["similarity"], entry.item))[:EACH]
    by_saving = sorted(entries, key=lambda entry: (-_saved(entry), entry.item))[:EACH]
    some = random.Random(len(entries)).sample(list(entries), min(EACH, len(entries)))  # noqa: S311 - a sample to look at
    chosen = [(f"similarity {entry.detail['similarity']:.3f}", entry) for entry in worst]
    chosen += [(f"saved {_saved(entry):.0f}%", entry) for entry in by_saving]
    return chosen + [(f"at random, saved {_saved(entry):.0f}%", entry) for entry in some]


def _saved(entry: Entry) -> float:
    return saving(int(entry.detail["source_bytes"]), int(entry.detail["bytes"]))


def before_and_after(
    entries: Sequence[Entry], backup: Backup, storage: Storage, workers: IsolatedWorkers
) -> bytes | None:
    """A small JPEG that shows source and target of a few pictures side by side, None where there is none to show."""
    pairs = []
    for caption, entry in choose(entries):
        before = backup.read(entry.item, at_most=LARGEST)
        after = storage.download(entry.detail["bucket"], entry.detail["path"])
        pairs.append(Pair(caption, before, sniff(before).mime, after, sniff(after).mime))
    if not pairs:
        return None
    try:
        return workers.run(contact_sheet, tuple(pairs))
    except (WorkerDiedError, MemoryError):
        return None
