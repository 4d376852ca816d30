"""Reading back everything that was migrated, and laying ledger, Storage and `public.media` side by side.

Nothing is held in memory but the objects that are being read: readings are staged and compared in the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

from migration_kit.chunks import chunked
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import SetDigest, canonical_json
from migration_kit.ledger import Entry, Ledger
from migration_kit.pictures.file_types import sniff
from migration_kit.pictures.isolation import IsolatedWorkers, WorkerDiedError
from migration_kit.progress import track
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.codecs.compress import decodes
from nabo_pipeline.media.reconciliation import ObjectFacts, Reading, Unexplained, Whose, reading, whose
from nabo_pipeline.steps.transfer import stands_for_object
from nabo_pipeline.stores.bucket_listing import stage_listing
from nabo_pipeline.stores.checks import CheckStore
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.storage_errors import MissingError

STAGED_AT_ONCE = 500


@dataclass(frozen=True)
class Verifier:
    """What verification works with; Storage and workers are safe to use from many threads."""

    checks: CheckStore
    storage: Storage
    workers: IsolatedWorkers
    threads: int
    log: Callable[[str], None]


@dataclass(frozen=True)
class Seen:
    """What a verification looked at: the outcomes' fingerprint, objects and bytes read, objects in the bucket."""

    fingerprint: str
    objects: int = 0
    bytes: int = 0
    in_bucket: int = 0


def outcomes_fingerprint(entries: Iterable[Entry]) -> str:
    """Hash of a category's outcomes: a verification stands for these and for no others."""
    digest = SetDigest()
    for _ in _watched(entries, digest):
        pass
    return digest.hexdigest()


def _watched(entries: Iterable[Entry], digest: SetDigest) -> Iterator[Entry]:
    for entry in entries:
        told = [entry.item, str(entry.state), entry.reason, entry.target_hash, dict(entry.detail)]
        digest.add(canonical_json(told))
        yield entry


def verify(  # noqa: PLR0917 - one question with all that it is about
    verifier: Verifier, ledger: Ledger, category: str, bucket: str, standing: int, first_plan: datetime
) -> Seen:
    """Checks everything, not a sample, and stages the checks for the suites.

    `standing`: about how many objects there are. `first_plan`: what is older than that was there before us.
    Raises PermanentError if the outcomes changed meanwhile: there is no verdict on what was not looked at.
    """
    checks, digest, objects, size = verifier.checks, SetDigest(), 0, 0
    # The listing first: what is sent from now on is not in it, and its outcome is noticed at the end.
    in_bucket = stage_listing(checks.connection, verifier.storage, bucket)
    with item_executor("thread", verifier.threads) as executor:
        outcomes = _watched(ledger.entries(partition=category), digest)
        looked = bounded_map(
            executor,
            lambda entry: _look(verifier, entry),
            (entry for entry in outcomes if stands_for_object(entry)),
            window=2 * verifier.threads,
        )
        told = track(looked, total=standing, log=verifier.log, what=f"reading {category} objects back")
        for chunk in chunked((future.result() for _, future in told), STAGED_AT_ONCE):
            checks.add(one for one, _ in chunk)
            objects, size = objects + len(chunk), size + sum(read for _, read in chunk)
        checks.compare(category, bucket)
        _ask_whose(verifier, executor, category, bucket, first_plan)
    if outcomes_fingerprint(ledger.entries(partition=category)) != digest.hexdigest():
        raise PermanentError(
            "outcomes changed while they were verified",
            item=category,
            remedy=f"Wait until nothing migrates {category}, then materialise nabo/media_validation again.",
        )
    return Seen(digest.hexdigest(), objects, size, in_bucket)


def _look(verifier: Verifier, entry: Entry) -> tuple[Reading, int]:
    """What an object is now, and how many bytes were read of it."""
    try:
        data = verifier.storage.download(entry.detail["bucket"], entry.detail["path"])
    except MissingError:
        return reading(entry, None), 0
    mime = sniff(data).mime
    try:
        sound = verifier.workers.run(decodes, (data, mime))
    except (WorkerDiedError, MemoryError):
        sound = False
    return reading(entry, ObjectFacts(hashlib.sha256(data).hexdigest(), mime, sound)), len(data)


def _ask_whose(
    verifier: Verifier, executor: Executor, category: str, bucket: str, first_plan: datetime
) -> None:
    """Looks at each object that nothing explains: ours are failures, others' are listed and left alone."""
    found = unexplained(verifier.checks, verifier.storage, executor, bucket, verifier.threads, first_plan)
    for answers in chunked(found, STAGED_AT_ONCE):
        ours = [(path, str(owner)) for path, owner, _ in answers if owner is not Whose.OTHERS]
        others = [(path, at) for path, owner, at in answers if owner is Whose.OTHERS]
        verifier.checks.add_stray_objects(category, ours)
        verifier.checks.add_objects_of_others(category, others)


def unexplained(  # noqa: PLR0917 - one question with all that it is about
    checks: CheckStore,
    storage: Storage,
    executor: Executor,
    bucket: str,
    threads: int,
    first_plan: datetime | None,
) -> Iterator[tuple[str, Whose, datetime | None]]:
    """Path, owner and time of creation of each object that `checks` found unexplained, as Storage tells of it."""

    def ask(found: Unexplained) -> tuple[Whose, datetime | None] | None:
        try:
            marked, created_at = storage.origin(bucket, found.path)
        except MissingError:
            return None  # it went since it was listed
        return whose(found, marked=marked, created_at=created_at, first_plan=first_plan), created_at

    for found, future in bounded_map(executor, ask, checks.unexplained(), window=4 * threads):
        answer = future.result()
        if answer is not None:
            yield found.path, *answer
