"""The stage `plan`, before songs are planned: album art and metadata for those that have their words."""

import re
from collections.abc import Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import stage, table
from asset_registry_pipeline.partitions import backup_to_enrichment, song_layers
from asset_registry_pipeline.registry.stages import INVENTORY
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.orchestration import NETWORK_RETRY, batch_id, failing, require_gate
from migration_kit.reports import markdown_table, reports_path, write_json

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.art_report import ArtReport

WAITING_COLUMNS = ("song", "title", "album_art", "why", "candidates", "metadata")
_SHOWN = 12
_NOT_PLAIN = re.compile(r"[^\w. -]")


@dg.asset(
    **stage("plan"),
    partitions_def=song_layers,
    retry_policy=NETWORK_RETRY,
    deps=[dg.AssetDep(["registry", "staging_backup"], partition_mapping=backup_to_enrichment)],
)
def song_enrichment(
    context: dg.AssetExecutionContext, registry: RegistryResource
) -> dg.MaterializeResult[Any]:
    """Album art looked up, processed and stored, metadata made anew, for each song that has its curator's words.

    What cannot be settled unattended is listed for a curator; no song stops the others. Writes no asset.
    """
    from asset_registry_pipeline.steps import art_report, decisions, enrichment

    began, layer = monotonic(), context.partition_key
    with failing(context), registry.open() as opened:
        require_gate(context, opened.ledger, INVENTORY, [layer])
        opened.workspace.begin_batch(batch_id(context))
        imported = decisions.import_decisions(opened, layer)
        telling = art_report.Telling(opened)
        done = enrichment.enrich(opened, log=context.log.info, tell=telling.add)
        told = telling.report(done.without_words)
        path = write_json(reports_path("registry") / "songs-waiting.json", told.waiting)
    return dg.MaterializeResult(
        metadata={
            **art_metadata(told),
            "decisions_added": imported.added,
            "decisions_replaced": imported.replaced,
            "written": done.written,
            "all_that_wait": dg.MetadataValue.path(str(path)),
            "seconds": round(monotonic() - began, 2),
        }
    )


def art_metadata(told: "ArtReport") -> dict[str, Any]:
    """What the UI shows of songs' album art and metadata: numbers, what waits, and covers to look at."""
    return {
        "album_art": dg.MetadataValue.md(markdown_table(told.rows, ("album art", "songs", "meaning"))),
        "waits_for_a_curator": table(told.waiting, WAITING_COLUMNS),
        "songs_with_words": told.songs,
        "songs_without_words": told.without_words,
        **{f"album_art_{state}": count for state, count in told.counts.items()},
        "processed_share": told.processed_share,
        "unattended_share": told.unattended_share,
        "goal_of_processed_share": told.goal,
        "goal_reached": told.goal_reached,
        "metadata_made": told.metadata_made,
        "metadata_failed": told.metadata_failed,
        "provider": told.provider,
        "covers": dg.MetadataValue.md(" ".join(_pictures(told)) or "none yet"),
    }


def _pictures(told: "ArtReport") -> Iterator[str]:
    """Covers as Markdown shows them, small, from where the app will find them."""
    for name, url in told.thumbnails[:_SHOWN]:
        yield f"![{_NOT_PLAIN.sub('', name)}]({url})"
