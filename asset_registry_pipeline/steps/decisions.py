"""The file of recorded decisions that a run is given; taking them in is the curators' queue's."""

from datetime import UTC, datetime

from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps.curation.importing import Imported, Importer, take_in
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.files import load_decisions

__all__ = ["Imported", "import_decisions"]

_RUN = Actor("a run of the pipeline", Role.ADMIN)
"""Who imports where no person does."""


def import_decisions(registry: Registry, layer: str) -> Imported:
    """Import the file's decisions about a layer. Rows that cannot be used are told, and stop no other.

    Raises:
        PermanentError: the file cannot be read at all.
    """
    decisions, bad_rows = load_decisions(registry.decisions_path)
    return take_in(registry, decisions, bad_rows, [layer], Importer(_RUN, datetime.now(UTC)))
