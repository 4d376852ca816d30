"""Which customer is served by which table, as long as there are two; one customer's way there and back.

Serving itself is the database's: `sql/routing.sql`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.emails import normalise_email
from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import evidence, phase
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError, TransientError
from migration_kit.postgres import transient_errors

Version = Literal["v1", "v2"]
INDEX_LOCK_TIMEOUT = "5s"

_SERVED = "SELECT artwork_migration.served(%s)"
_ON_RECORD = "SELECT version FROM artwork_migration.routing WHERE email = %s"
_ROWS = "SELECT count(*) FROM public.routed_artworks WHERE customer_email = %s"
_DIFFERENCES = (
    "SELECT artwork_id::text, problem FROM artwork_migration.customer_differences(%s) ORDER BY 2, 1"
)
_ROUTE = """
    INSERT INTO artwork_migration.routing AS kept (email, version, by_person) VALUES (%s, %s, %s)
    ON CONFLICT (email) DO UPDATE SET version = excluded.version, by_person = excluded.by_person, at = clock_timestamp()
    WHERE kept.version <> excluded.version
"""
_FORGET = "DELETE FROM artwork_migration.routing WHERE email = %s"
_COUNTS = "SELECT version, count(*) FROM artwork_migration.routing GROUP BY version ORDER BY version"
# By what it does: it is called otherwise whenever its table is.
_INDEXES = """
    SELECT i.indisvalid, i.indexrelid::regclass::text FROM pg_index i
    WHERE i.indrelid = %s::regclass AND pg_get_indexdef(i.indexrelid) LIKE '%%normalised_email(customer_email)%%'
"""


@dataclass(frozen=True)
class Routed:
    """A customer's route: by which table they were served and are served now, and how many artworks they have."""

    customer: str
    before: Version
    after: Version
    artworks: int
    differences: tuple[tuple[str, str], ...]
    changed: bool


def customer(email: str) -> str:
    """A customer as they may be told: the domain and a hash of the address.

    Raises:
        PermanentError: that is no address.
    """
    address = normalise_email(email)
    if "@" not in address.strip("@"):
        raise PermanentError(
            "that is no e-mail address", item="email", remedy="Name one customer by their address"
        )
    hashed = sha256(address.encode()).hexdigest()[:12]
    return f"***@{address.rpartition('@')[2]} (sha256 {hashed})"


def served(connection: psycopg.Connection[Any], email: str) -> Version:
    """By which table a customer is served.

    Raises:
        PermanentError: there is no choice in this phase.
    """
    _require_both(connection)
    version: Version = scalar(connection, _SERVED, [email])
    return version


def look(connection: psycopg.Connection[Any], email: str, version: Version | None) -> Routed:
    """What routing would do; ``None`` gives the customer back to the table that everybody is served by."""
    with connection.transaction(force_rollback=True), evidence.own_reads(connection):
        return _route(connection, email, version, by="a look", refuse=False)


def route(connection: psycopg.Connection[Any], email: str, version: Version | None, *, by: str) -> Routed:
    """Serve the customer by one table from now on; again, it changes nothing.

    Raises:
        PermanentError: the customer's rows are not the same on both sides, or there is no choice in this phase.
    """
    with transient_errors("routing"), connection.transaction(), evidence.own_reads(connection):
        return _route(connection, email, version, by=by, refuse=True)


def counts(connection: psycopg.Connection[Any]) -> Mapping[str, int]:
    """How many customers are named for each table; everybody else is served by the one called artworks."""
    _require_both(connection)
    return dict(connection.execute(_COUNTS).fetchall())


def make_index(connection: psycopg.Connection[Any]) -> bool:
    """Make the old table's index by address where it is missing, while people write; whether it was made.

    Needs a connection in autocommit. A making that was stopped in the middle is begun anew.

    Raises:
        TransientError: somebody's transaction is too long to wait for.
        PermanentError: there is no choice in this phase, and no need of the index.
    """
    _require_both(connection)
    called = phase.tables(connection)
    found = connection.execute(_INDEXES, [called.old_name]).fetchall()
    if any(valid for valid, _ in found):
        return False
    table, name = sql.Identifier("public", str(called.old)), sql.Identifier(f"{called.old}_address")
    with transient_errors("the index of the old table by address"):
        before = scalar(connection, "SELECT current_setting('lock_timeout')")
        connection.execute("SELECT set_config('lock_timeout', %s, false)", [INDEX_LOCK_TIMEOUT])
        try:
            for _, left in found:
                connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.SQL(left)))
            connection.execute(
                sql.SQL(
                    "CREATE INDEX CONCURRENTLY {} ON {} (public.normalised_email(customer_email))"
                ).format(name, table)
            )
        except psycopg.errors.DuplicateTable as taken:
            raise TransientError(
                f"another run makes the index {called.old}_address, or it is another table's",
                item=called.old_name,
                remedy="Start again; if it stays, rename the index that has this name",
            ) from taken
        finally:
            if not connection.broken:
                connection.execute("SELECT set_config('lock_timeout', %s, false)", [before])
    return True


def _route(
    connection: psycopg.Connection[Any], email: str, version: Version | None, *, by: str, refuse: bool
) -> Routed:
    _require_both(connection)
    told, address = customer(email), normalise_email(email)
    # Of two who route one customer at once, the second sees what the first did.
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('artwork_migration.routing'))")
    before: Version = scalar(connection, _SERVED, [address])
    on_record = scalar(connection, _ON_RECORD, [address])
    differences = tuple((str(id_), str(why)) for id_, why in connection.execute(_DIFFERENCES, [address]))
    if refuse and differences and version != before:
        _refuse(told, differences)
    if version is None:
        connection.execute(_FORGET, [address])
    else:
        connection.execute(_ROUTE, [address, version, by])
    after: Version = scalar(connection, _SERVED, [address])
    if refuse and differences and after != before:
        _refuse(told, differences)
    return Routed(
        customer=told,
        before=before,
        after=after,
        artworks=int(scalar(connection, _ROWS, [address])),
        differences=differences,
        changed=on_record != version,
    )


def _refuse(told: str, differences: tuple[tuple[str, str], ...]) -> None:
    named = "; ".join(f"{id_}: {why}" for id_, why in differences[:5])
    raise PermanentError(
        f"{len(differences)} artworks are not the same in both tables ({named})",
        item=f"customer {told}",
        remedy="Nothing was changed; materialise the slices' backfill and verification, then route again",
    )


def _require_both(connection: psycopg.Connection[Any]) -> None:
    phase.require(connection, Phase.EXPANDED, Phase.SWITCHED, Phase.ROLLED_BACK)
