"""Reading back everything that was migrated, and laying ledger, Storage and `public.media` side by side."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from migration_kit.fingerprints import combine, fingerprint
from migration_kit.ledger import Entry
from migration_kit.progress import track
from migration_kit.workers import bounded_map, item_executor
from nabo_pipeline.codecs.compress import decodes
from nabo_pipeline.codecs.isolation import IsolatedWorkers, WorkerDiedError
from nabo_pipeline.media.file_types import sniff
from nabo_pipeline.media.reconciliation import (
    Expected,
    ObjectFacts,
    OwnerCheck,
    PictureCheck,
    ServiceCheck,
    check_owners,
    check_pictures,
    check_services,
)
from nabo_pipeline.media.records import MediaRow
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.storage_errors import MissingError
from nabo_pipeline.stores.target import Target


@dataclass(frozen=True)
class Reader:
    """What verification works with; Storage and workers are safe to use from many threads."""

    target: Target
    storage: Storage
    workers: IsolatedWorkers
    threads: int
    log: Callable[[str], None]


@dataclass(frozen=True)
class Findings:
    """Every picture, service and owner of a category under its questions."""

    pictures: tuple[PictureCheck, ...]
    services: tuple[ServiceCheck, ...]
    owners: tuple[OwnerCheck, ...]
    bytes_read: int


def outcomes_fingerprint(entries: Iterable[Entry]) -> str:
    """Hash of a category's outcomes, in the order of the items: a verification stands for these and for no others."""
    return combine(
        fingerprint([entry.item, str(entry.state), entry.reason, entry.target_hash, dict(entry.detail)])
        for entry in entries
    )


def verify(reader: Reader, bucket: str, media_type: str, entries: Sequence[Entry]) -> Findings:
    """Checks everything, not a sample. `entries`: those of one category that stand for an object."""
    expected = [_expected(entry) for entry in entries]
    folders = sorted({one.path.split("/", 1)[0] for one in expected})
    types = _content_types(reader, bucket, folders)
    facts, bytes_read = _read_all(reader, expected, types)
    rows = _rows(media_type, expected, reader.target)
    parents = reader.target.parents(rows)
    pictures = check_pictures(
        bucket,
        expected=expected,
        objects=facts,
        found_paths=types,
        rows=rows,
        parents={row.id: parents.hold(row) for row in rows},
    )
    ours: dict[str, list[str]] = defaultdict(list)
    for entry, one in zip(entries, expected, strict=True):
        if entry.detail.get("service") and one.row is not None:
            ours[str(entry.detail["service"])].append(one.row.id)
    owners = {str(entry.detail["owner"]) for entry in entries if media_type == "avatar"}
    return Findings(
        tuple(pictures),
        tuple(check_services(ours, rows, ours)),
        tuple(check_owners(owners, rows)),
        bytes_read,
    )


def _expected(entry: Entry) -> Expected:
    detail = entry.detail
    told = detail.get("row")
    row = None
    if told is not None:
        row = MediaRow(
            told["id"], datetime.fromisoformat(told["created_at"]), detail["path"], detail["media_type"],
            detail["owner"], detail["service"], detail["chat_message"], told["is_preview_image"],
        )  # fmt: skip
    return Expected(entry.item, detail["bucket"], detail["path"], entry.target_hash or "", row)


def _content_types(reader: Reader, bucket: str, folders: Sequence[str]) -> dict[str, str]:
    """Path -> content type of every object in the folders that this migration writes to."""
    found: dict[str, str] = {}
    with item_executor("thread", reader.threads) as executor:
        listings = bounded_map(
            executor,
            lambda folder: reader.storage.content_types(bucket, folder),
            folders,
            window=4 * reader.threads,
        )
        for _, future in listings:
            found |= future.result()
    return found


def _read_all(
    reader: Reader, expected: Sequence[Expected], types: dict[str, str]
) -> tuple[dict[str, ObjectFacts], int]:
    def read(one: Expected) -> tuple[ObjectFacts, int] | None:
        try:
            data = reader.storage.download(one.bucket, one.path)
        except MissingError:
            return None
        mime = sniff(data).mime
        try:
            sound = reader.workers.run(decodes, (data, mime))
        except (WorkerDiedError, MemoryError):
            sound = False
        fits = types.get(one.path) == mime
        return ObjectFacts(hashlib.sha256(data).hexdigest(), sound, fits), len(data)

    facts: dict[str, ObjectFacts] = {}
    size = 0
    with item_executor("thread", reader.threads) as executor:
        reads = bounded_map(executor, read, expected, window=2 * reader.threads)
        for one, future in track(reads, total=len(expected), log=reader.log, what="reading objects back"):
            answer = future.result()
            if answer is not None:
                facts[one.path], size = answer[0], size + answer[1]
    return facts, size


def _rows(media_type: str, expected: Sequence[Expected], target: Target) -> list[MediaRow]:
    """Every row that shows one of these objects or belongs to one of these owners, services or messages."""
    told = [one.row for one in expected if one.row is not None]
    found = {row.id: row for row in target.media_by_path(media_type, [one.path for one in expected])}
    if media_type == "avatar":
        rows = target.media_of(media_type, owners={row.owner_id for row in told if row.owner_id})
    elif media_type == "service_image":
        rows = target.media_of(media_type, services={row.service_id for row in told if row.service_id})
    else:
        rows = target.media_of(
            media_type, messages={row.chat_message_id for row in told if row.chat_message_id}
        )
    found |= {row.id: row for row in rows}
    return [found[key] for key in sorted(found)]
