"""The conflict queue as people see it: what could be published and was not, and a layer that has too much of it."""

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.registry.stages import APPLY
from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.redaction import redact
from migration_kit.reports import markdown_table

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.apply import Staged
    from asset_registry_pipeline.stores.connections import Registry
    from migration_kit.ledger import Entry

_COLUMNS = ("label", "item", "reason", "fields", "planned", "found")
_MOST_SHOWN, _MOST_NAMED = 50, 12


def conflicts_metadata(opened: "Registry", layer: str) -> dict[str, Any]:
    """The head of a layer's conflict queue: what differs, and the hashes of both sides."""
    from asset_registry_pipeline.steps.accounting import conflicts

    rows = [
        {
            **{column: entry.detail.get(column, "") for column in _COLUMNS},
            "item": entry.item,
            "reason": _because(entry),
            "fields": ", ".join(entry.detail.get("fields", ())),
        }
        for entry in islice(conflicts(opened, layer), _MOST_SHOWN)
    ]
    return {"conflicts": dg.MetadataValue.md(markdown_table(rows, _COLUMNS))} if rows else {}


def fail_for_conflicts(
    context: dg.AssetExecutionContext, opened: "Registry", staged: "Staged", metadata: Mapping[str, Any]
) -> None:
    """End a layer of which too much is quarantined, with what only publishing could find, as not passed.

    Raises:
        dagster.Failure: names the first conflicts. What was published stays: the ledger knows each document.
    """
    from asset_registry_pipeline.steps.accounting import conflicts

    layer = staged.layer
    opened.ledger.record_verdict(
        Verdict.now(APPLY, layer, staged.plan.fingerprint, VerdictStatus.FAILED, context.run.run_id)
    )
    named = "".join(
        f"\n- {entry.detail.get('label', entry.item)} ({entry.item}): {_because(entry)}"
        for entry in islice(conflicts(opened, layer), _MOST_NAMED)
    )
    raise dg.Failure(
        description=redact(
            f"More than {opened.profile.quarantine_limit:.0%} of layer {layer} are quarantined, counting what "
            f"publishing found:{named}\nWhat could be published is in development and recorded. Settle the conflicts "
            "(metadata and problems file tell of all), then run the layer again; it takes up what is left."
        ),
        metadata=dict(metadata),
        allow_retries=False,
    )


def _because(entry: "Entry") -> str:
    """The reason with what is known of this document: the server's words, or the item that has its name or address."""
    told = entry.detail.get("why") or entry.detail.get("by")
    return f"{entry.reason}: {told}" if told else str(entry.reason)
