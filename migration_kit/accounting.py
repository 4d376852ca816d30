"""The accounting of a migration: every item of the source ends in exactly one state.

Pure arithmetic. Where the counts come from (a ledger, an inventory) does not belong here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from migration_kit.failures import PermanentError

UNNAMED = "no reason recorded"


class State(StrEnum):
    """Where an item ended."""

    MIGRATED = "migrated"
    ALREADY_PRESENT = "already_present"
    EXCLUDED = "excluded"
    QUARANTINED = "quarantined"
    HELD = "held"
    MERGED = "merged"


WITH_REASON = (State.EXCLUDED, State.QUARANTINED, State.HELD)


def _reasons() -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Accounting:
    """Items of a source (count) and the states in which they ended (counts, by reason where one is due)."""

    source: int
    migrated: int = 0
    already_present: int = 0
    excluded: Mapping[str, int] = field(default_factory=_reasons)
    quarantined: Mapping[str, int] = field(default_factory=_reasons)
    held: Mapping[str, int] = field(default_factory=_reasons)
    merged: int = 0

    @classmethod
    def from_counts(cls, source: int, counts: Iterable[tuple[State | str, str | None, int]]) -> "Accounting":
        """Add up ``(state, reason, items)`` rows as a ledger counts them.

        Raises:
            ValueError: a row names a state that does not exist.
        """
        totals: Counter[State] = Counter()
        reasons: dict[State, Counter[str]] = {state: Counter() for state in WITH_REASON}
        for name, reason, items in counts:
            state = State(name)
            if state in reasons:
                reasons[state][reason or UNNAMED] += items
            else:
                totals[state] += items
        return cls(
            source=source,
            migrated=totals[State.MIGRATED],
            already_present=totals[State.ALREADY_PRESENT],
            excluded=dict(sorted(reasons[State.EXCLUDED].items())),
            quarantined=dict(sorted(reasons[State.QUARANTINED].items())),
            held=dict(sorted(reasons[State.HELD].items())),
            merged=totals[State.MERGED],
        )

    @property
    def accounted(self) -> int:
        """Items that ended in a state."""
        with_reason = sum(sum(reasons.values()) for reasons in (self.excluded, self.quarantined, self.held))
        return self.migrated + self.already_present + with_reason + self.merged

    @property
    def remainder(self) -> int:
        """Items of the source without a state; negative when more states are recorded than items exist."""
        return self.source - self.accounted

    @property
    def balanced(self) -> bool:
        """Whether every item of the source ended in exactly one state."""
        return self.remainder == 0

    def __add__(self, other: "Accounting") -> "Accounting":
        return Accounting(
            source=self.source + other.source,
            migrated=self.migrated + other.migrated,
            already_present=self.already_present + other.already_present,
            excluded=_add(self.excluded, other.excluded),
            quarantined=_add(self.quarantined, other.quarantined),
            held=_add(self.held, other.held),
            merged=self.merged + other.merged,
        )

    def to_dict(self) -> dict[str, Any]:
        """The accounting as JSON-ready values, with its verdict ``balanced``."""
        return {
            "source": self.source,
            "migrated": self.migrated,
            "already_present": self.already_present,
            "excluded": dict(self.excluded),
            "quarantined": dict(self.quarantined),
            "held": dict(self.held),
            "merged": self.merged,
            "balanced": self.balanced,
        }


def _add(left: Mapping[str, int], right: Mapping[str, int]) -> Mapping[str, int]:
    return dict(sorted((Counter(left) + Counter(right)).items()))


def require_balanced(accounting: Accounting, *, where: str, source_may_be_empty: bool = False) -> None:
    """Refuse an accounting with a remainder, and an empty source that nobody declared empty.

    Raises:
        PermanentError: naming ``where``, the remainder and what to do.
    """
    if accounting.source == 0 and not source_may_be_empty:
        raise PermanentError(
            "the source is empty",
            item=where,
            remedy="Check that the source's address is right; an empty source is never taken for a finished one",
        )
    if accounting.balanced:
        return
    if accounting.remainder > 0:
        reason = f"{accounting.remainder} of {accounting.source} items have no outcome"
        remedy = "Run the apply stage of this partition again; it takes up the items without an outcome"
    else:
        reason = f"{accounting.accounted} outcomes are recorded for {accounting.source} items"
        remedy = "Items have left the source since they were migrated; compare the ledger with the inventory"
    raise PermanentError(reason, item=where, remedy=remedy)
