"""Three accounts of the same pictures laid side by side: the ledger, Storage and `public.media`.

Pure comparison of everything, in both directions. Reading the three is the stores' work; judging the outcome is the
suites' (each comparison becomes one row whose columns must all be true).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from nabo_pipeline.media.records import MediaRow, media_id


@dataclass(frozen=True)
class Expected:
    """What the ledger says of one migrated file."""

    item: str
    bucket: str
    path: str
    sha256: str
    row: MediaRow | None


@dataclass(frozen=True)
class ObjectFacts:
    """What Storage gave when the object was read: hash of its bytes, and whether they decode as a picture."""

    sha256: str
    decodes: bool
    content_type_fits: bool


@dataclass(frozen=True)
class PictureCheck:
    """One picture under all questions; each must be true. `subject` names it for people."""

    subject: str
    in_ledger: bool
    object_found: bool
    object_equals_ledger: bool
    object_decodes: bool
    content_type_fits: bool
    row_found: bool
    row_equals_ledger: bool
    parents_exist: bool


@dataclass(frozen=True)
class ServiceCheck:
    """One service's gallery."""

    service: str
    previews: int
    created_at_increases: bool


@dataclass(frozen=True)
class OwnerCheck:
    """One owner's avatars."""

    owner: str
    avatars: int


def check_pictures(
    bucket: str,
    *,
    expected: Iterable[Expected],
    objects: Mapping[str, ObjectFacts],
    found_paths: Iterable[str],
    rows: Sequence[MediaRow],
    parents: Mapping[str, bool],
) -> list[PictureCheck]:
    """Every picture that any of the three accounts knows.

    `objects`: facts by path, of those that could be read. `found_paths`: every object in the folders of this
    migration. `rows`: every media row of these owners, services and messages. `parents`: row id -> whether what it
    refers to exists. Rows and objects of others (the id is not the one this migration gives that path) are theirs.
    """
    by_path: dict[str, list[MediaRow]] = defaultdict(list)
    for row in rows:
        by_path[row.file_path].append(row)
    checks = []
    known_paths, known_rows = set(), set()
    for one in expected:
        known_paths.add(one.path)
        known_rows.add(one.row.id if one.row else "")
        checks.append(_check(one, objects.get(one.path), by_path[one.path], parents))
    claimed = {row.file_path for row in rows if row.id != media_id(bucket, row.file_path)}
    checks += [
        _orphan(f"object {path}", object_found=True, row_found=path in by_path)
        for path in sorted(set(found_paths) - known_paths - claimed)
    ]
    return checks + [
        _orphan(f"row {row.id} ({row.file_path})", object_found=False, row_found=True)
        for row in rows
        if row.id == media_id(bucket, row.file_path) and row.id not in known_rows
    ]


def _check(
    one: Expected, facts: ObjectFacts | None, rows: Sequence[MediaRow], parents: Mapping[str, bool]
) -> PictureCheck:
    mine = [row for row in rows if one.row is not None and row.id == one.row.id]
    return PictureCheck(
        one.item,
        in_ledger=True,
        object_found=facts is not None,
        object_equals_ledger=facts is not None and facts.sha256 == one.sha256,
        object_decodes=facts is not None and facts.decodes,
        content_type_fits=facts is not None and facts.content_type_fits,
        row_found=bool(mine),
        # A second row for the same object shows the picture twice: that is no match either.
        row_equals_ledger=mine == [one.row] and len(rows) == 1,
        parents_exist=bool(mine) and parents.get(mine[0].id, False),
    )


def _orphan(subject: str, *, object_found: bool, row_found: bool) -> PictureCheck:
    return PictureCheck(
        subject, in_ledger=False, object_found=object_found, object_equals_ledger=False, object_decodes=True,
        content_type_fits=True, row_found=row_found, row_equals_ledger=False, parents_exist=True,
    )  # fmt: skip


def check_services(
    services: Iterable[str], rows: Sequence[MediaRow], ours: Mapping[str, Sequence[str]]
) -> list[ServiceCheck]:
    """Every service that received pictures. `ours`: service -> the ids of this migration's rows, in path order."""
    previews = Counter(row.service_id for row in rows if row.is_preview_image)
    created: dict[str, datetime] = {row.id: row.created_at for row in rows}
    checks = []
    for service in sorted(services):
        times = [created[row] for row in ours.get(service, ()) if row in created]
        increases = all(earlier < later for earlier, later in pairwise(times))
        checks.append(ServiceCheck(service, previews[service], increases))
    return checks


def check_owners(owners: Iterable[str], rows: Iterable[MediaRow]) -> list[OwnerCheck]:
    """Every owner that received an avatar: the app shows it only if there is exactly one row."""
    avatars = Counter(row.owner_id for row in rows if row.media_type == "avatar")
    return [OwnerCheck(owner, avatars[owner]) for owner in sorted(owners)]
