"""How the rows are cut into slices: by month of creation, or into buckets by their ids. Every row is in exactly one.

Months are what people think in, and what a shop of a few years needs. Buckets are of one size whatever the shop's
history looks like: for large tables, and where most rows are of one month. The same in SQL is rendered from here by
`stores.rendering`; months themselves are `months`' knowledge.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime

from artwork_pipeline.artworks import months
from migration_kit.failures import PermanentError

VARIABLE = "ARTWORK_PARTITIONS"
MONTHS = "months"
MOST_BUCKETS = 256
_HASH = re.compile(r"hash:([0-9]{1,3})", re.ASCII)


@dataclass(frozen=True)
class Slicing:
    """A way of cutting; ``buckets``: how many (count), or ``None`` for months."""

    buckets: int | None = None

    def __str__(self) -> str:
        return MONTHS if self.buckets is None else f"hash:{self.buckets}"

    @property
    def names(self) -> tuple[str, ...]:
        """All slices, in the order in which they are worked off."""
        if self.buckets is None:
            return months.SLICES
        return tuple(f"bucket-{number:03}" for number in range(self.buckets))

    def slice_of(self, artwork_id: uuid.UUID, created_at: datetime | None) -> str:
        """The slice of a row by its id and its time of creation (time zone aware, or unknown)."""
        if self.buckets is None:
            return months.slice_of(created_at)
        return self.names[bucket_of(artwork_id, self.buckets)]


BY_MONTH = Slicing()


def bucket_of(artwork_id: uuid.UUID, buckets: int) -> int:
    """Which of so many buckets the id belongs to, from 0 on.

    Bytes that vary in UUIDs of every version: of random ones all do, of those made of the time and a machine's address
    the one half, of those that count up the other.
    """
    data = artwork_id.bytes
    return ((data[2] ^ data[14]) << 8 | (data[3] ^ data[15])) % buckets


def slicing_of(setting: str | None) -> Slicing:
    """The way of cutting that the setting names; months where it is unset.

    Raises:
        PermanentError: the setting names none.
    """
    given = (setting or "").strip()
    if given in {"", MONTHS}:
        return BY_MONTH
    found = _HASH.fullmatch(given)
    buckets = int(found.group(1)) if found else 0
    if not 2 <= buckets <= MOST_BUCKETS:
        raise PermanentError(
            f"the value {given[:20]!r} is no way of cutting the artworks into partitions",
            item=VARIABLE,
            remedy=f"Set it to {MONTHS}, or to hash:N with N from 2 to {MOST_BUCKETS}, as hash:16",
        )
    return Slicing(buckets)
