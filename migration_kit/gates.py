"""The gate between stages: a partition is open when its newest verdict passed and stands for what is published.

Pure judgement over verdicts and publications. Where they are kept is the ledger's matter; how a closed
gate fails a run is orchestration's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class VerdictStatus(StrEnum):
    """How far a validation came; ROLLED_BACK: what it stood for has been taken back since."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class Verdict:
    """What the validation of a stage's candidate (a fingerprint) in one partition found."""

    stage: str
    partition: str
    candidate: str
    status: VerdictStatus
    run_id: str
    at: datetime

    @classmethod
    def now(cls, stage: str, partition: str, candidate: str, status: VerdictStatus, run_id: str) -> "Verdict":
        """A verdict given at this moment (UTC)."""
        return cls(stage, partition, candidate, status, run_id, datetime.now(UTC))


@dataclass(frozen=True)
class ClosedPartition:
    """A partition that keeps a gate closed, and why."""

    partition: str
    why: str

    def __str__(self) -> str:
        return f"{self.partition}: {self.why}"


@dataclass(frozen=True)
class Gate:
    """A stage's gate: closed partitions with their reasons, accepted ones with what was published."""

    stage: str
    closed: tuple[ClosedPartition, ...]
    accepted: Mapping[str, str]

    @property
    def open(self) -> bool:
        """Whether every needed partition was accepted."""
        return not self.closed


def judge(
    stage: str, needed: Sequence[str], verdicts: Mapping[str, Verdict], publications: Mapping[str, str]
) -> Gate:
    """Judge the needed partitions by their newest verdict and newest publication (both by partition)."""
    closed: list[ClosedPartition] = []
    accepted: dict[str, str] = {}
    for partition in needed:
        why = _why_closed(verdicts.get(partition), publications.get(partition))
        if why:
            closed.append(ClosedPartition(partition, why))
        else:
            accepted[partition] = publications[partition]
    return Gate(stage, tuple(closed), accepted)


def _why_closed(verdict: Verdict | None, publication: str | None) -> str | None:
    if verdict is None:
        return "never checked"
    if verdict.status is VerdictStatus.FAILED:
        return f"its newest checks failed (run {verdict.run_id})"
    if verdict.status is VerdictStatus.RUNNING:
        return f"its checks are running, or run {verdict.run_id} was lost before they ended"
    if verdict.status is VerdictStatus.ROLLED_BACK:
        return f"rolled back at {verdict.at:%Y-%m-%d %H:%M} UTC by run {verdict.run_id}"
    if publication is None:
        return "checked, but nothing was published"
    stale = "stale: something else was published since its checks passed"
    return stale if verdict.candidate != publication else None
