"""Twins: every real upload made two rows, and the one that never completes is merged into the other.

Merging is refused wherever it could be a mistake: more than two rows together, two finished rows, two
unfinished ones, different pets. The same in SQL stands in `sql/classification.sql`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from uuid import UUID

APART = timedelta(seconds=30)
"""Rows of one upload lie seconds apart; a customer's next upload takes longer."""


@dataclass(frozen=True)
class Candidate:
    """What decides whether a row is a twin: unfinished is without picture, order, review, failure or mock-ups."""

    id: UUID
    email: str
    name: str
    pet: str
    created_at: datetime | None
    unfinished: bool
    kept: bool


def find_twins(candidates: Iterable[Candidate]) -> Mapping[UUID, UUID]:
    """The row to merge into, by the id of the twin. ``kept`` rows have a picture, an order or a review."""
    dated = [candidate for candidate in candidates if candidate.created_at is not None]
    dated.sort(key=lambda candidate: (candidate.email, candidate.name, candidate.created_at, candidate.id))
    merged: dict[UUID, UUID] = {}
    for _, rows in groupby(dated, key=lambda candidate: (candidate.email, candidate.name)):
        for cluster in _clusters(list(rows)):
            if len(cluster) == 2:
                merged.update(_merge(*cluster))
    return merged


def _clusters(rows: list[Candidate]) -> list[list[Candidate]]:
    clusters = [[rows[0]]]
    for before, row in pairwise(rows):
        assert before.created_at is not None  # noqa: S101  # only dated rows come here
        assert row.created_at is not None  # noqa: S101
        if row.created_at - before.created_at <= APART:
            clusters[-1].append(row)
        else:
            clusters.append([row])
    return clusters


def _merge(one: Candidate, other: Candidate) -> Mapping[UUID, UUID]:
    if one.pet and other.pet and one.pet != other.pet:
        return {}
    for twin, survivor in ((one, other), (other, one)):
        if twin.unfinished and survivor.kept:
            return {twin.id: survivor.id}
    return {}
