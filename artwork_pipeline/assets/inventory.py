"""Stage inventory: the look at the database before anything is written."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from artwork_pipeline.assets.common import PREFIX, stage
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.reports import markdown_table, reports_path, write_json

if TYPE_CHECKING:
    from artwork_pipeline.stores.preflight import Preflight


@dg.asset(**stage("inventory"), retry_policy=NETWORK_RETRY)
def preflight(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """Dialect, dependents, and what would become of each row; reads only.

    Another database, an unknown dialect and an empty table stop here, by name.
    """
    from artwork_pipeline.stores.preflight import look

    with failing(context), database.session() as connection:
        seen = look(connection)
    path = write_json(reports_path(PREFIX) / "preflight.json", _report(seen))
    outcomes = [
        {"outcome": state, "rule": reason, "rows": rows} for (state, reason), rows in seen.outcomes.items()
    ]
    hanging = [{"kind": kind, "name": name} for kind, name in seen.dependents]
    return dg.MaterializeResult(
        metadata={
            "dialect": seen.dialect,
            "items_in": seen.rows,
            "dry_run_seconds": round(seen.dry_run_seconds, 2),
            "estimated_seconds": round(seen.estimated_seconds, 1),
            "would_become": dg.MetadataValue.md(markdown_table(outcomes, ("outcome", "rule", "rows"))),
            "samples": dg.MetadataValue.md(
                markdown_table(map(vars, seen.samples), ("outcome", "artwork_id", "customer_email"))
            ),
            "dependents": dg.MetadataValue.md(markdown_table(hanging, ("kind", "name"))),
            "pointing_columns": ", ".join(map(str, seen.references)) or "none",
            "undeclared_pointers": ", ".join(str(one) for one in seen.references if not one.declared)
            or "none",
            "unknown_statuses": dg.MetadataValue.json(dict(seen.unknown_statuses)),
            "report": dg.MetadataValue.path(str(path)),
        }
    )


def _report(seen: "Preflight") -> dict[str, Any]:
    return {
        "dialect": seen.dialect,
        "rows": seen.rows,
        "outcomes": [
            {"state": state, "reason": reason, "rows": rows}
            for (state, reason), rows in seen.outcomes.items()
        ],
        "slices": dict(seen.slices),
        "samples": [vars(sample) for sample in seen.samples],
        "pointing_columns": [str(one) for one in seen.references],
        "undeclared_pointers": [str(one) for one in seen.references if not one.declared],
        "unknown_statuses": dict(seen.unknown_statuses),
        "dependents": [{"kind": kind, "name": name} for kind, name in seen.dependents],
        "estimated_seconds": round(seen.estimated_seconds, 1),
    }
