"""The migration's own schema: tables beside the ledger's, and the functions that read and judge rows.

Nothing here touches the old table or the clean one; that is `expansion`.
"""

from typing import Any

import psycopg

from artwork_pipeline.artworks.dialects import recognise
from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.artworks.slices import BY_MONTH, VARIABLE, Slicing, slicing_of
from artwork_pipeline.stores import catalog, phase, rendering
from artwork_pipeline.stores.catalog import Source
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import fingerprint

BESIDE = (Phase.PLANNED, Phase.EXPANDED, Phase.ROLLED_BACK)
"""The phases in which the clean table stands beside the old one, and rows are planned and filled in."""

_INSTALLED = "SELECT fingerprint FROM artwork_migration.installation WHERE part = %s"
_REMEMBER = """
    INSERT INTO artwork_migration.installation (part, fingerprint, run_id) VALUES (%s, %s, %s)
    ON CONFLICT (part) DO UPDATE SET fingerprint = excluded.fingerprint, run_id = excluded.run_id, installed_at = now()
"""


def recognise_source(connection: psycopg.Connection[Any], slicing: Slicing | None = None) -> Source:
    """Recognise the old table, or stop. ``slicing``: how its rows are cut; as they are already where it is not given.

    Raises:
        PermanentError: not the artworks' database, or a dialect that nobody knows; says what differs.
    """
    catalog.require_artworks_database(connection)
    dialect = recognise(catalog.columns(connection, phase.tables(connection).old_name))
    cut = slicing or installed_slicing(connection) or BY_MONTH
    return Source(dialect, catalog.references_to_artworks(connection), cut)


def installed_slicing(connection: psycopg.Connection[Any]) -> Slicing | None:
    """How the rows are cut into slices, if they have been."""
    if scalar(connection, "SELECT to_regprocedure('artwork_migration.slicing()')") is None:
        return None
    return slicing_of(scalar(connection, "SELECT artwork_migration.slicing()"))


def require_slicing(connection: psycopg.Connection[Any], slicing: Slicing) -> None:
    """Refuse partitions of another way of cutting than that of the plan.

    Raises:
        PermanentError: names both.
    """
    planned = installed_slicing(connection)
    if planned is not None and planned != slicing:
        raise PermanentError(
            f"the rows were planned by {planned}, and the partitions here are by {slicing}",
            item=VARIABLE,
            remedy=f"Set {VARIABLE} to {planned}; or, to cut them by {slicing}, materialise artwork/classification and"
            " all that follows it, every partition",
        )


def require_installed(connection: psycopg.Connection[Any], *parts: str) -> None:
    """Refuse to go on where an earlier stage was never here.

    Raises:
        PermanentError: names what to materialise first.
    """
    assets = {"base": "artwork/classification", "expansion": "artwork/expanded_schema"}
    for part in parts:
        if installed(connection, part) is None:
            raise PermanentError(
                f"{assets[part]} has never been here",
                item=f"database {scalar(connection, 'SELECT current_database()')}",
                remedy=f"Materialise {assets[part]} first, or correct ARTWORK_DATABASE_URL",
            )


def install_base(connection: psycopg.Connection[Any], source: Source, run_id: str) -> bool:
    """Install what planning needs, inside the caller's transaction; whether anything had to be installed."""
    # Two runs at once would replace each other's functions in the middle.
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('artwork_migration'))")
    phase.require(connection, *BESIDE)
    text = rendering.base(source, phase.tables(connection), catalog.lower_collation(connection))
    if installed(connection, "base") == fingerprint(text):
        return False
    connection.execute(text)
    remember(connection, "base", fingerprint(text), run_id)
    return True


def installed(connection: psycopg.Connection[Any], part: str) -> str | None:
    """The fingerprint of an installed part, if it was installed."""
    if scalar(connection, "SELECT to_regclass('artwork_migration.installation')") is None:
        return None
    found = scalar(connection, _INSTALLED, [part])
    return str(found) if found else None


def remember(connection: psycopg.Connection[Any], part: str, print_: str, run_id: str) -> None:
    """Keep the fingerprint of a part with its installation, in the same transaction."""
    connection.execute(_REMEMBER, [part, print_, run_id])
