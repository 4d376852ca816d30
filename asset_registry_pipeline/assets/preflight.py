"""Stage inventory: the look at servers, logins, databases and settings before anything is written."""

from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import PREFIX, stage
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import NETWORK_RETRY, batch_id, batch_of, failing
from migration_kit.reports import markdown_table, reports_path, write_json

if TYPE_CHECKING:
    from asset_registry_pipeline.registry.preflight import Row

FIT_CHECK, WARNINGS_CHECK = "fit_to_migrate", "nothing_to_know"
_KEY = dg.AssetKey(["registry", "preflight"])
_WRITING = {"components", "songs", "composites"}
_COLUMNS = {
    "servers": ("role", "database", "server", "version", "replica set"),
    "privileges": ("place", "collections", "login", "needed", "missing"),
    "indexes": ("index", "keys", "unique", "state"),
    "validators": ("collection", "document", "answer"),
    "layers": ("layer", "documents", "expected"),
    "unknown_fields": ("layer", "field", "type", "documents"),
    "choices": ("choice", "value"),
}
"""The tables that are shown, with their columns."""


@dg.asset(
    **stage("inventory"),
    retry_policy=NETWORK_RETRY,
    check_specs=[
        dg.AssetCheckSpec(
            FIT_CHECK, asset=_KEY, blocking=True, description="Nothing stands in the way of a migration."
        ),
        dg.AssetCheckSpec(
            WARNINGS_CHECK, asset=_KEY, description="What a person should know; it stops nothing."
        ),
    ],
)
def preflight(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]:
    """Servers, logins, indexes, validators and settings; documents and unknown fields by layer. Reads only.

    Whatever would stop a migration half-way is named here, all of it at once.
    """
    from asset_registry_pipeline.steps.preflight import look

    began = monotonic()
    with failing(context):
        seen = look(registry.settings())
        for run in _at_work(context):
            seen.warn(f"run {run}", "it writes to the registry at this moment", "Wait until it has ended")
        yield _check(FIT_CHECK, dg.AssetCheckSeverity.ERROR, [one.row for one in seen.refusals])
        yield _check(WARNINGS_CHECK, dg.AssetCheckSeverity.WARN, [one.row for one in seen.warnings])
        tables = {name: getattr(seen, name) for name in _COLUMNS}
        path = write_json(
            reports_path(PREFIX) / "preflight.json",
            {**tables, "taxonomy": seen.taxonomy, "concerns": [vars(one) for one in seen.concerns]},
        )
        seen.require_fit()
        yield dg.MaterializeResult(
            metadata={
                **{name: _table(rows, _COLUMNS[name]) for name, rows in tables.items()},
                "taxonomy": seen.taxonomy,
                "items_in": sum(int(str(row["documents"])) for row in seen.layers),
                "warnings": len(seen.warnings),
                "seconds": round(monotonic() - began, 2),
                "report": dg.MetadataValue.path(str(path)),
            }
        )


def _check(name: str, severity: dg.AssetCheckSeverity, rows: "list[Row]") -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=_KEY,
        check_name=name,
        passed=not rows,
        severity=severity,
        metadata={"what_is_wrong": _table(rows, ("what", "why", "what to do"))},
    )


def _table(rows: "list[Row]", columns: tuple[str, ...]) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md(markdown_table(rows, columns) if rows else "nothing")


def _at_work(context: dg.AssetExecutionContext) -> list[str]:
    """Runs of other batches that write to the registry at this moment."""
    own = batch_id(context)
    running = context.instance.get_runs(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
    )
    return [
        run.run_id
        for run in running
        if run.asset_selection
        and any(key.path[0] == PREFIX and key.path[-1] in _WRITING for key in run.asset_selection)
        and batch_of(run) != own
    ]
