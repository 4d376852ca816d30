"""The ledger: one record per item in the target's own store, and the plans, verdicts and publications beside them.

The shape and the promises stand here; ``postgres`` and ``mongo`` keep them. What an item is, and what its
detail holds, is the pipeline's matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from migration_kit.accounting import State
from migration_kit.gates import Gate, Verdict

CHUNK = 1_000
"""Records written in one round trip."""


@dataclass(frozen=True)
class Entry:
    """Where one item ended: its state and reason, what was read and written (hashes), and by which run."""

    item: str
    partition: str
    state: State
    reason: str | None = None
    source_hash: str | None = None
    target_hash: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    batch_id: str = ""


@dataclass(frozen=True)
class Plan:
    """What would be done in one partition, and the fingerprint of the source that it was made from."""

    partition: str
    fingerprint: str
    source_fingerprint: str
    items: int
    summary: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""


class Ledger(Protocol):
    """What every ledger promises.

    A record that says the same already is never rewritten: it keeps its run, its batch and its times, so
    a second run writes nothing and the first one's trace stays.
    """

    def install(self) -> None:
        """Make the ledger's tables or collections where they are missing."""

    def record(self, entries: Iterable[Entry]) -> int:
        """Insert or update the entries by item, in chunks, and return how many were written."""

    def entry(self, item: str) -> Entry | None:
        """The item's record, if it has one."""

    def entries(
        self,
        *,
        partition: str | None = None,
        states: Sequence[State] | None = None,
        items: Sequence[str] | None = None,
    ) -> Iterator[Entry]:
        """Records in the order of their items, streamed; with ``items`` only theirs, as far as they have one."""

    def counts(
        self, *, partition: str | None = None, batch_id: str | None = None
    ) -> list[tuple[State, str | None, int]]:
        """Items by state and reason.

        With ``batch_id`` what an earlier batch migrated or merged counts as already present: the answer
        is then what this batch did, and still adds up to the whole.
        """

    def save_plan(self, plan: Plan) -> None:
        """Keep the partition's newest plan."""

    def plan(self, partition: str) -> Plan | None:
        """The partition's newest plan."""

    def begin_verdict(self, stage: str, partition: str, candidate: str, run_id: str) -> None:
        """Say that a validation has begun: until it ends, the gate of this partition is closed."""

    def record_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict as the newest of its stage and partition."""

    def publish(self, verdict: Verdict) -> None:
        """Keep a passed verdict and the publication of its candidate, both or neither."""

    def verdicts(self, stage: str) -> dict[str, Verdict]:
        """The newest verdict of each partition."""

    def publications(self, stage: str) -> dict[str, str]:
        """The newest published candidate of each partition."""

    def gate(self, stage: str, needed: Sequence[str]) -> Gate:
        """Judge whether the needed partitions of the stage may be built upon."""

    def close(self) -> None:
        """Give the connection back."""
