"""Rows of the reports, as the database gives them: one file, picture, record or check each. Values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PlannedItem:
    """What the plan does with one file."""

    item: str
    action: str
    reason: str | None
    size: int
    bucket: str
    stem: str
    owner: str | None
    service: str | None


@dataclass(frozen=True)
class Unmapped:
    """An old id that no mapping names, and how many files it has."""

    id: str
    files: int


@dataclass(frozen=True)
class Upload:
    """One file that was to be uploaded, and what came of it. Sizes in bytes."""

    item: str
    in_backup: bool
    success: bool
    state: str | None
    error: str | None
    source_bytes: int
    bytes: int
    owner: str | None
    service: str | None
    bucket: str | None
    path: str | None
    mime: str | None
    verdict: str | None
    similarity: float | None
    seconds: float | None
    is_preview: bool
    source_hash: str | None
    target_hash: str | None
    old_owner: str | None = None
    """The old id of a service's stylist, where the target knows it."""


@dataclass(frozen=True)
class UploadTotals:
    """What the uploads of a category add up to; bytes and ratio (after / before) of the successful ones."""

    successful: int
    failed: int
    source_bytes: int
    bytes: int
    average_ratio: float
    services: int


@dataclass(frozen=True)
class Quarantined:
    """A file that someone has to look at."""

    item: str
    category: str
    reason: str
    bytes: int | None


@dataclass(frozen=True)
class LeftBackup:
    """A file that has left the backup since it was migrated, and its object, which stands."""

    item: str
    category: str
    bucket: str
    path: str


@dataclass(frozen=True)
class Verdict:
    """A category's newest validation: passed, failed or running; when (ISO 8601) and by which run."""

    category: str
    status: str
    at: str
    run_id: str


@dataclass(frozen=True)
class Check:
    """One question that the newest validation of a category asked: of how many, and how many failed it."""

    category: str
    check: str
    severity: str
    checked: int
    failed: int


@dataclass(frozen=True)
class Failure:
    """Something (a picture, an object, a row, a service, an owner) that failed checks of the newest validation."""

    category: str
    subject: str
    severity: str
    checks: Sequence[str]
