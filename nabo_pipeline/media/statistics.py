"""Figures of a migration: groups of files, bytes before and after, distributions. Arithmetic on a few rows each.

The rows are counted where the files are (in the database), never file by file here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migration_kit.accounting import Accounting, State
from nabo_pipeline.media.compression import saving

DONE = (State.MIGRATED, State.ALREADY_PRESENT)


@dataclass(frozen=True)
class Group:
    """Files of one category that share a state (or a plan's action) and a reason; bytes as in the backup."""

    category: str
    reason: str | None
    files: int
    bytes: int
    state: str | None = None


@dataclass(frozen=True)
class Compression:
    """Migrated files of one category, type and verdict, with their bytes before and after."""

    category: str
    source_type: str
    verdict: str
    files: int
    source_bytes: int
    bytes: int


@dataclass(frozen=True)
class Sizes:
    """Bytes of some files before and after. `saved_percent` is negative where they grew."""

    files: int = 0
    before: int = 0
    after: int = 0

    def __add__(self, other: Sizes) -> Sizes:
        return Sizes(self.files + other.files, self.before + other.before, self.after + other.after)

    @property
    def saved(self) -> int:
        """Bytes saved."""
        return self.before - self.after

    @property
    def saved_percent(self) -> float:
        """Percent of the bytes saved."""
        return saving(self.before, self.after)


@dataclass(frozen=True)
class Bin:
    """Files of a histogram's bar, from `low` (None: no bound) to below `high`."""

    low: float | None
    high: float
    files: int


@dataclass(frozen=True)
class Done:
    """One migrated picture. `similarity` as SSIM (0 to 1), None where no pixel was changed; `saved` in percent."""

    item: str
    category: str
    source_type: str
    stored_type: str
    verdict: str
    similarity: float | None
    source_bytes: int
    bytes: int
    saved: float
    bucket: str
    path: str


def sizes_by(groups: Iterable[Compression], key: Callable[[Compression], str]) -> dict[str, Sizes]:
    """Bytes before and after by a key of the groups, the largest first."""
    found: dict[str, Sizes] = {}
    for group in groups:
        name = key(group)
        found[name] = found.get(name, Sizes()) + Sizes(group.files, group.source_bytes, group.bytes)
    return dict(sorted(found.items(), key=lambda one: (-one[1].before, one[0])))


def total_sizes(groups: Iterable[Compression]) -> Sizes:
    """Bytes before and after of all groups."""
    return sum((Sizes(one.files, one.source_bytes, one.bytes) for one in groups), Sizes())


SAVED_BINS = 20
SIMILARITY_FROM, SIMILARITY_BINS = 0.9, 20
"""Of the histograms; a bin's number is 0 below the first bound, and 1 from it on."""


def saved_histogram(files: Mapping[int, int]) -> list[Bin]:
    """Files, counted by the number of their bin, by percent of the bytes saved; first those that grew."""
    return _bins(files, 0, 100, SAVED_BINS)


def similarity_histogram(files: Mapping[int | None, int]) -> list[Bin]:
    """Files, counted by the number of their bin, by similarity; first those below the least that is expected."""
    return _bins(files, SIMILARITY_FROM, 1, SIMILARITY_BINS)


def _bins(files: Mapping[Any, int], lowest: float, highest: float, bins: int) -> list[Bin]:
    bounds = [round(lowest + (highest - lowest) * number / bins, 4) for number in range(bins + 1)]
    below = [Bin(None, bounds[0], files[0])] if 0 in files else []
    return below + [
        Bin(bounds[number - 1], bounds[number], files.get(number, 0)) for number in range(1, bins + 1)
    ]


def by_state(groups: Iterable[Group], state: State) -> list[Group]:
    """The groups of one state, the most files first."""
    return sorted(
        (one for one in groups if one.state == state), key=lambda one: (-one.files, one.reason or "")
    )


def accounts_of(groups: Sequence[Group], categories: Sequence[str]) -> Mapping[str, Accounting]:
    """The accounting of each category from its outcomes; files without one make its remainder."""
    accounts = {}
    for category in categories:
        own = [one for one in groups if one.category == category]
        ended = [(one.state, one.reason, one.files) for one in own if one.state]
        accounts[category] = Accounting.from_counts(sum(one.files for one in own), ended)
    return accounts


def human_bytes(size: float) -> str:
    """Bytes as people read them: `3.1 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
