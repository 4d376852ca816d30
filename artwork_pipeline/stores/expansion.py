"""The expansion: the clean schema beside the old one, in one short transaction that waits for nobody for long.

From its commit on, what people write to the old table reaches the clean one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.columns import CLEAN_COLUMNS
from artwork_pipeline.artworks.phases import Phase, Tables
from artwork_pipeline.stores import catalog, installation, locks, phase, published, rendering
from artwork_pipeline.stores.catalog import Source
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError, TransientError, retrying
from migration_kit.fingerprints import fingerprint
from migration_kit.postgres import transient_errors
from migration_kit.redaction import mask_email

LOCK_TIMEOUT = "300ms"
ATTEMPTS = 30
_LOCK_ERRORS = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

_TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname FROM pg_trigger
    WHERE (tgname LIKE 'artwork\\_migration\\_%%' OR tgname = 'artworks_in_form') AND tgenabled IN ('O', 'A')
      AND tgrelid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name) AND NOT tgisinternal
"""
_GUARDED = """
    SELECT count(*) FROM pg_class WHERE relrowsecurity
    AND oid IN (to_regclass(%s), to_regclass('public.artwork_token_aliases'))
"""
_UNIQUE = """
    SELECT count(*) FROM pg_index
    WHERE indexrelid = to_regclass('public.users_normalised_email') AND indisvalid AND indisunique
"""
_SHOWN = "SELECT name, to_regclass(name)::text FROM unnest(%s::text[]) AS name"


class _LockNotGrantedError(TransientError):
    """Somebody holds a table; asking again on the same connection may help. A lost connection it cannot help."""


@dataclass(frozen=True)
class Expansion:
    """What the expansion did: whether anything was missing, and how many users were merged in how many attempts."""

    expanded: bool
    merged_users: int
    attempts: int


def expand(
    connection: psycopg.Connection[Any], source: Source, run_id: str, *, log: Callable[[str], None]
) -> Expansion:
    """Expand the schema, or find it expanded; a lock that is not granted in time is asked for again, bounded.

    Raises:
        TransientError: the locks were not to be had; who holds them is named.
        PermanentError: there is another ``artworks_v2``, another function or view of a name that is published, or two
            users' rows cannot be made one.
    """
    phase.require(connection, *installation.BESIDE)
    to_users, called = catalog.references_to_users(connection), phase.tables(connection)
    text = rendering.expansion(source, to_users, called)
    _refuse_other_table(connection, called)
    published.require_free_names(connection)
    if installation.installed(connection, "expansion") == fingerprint(text) and _is_whole(connection, source):
        return Expansion(expanded=False, merged_users=0, attempts=0)
    locked = _tables(source, to_users, called)
    if catalog.columns(connection, called.clean_name):
        locked.append(sql.Identifier("public", called.clean))
    attempts = 0

    def attempt() -> int:
        nonlocal attempts
        attempts += 1
        try:
            with transient_errors("the expansion"), connection.transaction():
                return _expand_once(connection, text, locked, run_id)
        except TransientError as passing:
            if not isinstance(passing.__cause__, _LOCK_ERRORS):
                raise
            holders = locks.holders(connection, [table.as_string() for table in locked])
            log(f"attempt {attempts}: {passing}; held by {holders}")
            raise _LockNotGrantedError(passing.reason, item=passing.item, remedy=passing.remedy) from passing

    try:
        merged = int(
            retrying(attempts=ATTEMPTS, first_delay=0.1, max_delay=2.0, on=(_LockNotGrantedError,))(attempt)
        )
    except psycopg.errors.UniqueViolation as clash:
        told = mask_email(clash.diag.message_detail or str(clash.diag.message_primary))
        raise PermanentError(
            f"two spellings of one address cannot become one user: {told}",
            item=f"{clash.diag.schema_name}.{clash.diag.table_name}",
            remedy="Nothing was changed; remove one of the two rows that would be the same, then start again",
        ) from clash
    return Expansion(expanded=True, merged_users=merged, attempts=attempts)


def require_followed(connection: psycopg.Connection[Any], source: Source | None = None) -> None:
    """Refuse to call anything verified while what people write does not reach the clean table.

    ``source``: as it was recognised, if it has just been.

    Raises:
        PermanentError: a trigger or a guard was taken away or switched off.
    """
    if not _is_whole(connection, source or installation.recognise_source(connection)):
        raise PermanentError(
            "a forward trigger, row-level security or the users' index was taken away or switched off",
            item="public.artworks",
            remedy="Materialise artwork/classification and artwork/expanded_schema, then backfill and verification",
        )


def _expand_once(
    connection: psycopg.Connection[Any], text: str, tables: list[sql.Identifier], run_id: str
) -> int:
    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('artwork_migration'))")
    # A switch-over or a way back may have been first; the text is for the names of before.
    phase.require(connection, *installation.BESIDE)
    # All at once and in one order: two who ask one by one can each hold what the other wants.
    connection.execute(
        sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.SQL(", ").join(tables))
    )
    if "is_anonymous" not in catalog.columns(connection, "public.users"):
        # The users get their column last of all. Whether somebody reads them for long shows now, before the work.
        with connection.transaction(force_rollback=True):
            connection.execute("LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE")
    before = int(scalar(connection, "SELECT count(*) FROM artwork_migration.merged_users"))
    connection.execute(text)
    installation.remember(connection, "expansion", fingerprint(text), run_id)
    # PostgREST serves the new table only after it has read the schema again; elsewhere nobody listens.
    connection.execute("NOTIFY pgrst, 'reload schema'")
    if phase.current(connection) is Phase.PLANNED:
        phase.advance(connection, Phase.EXPANDED, by="expansion", run_id=run_id)
    return int(scalar(connection, "SELECT count(*) FROM artwork_migration.merged_users")) - before


def _tables(source: Source, to_users: tuple[catalog.Reference, ...], called: Tables) -> list[sql.Identifier]:
    named = {(one.schema, one.table) for one in (*source.references, *to_users)}
    named |= {("public", str(called.old)), ("public", "users"), ("public", "orders")}
    return [sql.Identifier(*name) for name in sorted(named)]


def _refuse_other_table(connection: psycopg.Connection[Any], called: Tables) -> None:
    found = dict(catalog.columns(connection, called.clean_name))
    if found and found != dict(CLEAN_COLUMNS):
        differing = sorted({name for name, _ in {*found.items()} ^ {*CLEAN_COLUMNS.items()}})
        raise PermanentError(
            f"there is another table of this name; its columns differ in {', '.join(differing)}",
            item=called.clean_name,
            remedy="Nothing was written; rename or drop that table if nobody needs it, then start again",
        )


def _is_whole(connection: psycopg.Connection[Any], source: Source) -> bool:
    """Whether everything that the expansion made is still there and switched on."""
    called = phase.tables(connection)
    watched = {one: rendering.table_name(one).as_string() for one in source.references}
    tables = [called.old_name, called.clean_name, *watched.values()]
    shown = dict(connection.execute(_SHOWN, [tables]).fetchall())
    artworks, clean = shown[called.old_name], shown[called.clean_name]
    wanted = {
        (artworks, "artwork_migration_forward"),
        (artworks, "artwork_migration_no_truncate"),
        (clean, "artwork_migration_reverse"),
        (clean, "artwork_migration_no_truncate"),
        (clean, "artworks_in_form"),
        *((shown[table], rendering.reference_trigger(one)) for one, table in watched.items()),
    }
    present = {(table, name) for table, name in connection.execute(_TRIGGERS, [tables])}
    return (
        wanted <= present
        and scalar(connection, _GUARDED, [called.clean_name]) == 2
        and scalar(connection, _UNIQUE) == 1
    )
