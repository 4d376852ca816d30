"""The stage `report`: what a batch did, layer by layer, with everything found and everything left."""

from typing import Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    batch_id,
    failing,
    problems_metadata,
)
from migration_kit.reports import PipelineSummary, markdown_table, reports_path, write_json, write_summary

PIPELINE = "registry"
_PROGRESS = ("layer", "name", "totalAssets", "migratedAssets", "failedAssets", "status")
_FINDINGS = ("kind", "effect", "count", "meaning", "example")


@dg.asset(
    **stage("report"),
    retry_policy=NETWORK_RETRY,
    deps=[dg.AssetDep(["registry", "reconciliation"], partition_mapping=dg.AllPartitionMapping())],
)
def migration_report(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> dg.MaterializeResult[Any]:
    """The whole migration: accounting of all layers, progress, findings, and what waits for someone."""
    from asset_registry_pipeline.steps.report import compile_report

    with failing(context), registry.open() as opened:
        report = compile_report(opened, batch=batch_id(context))
    for layer, why in report.unverified.items():
        context.log.warning(f"layer {layer} is not verified: {why}")
    folder = reports_path(PIPELINE)
    summary = write_summary(
        PIPELINE,
        PipelineSummary(PIPELINE, batch_id(context), report.accounting, report.verified, report.seconds),
    )
    write_json(folder / "progress.json", list(report.progress))
    findings = write_json(folder / "findings.json", list(report.all_findings))
    problems = write_json(
        folder / "problems.json",
        [
            {
                "item": entry.item,
                "layer": entry.partition,
                "state": entry.state,
                "reason": entry.reason,
                "detail": dict(entry.detail),
            }
            for entry in report.problems
        ],
    )
    return dg.MaterializeResult(
        metadata={
            **accounting_metadata(report.accounting, seconds=report.seconds),
            "verified": report.verified,
            "progress": dg.MetadataValue.md(markdown_table(report.progress, _PROGRESS)),
            "findings": dg.MetadataValue.md(markdown_table(report.findings, _FINDINGS)),
            "all_findings": dg.MetadataValue.path(str(findings)),
            "summary": dg.MetadataValue.path(str(summary)),
            **problems_metadata(report.problems, problems),
        }
    )
