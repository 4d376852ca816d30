"""Decisions as CSV, out and in; the importing itself is the one that runs of the pipeline do."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from asset_registry_pipeline.registry.decisions_csv import read_csv, write_csv
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.access import require
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.importing import Importer, take_in
from asset_registry_pipeline.steps.curation.model import ImportedText
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.chunks import chunked

_CHUNK = 500


def export_decisions(registry: Registry, layer: str | None = None) -> Iterator[str]:
    """The standing decisions of a layer or of all as CSV text with a header, piece by piece.

    Raises:
        CurationError: invalid (the layer has no decisions); at once, before any piece.
    """
    return _pieces(registry, _layers(layer))


def _pieces(registry: Registry, layers: Sequence[str]) -> Iterator[str]:
    header = write_csv([])
    yield header
    for each in layers:
        for chunk in chunked(registry.decisions.standing(each), _CHUNK):
            yield write_csv(chunk).removeprefix(header)


def import_decisions_text(
    registry: Registry, text: str, *, dry_run: bool, actor: Actor, now: datetime
) -> ImportedText:
    """Import decisions from CSV text; rows that cannot be used are told, and stop no other.

    Raises:
        CurationError: forbidden, or invalid (no CSV, or a column is missing).
    """
    require(actor, "import decisions")
    try:
        decisions, bad_rows = read_csv(text)
    except ValueError as error:
        raise CurationError(
            "invalid", f"it cannot be read as decisions: {error}", remedy="Start from an exported file"
        ) from error
    done = take_in(registry, decisions, bad_rows, BARRIER_LAYERS, Importer(actor, now, dry_run))
    return ImportedText(dry_run, done.added, done.replaced, done.unchanged, done.refused, done.taken)


def _layers(layer: str | None) -> Sequence[str]:
    if layer is None:
        return BARRIER_LAYERS
    if layer not in BARRIER_LAYERS:
        raise CurationError(
            "invalid", f"layer {layer!r} has no decisions", remedy=f"Ask for {', '.join(BARRIER_LAYERS)}"
        )
    return (layer,)
