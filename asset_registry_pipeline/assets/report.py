"""The stage `report`: what a batch did, layer by layer, with everything found and everything left."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage
from asset_registry_pipeline.assets.enrichment import art_metadata
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    batch_id,
    failing,
    problems_metadata,
)
from migration_kit.reports import PipelineSummary, markdown_table, reports_path, write_json, write_summary

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.art_report import ArtReport
    from asset_registry_pipeline.steps.report import MigrationReport
    from asset_registry_pipeline.stores.connections import Registry

PIPELINE = "registry"
TOTALS_CHECK = "totals_against_the_expectation"
_KEY = dg.AssetKey(["registry", "migration_report"])
# Numbers before long texts: a wide table is cut off at its right.
_LAYERS = (
    "layer", "name", "status", "assets", "in_development", "held", "excluded", "quarantined", "left_staging",
    "verified",
)  # fmt: skip
_FINDINGS = ("count", "effect", "kind", "meaning", "example")
_WAITING = ("layer", "label", "reason", "waits_for")
_CONFLICTS = ("layer", "label", "item", "reason", "differs_in")
_LEFT = ("layer", "label", "item")


@dg.asset(
    **stage("report"),
    retry_policy=NETWORK_RETRY,
    deps=[dg.AssetDep(["registry", "reconciliation"], partition_mapping=dg.AllPartitionMapping())],
    check_specs=[
        dg.AssetCheckSpec(
            TOTALS_CHECK,
            asset=_KEY,
            description="About as many assets are in development as the profile expects; told, and stops nothing.",
        )
    ],
)
def migration_report(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """The whole migration: accounting of all layers, progress, findings, and what waits for someone."""
    from asset_registry_pipeline.steps.art_report import compile_art
    from asset_registry_pipeline.steps.report import compile_report

    batch = batch_id(context)
    with failing(context), registry.open() as opened:
        report = compile_report(opened, batch=batch)
        for layer, why in report.unverified.items():
            context.log.warning(f"layer {layer} is not verified: {why}")
        folder = reports_path(PIPELINE)
        art = compile_art(opened)
        files = _write(opened, report, art, folder)
        summary = write_summary(
            PIPELINE, PipelineSummary(PIPELINE, batch, report.accounting, report.verified, report.seconds)
        )
        metadata = _metadata(opened, report, folder) | art_metadata(art)
    yield dg.AssetCheckResult(
        asset_key=_KEY,
        check_name=TOTALS_CHECK,
        passed=report.within_tolerance,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"in_development": report.in_development, "expected": report.expected},
    )
    paths = {name: dg.MetadataValue.path(str(path)) for name, path in {**files, "summary": summary}.items()}
    yield dg.MaterializeResult(metadata=metadata | paths)


def _write(opened: "Registry", report: "MigrationReport", art: "ArtReport", folder: Path) -> dict[str, Path]:
    """The files with everything, written as it is read."""
    from asset_registry_pipeline.steps import report as steps

    problems = (
        {
            "item": entry.item,
            "layer": entry.partition,
            "state": str(entry.state),
            "reason": entry.reason,
            "detail": dict(entry.detail),
        }
        for entry in steps.problems(opened)
    )
    write_json(folder / "progress.json", [one.in_the_plans_form() for one in report.progress])
    write_json(folder / "problems.json", problems)
    return {
        "all_findings": write_json(folder / "findings.json", steps.findings(opened)),
        "all_that_wait": write_json(folder / "waiting.json", steps.waiting(opened)),
        "all_songs_that_wait": write_json(folder / "songs-waiting.json", art.waiting),
        "all_conflicts": write_json(folder / "conflicts.json", steps.conflicts(opened)),
        "all_that_left_staging": write_json(folder / "left-staging.json", steps.left(opened)),
    }


def _metadata(opened: "Registry", report: "MigrationReport", folder: Path) -> dict[str, Any]:
    """What the UI shows: numbers and short tables, each with the first rows of what a file has all of."""
    from asset_registry_pipeline.steps import report as steps

    def table(rows: Any, columns: tuple[str, ...]) -> dg.MetadataValue:
        return dg.MetadataValue.md(markdown_table(rows, columns))

    return {
        "verified": report.verified,
        "layers": table(report.by_layer, _LAYERS),
        **accounting_metadata(report.accounting, seconds=report.seconds),
        "in_development": report.in_development,
        "expected": report.expected,
        "left_staging_since": sum(report.left.values()),
        "findings": table(report.findings, _FINDINGS),
        "waiting": table(steps.waiting(opened), _WAITING),
        "conflicts": table(steps.conflicts(opened), _CONFLICTS),
        "left_staging": table(steps.left(opened), _LEFT),
        **problems_metadata(steps.problems(opened), folder / "problems.json"),
    }
