"""What is asked by night and after a failure: which categories are worth another run, and whether all are verified.

Looks at ledger, plan and mappings; writes nothing. What Dagster knows of runs is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from migration_kit.fingerprints import combine
from migration_kit.gates import Gate, judge
from migration_kit.ledger.postgres import PostgresLedger
from migration_kit.pictures import isolation
from nabo_pipeline.media.mappings import Mappings
from nabo_pipeline.media.paths import CATEGORIES
from nabo_pipeline.stores.appeared import Appeared, appeared
from nabo_pipeline.stores.unfinished import Progress, ledger_to_look_at, progress

PLAN, VERIFY = "plan", "verify"
REPORT = ""
"""Among what failed: the report, which has no partition."""

WORTH_ANOTHER_TRY = (
    "Source cannot be read",
    "Source changed since the plan",
    "The object read back differs",
    isolation.TOO_SLOW,
)
"""How reasons of quarantined files begin that may not come again: a store, a moment, a busy machine was in the way."""


@dataclass(frozen=True)
class Again:
    """What is to be run again, with reasons by category; what failed and is left alone now; whether the report is due.

    The key `REPORT` stands for the report alone.
    """

    why: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    report: bool

    @property
    def categories(self) -> list[str]:
        """The categories to run again, in their order."""
        return [name for name in CATEGORIES if name in self.why]


@dataclass(frozen=True)
class Verified:
    """The gate before the report; where it is open, what it stands for and the run of the newest verdict."""

    gate: Gate
    fingerprint: str
    newest_run: str


def what_to_run_again(
    conninfo: str, mappings: Mappings, failed: Mapping[str, Sequence[str]], busy: Mapping[str, str]
) -> Again:
    """Judges every category. `failed`: assets whose newest run failed, by category, in their order; `busy`: in work.

    A category that nobody has begun, or that a rollback took back, has not failed.
    """
    now_possible, known = appeared(conninfo, mappings), progress(conninfo)
    with ledger_to_look_at(conninfo) as ledger:
        stages = _closed(ledger)
    why: dict[str, tuple[str, ...]] = {}
    for name in CATEGORIES:
        reasons = (
            *(f"the newest run failed at {asset}" for asset in failed.get(name, ())[:1]),
            *stages.get(name, ()),
            *_of_files(known.get(name, Progress()), now_possible.get(name)),
        )
        if reasons:
            why[name] = reasons
    left_out = {name: busy[name] for name in why if name in busy}
    again = {name: reasons for name, reasons in why.items() if name not in busy}
    would_be_whole = not left_out and _others_verified(conninfo, again)
    if failed.get(REPORT) and not again and REPORT not in busy and would_be_whole:
        again[REPORT] = ("the newest report failed",)
    return Again(again, left_out, report=bool(again) and would_be_whole)


def verified(conninfo: str) -> Verified | None:
    """Whether every category's newest validation passed; None before the first migration."""
    with ledger_to_look_at(conninfo) as ledger:
        if ledger is None:
            return None
        gate, verdicts = ledger.gate(VERIFY, CATEGORIES), ledger.verdicts(VERIFY)
    newest = max(verdicts.values(), key=lambda verdict: verdict.at, default=None)
    fingerprint = combine(gate.accepted[name] for name in CATEGORIES) if gate.open else ""
    return Verified(gate, fingerprint, newest.run_id if newest else "")


def _closed(ledger: PostgresLedger | None) -> dict[str, list[str]]:
    """Why the gates of plan and verification are closed, of categories that were planned or verified at all."""
    found: dict[str, list[str]] = {}
    if ledger is None:
        return found
    for stage in (PLAN, VERIFY):
        verdicts = ledger.verdicts(stage)
        gate = judge(stage, sorted(verdicts), verdicts, ledger.publications(stage))
        for closed in gate.closed:
            found.setdefault(closed.partition, []).append(f"{stage}: {closed.why}")
    return found


def _of_files(known: Progress, now_possible: Appeared | None) -> Iterable[str]:
    # A plan without a single outcome is one that somebody only looked at.
    lost = known.missing - known.taken_back
    if known.settled and lost:
        yield f"{lost} files have no outcome"
    for reason, files in sorted(known.quarantined.items()):
        if reason.startswith(WORTH_ANOTHER_TRY):
            yield f"{files} quarantined: {reason}"
    if now_possible is not None:
        yield f"{now_possible.files} left out whose mapping or target has appeared"


def _others_verified(conninfo: str, again: Mapping[str, object]) -> bool:
    """Whether all other categories are verified, so that the report can follow."""
    with ledger_to_look_at(conninfo) as ledger:
        if ledger is None:
            return False
        return ledger.gate(VERIFY, [name for name in CATEGORIES if name not in again]).open
