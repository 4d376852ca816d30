"""The gate in Dagster: stage -> validate -> raise, or publish; and the same question asked by who comes after.

A blocking check alone is no gate: it stops only what runs on the same partition in the same run. So a failed
suite raises before anything is published, and who needs other partitions asks the ledger.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from migration_kit.gates import Gate, Verdict, VerdictStatus
from migration_kit.ledger import Ledger
from migration_kit.orchestration.metadata import suite_metadata
from migration_kit.redaction import redact
from migration_kit.suites import Suite, SuiteReport

MOST_NAMED = 12


def gate_check_specs(
    asset_key: dg.AssetKey | Sequence[str], suites: Sequence[Suite]
) -> list[dg.AssetCheckSpec]:
    """One blocking check per suite, for the asset that yields their results itself."""
    key = _key(asset_key)
    return [
        dg.AssetCheckSpec(
            suite.name, asset=key, blocking=True, description="; ".join(one.name for one in suite.all_rules)
        )
        for suite in suites
    ]


def validate_then_publish(
    context: dg.AssetExecutionContext,
    *,
    ledger: Ledger,
    stage: str,
    partition: str,
    candidate: str,
    asset_key: dg.AssetKey | Sequence[str],
    validate: Callable[[], Sequence[SuiteReport]],
    publish: Callable[[], Mapping[str, Any]],
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """Validate the staged candidate (a fingerprint) and publish it, or fail the partition with nothing published.

    The verdict reads *running* from the beginning on: a run that is lost in the middle leaves the gate closed.
    Yields the check results, and on success the materialisation with what ``publish`` returns as metadata.

    Raises:
        dagster.Failure: a suite failed (names the suites, the rules and the first rows that broke them), or the
            partition was rolled back while it was published.
    """
    key = _key(asset_key)
    ledger.begin_verdict(stage, partition, candidate, context.run.run_id)
    reports = validate()
    checks = [_check_result(key, partition, report) for report in reports]
    failed = [report for report in reports if not report.passed]
    if failed or not reports:
        ledger.record_verdict(
            Verdict.now(stage, partition, candidate, VerdictStatus.FAILED, context.run.run_id)
        )
        yield from checks
        told = (
            "\n".join(map(_told, failed)) or f"{stage} of {partition}: no suite was run, so nothing is proved"
        )
        raise dg.Failure(
            description=redact(
                f"{told}\nNothing of partition {partition} was published. Repair and run it again."
            ),
            allow_retries=False,
        )
    metadata = publish()
    _refuse_rolled_back(ledger, stage, partition)
    ledger.publish(Verdict.now(stage, partition, candidate, VerdictStatus.PASSED, context.run.run_id))
    yield dg.MaterializeResult(
        asset_key=key, metadata={**metadata}, check_results=checks, data_version=dg.DataVersion(candidate)
    )


def require_gate(
    context: dg.AssetExecutionContext, ledger: Ledger, stage: str, needed: Sequence[str]
) -> Gate:
    """Go on only if every needed partition's newest verdict passed and belongs to its newest publication.

    Called at the start of a body and again just before it publishes. It holds for the Materialize button, the
    command line, backfills, sensors and other code locations alike.

    Raises:
        dagster.Failure: names each closed partition and why.
    """
    gate = ledger.gate(stage, needed)
    if gate.open:
        return gate
    closed = "\n".join(f"- {one}" for one in gate.closed)
    context.log.error(f"gate {stage} is closed:\n{closed}")
    raise dg.Failure(
        description=f"Needed partitions of {stage} have not passed:\n{closed}\nMaterialise them first.",
        metadata={"closed": {one.partition: one.why for one in gate.closed}},
        allow_retries=False,
    )


def _refuse_rolled_back(ledger: Ledger, stage: str, partition: str) -> None:
    """What was published may be gone again: its gate stays closed, with the rollback's words."""
    newest = ledger.verdicts(stage).get(partition)
    if newest is not None and newest.status is VerdictStatus.ROLLED_BACK:
        raise dg.Failure(
            description=f"{partition} was rolled back by run {newest.run_id} while {stage} published it. "
            "Once that has ended, run this again if it is to be migrated after all.",
            allow_retries=False,
        )


def _key(asset_key: dg.AssetKey | Sequence[str]) -> dg.AssetKey:
    return asset_key if isinstance(asset_key, dg.AssetKey) else dg.AssetKey(asset_key)


def _check_result(key: dg.AssetKey, partition: str, report: SuiteReport) -> dg.AssetCheckResult:
    only_warnings = report.passed and bool(report.broken)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=report.suite,
        passed=not report.broken,
        # A broken warning shows as one: it must not read as an error, nor block.
        severity=dg.AssetCheckSeverity.WARN if only_warnings else dg.AssetCheckSeverity.ERROR,
        metadata={"partition": partition, **suite_metadata(report)},
    )


def _told(report: SuiteReport) -> str:
    broken = [result for result in report.broken if result.severity == "critical"]
    named = "; ".join(
        f"{result.rule} ({result.error or f'{result.unexpected} rows'}"
        f"{': ' + ', '.join(result.examples[:3]) if result.examples else ''})"
        for result in broken[:MOST_NAMED]
    )
    more = f"; and {len(broken) - MOST_NAMED} rules more" if len(broken) > MOST_NAMED else ""
    return f"Suite {report.suite} failed: {named}{more}"
