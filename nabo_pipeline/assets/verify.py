"""Stage verify: everything that was migrated, read back and compared; the gate before the report."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    asset_attributes,
    failing,
    gate_check_specs,
    validate_then_publish,
)
from migration_kit.reports import reports_path, write_json
from nabo_pipeline.assets.common import PREFIX, VERIFY_STAGE, accepted_plan, account, tell
from nabo_pipeline.partitions import media_category
from nabo_pipeline.resources import DatabaseResource, StorageResource, TransferSettings
from nabo_pipeline.suites.validation import PICTURES, SUITES, TABLES

if TYPE_CHECKING:
    from migration_kit.ledger import Plan
    from migration_kit.ledger.postgres import PostgresLedger
    from migration_kit.suites import SuiteReport
    from nabo_pipeline.steps.verification import Seen
    from nabo_pipeline.stores.checks import CheckStore
    from nabo_pipeline.stores.state import StateStore

KEY = dg.AssetKey([PREFIX, "media_validation"])


@dg.asset(
    **asset_attributes(PREFIX, "verify", kinds={"postgres", "supabase"}),
    deps=[dg.AssetKey([PREFIX, "media_records"])],
    partitions_def=media_category,
    retry_policy=NETWORK_RETRY,
    check_specs=gate_check_specs(KEY, SUITES),
)
def media_validation(
    context: dg.AssetExecutionContext,
    database: DatabaseResource,
    storage: StorageResource,
    transfer: TransferSettings,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Ledger, Storage and `public.media` agree in both directions, object by object and row by row; no sample.

    Every object is downloaded, hashed and decoded; every object and row of the target that is ours must be known to
    the ledger. What is wrong is named in the failed check and in a file; nothing is repaired.
    """
    from nabo_pipeline.media.reports import VALIDATION
    from nabo_pipeline.steps.reporting import write_validation
    from nabo_pipeline.stores.checks import CheckStore
    from nabo_pipeline.stores.turns import turn

    category, started = context.partition_key, time.monotonic()
    with failing(context), ExitStack() as stack:
        who = f"validation {context.run.run_id}"
        stack.enter_context(turn(database.conninfo, category, who, alone=True, kind="validating"))
        ledger = stack.enter_context(database.ledger())
        state = stack.enter_context(database.state())
        checks = stack.enter_context(closing(CheckStore(database.conninfo)))
        plan = accepted_plan(context, ledger, category)
        accounting = account(state, plan)
        checks.install()
        seen = _look(context, ledger, state, plan, checks, storage=storage, transfer=transfer)

        def validate() -> "list[SuiteReport]":
            reports = _reports(database.conninfo, category, at_least=seen.objects)
            path = _write_problems(checks, category)
            if not all(report.passed for report in reports):
                context.log.error(f"everything that is wrong, and what it breaks, is in {path}")
            return reports

        def publish() -> Mapping[str, Any]:
            told = accounting_metadata(accounting, seconds=time.monotonic() - started)
            return told | _metadata(seen, checks.numbers(category))

        try:
            yield from validate_then_publish(
                context,
                ledger=ledger,
                stage=VERIFY_STAGE,
                partition=category,
                candidate=seen.fingerprint,
                asset_key=KEY,
                validate=validate,
                publish=publish,
            )
        finally:
            # After the verdict, and most of all when it is a bad one.
            tell(database, VALIDATION, write_validation)


def _look(
    context: dg.AssetExecutionContext,
    ledger: "PostgresLedger",
    state: "StateStore",
    plan: "Plan",
    checks: "CheckStore",
    *,
    storage: StorageResource,
    transfer: TransferSettings,
) -> "Seen":
    """What verification found, staged in the check tables; nothing of a category that goes nowhere."""
    from nabo_pipeline.media.plans import BUCKETS
    from nabo_pipeline.steps.verification import Seen, Verifier, outcomes_fingerprint, verify
    from nabo_pipeline.stores.accounting import standing

    category = plan.partition
    if category not in BUCKETS:
        checks.clear(category)
        return Seen(outcomes_fingerprint(ledger.entries(partition=category)))
    with transfer.isolated() as workers:
        verifier = Verifier(checks, storage.open(), workers, transfer.threads, context.log.info)
        first_plan = datetime.fromisoformat(str(plan.summary["records_start"]))
        return verify(verifier, ledger, category, BUCKETS[category], standing(state, category), first_plan)


def _reports(conninfo: str, category: str, *, at_least: int) -> "list[SuiteReport]":
    from migration_kit.suites import validate_query
    from nabo_pipeline.stores.state import SCHEMA

    reports = []
    for suite in SUITES:
        # Every picture that was read has its check, so that a table with fewer is a failure; none may be right, too.
        judged = replace(suite, min_rows=at_least) if suite is PICTURES else suite
        query = f"select * from {SCHEMA}.{TABLES[suite.name]} where category = '{category}'"  # noqa: S608 - constants
        reports.append(validate_query(conninfo, query, judged))
    return reports


def _write_problems(checks: "CheckStore", category: str) -> str:
    path = reports_path(PREFIX) / f"media-validation-{category}-problems.json"
    return str(write_json(path, checks.broken(category)))


def _metadata(seen: "Seen", numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "objects_read": seen.objects,
        "bytes": seen.bytes,
        "objects_in_bucket": seen.in_bucket,
        "services": numbers["gallery_checks"],
        "avatars": numbers["avatar_checks"],
        "unexplained_objects_of_others": numbers["objects_of_others"],
    }
