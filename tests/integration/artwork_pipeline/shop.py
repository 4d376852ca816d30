"""A shop's database in the hands of a plain owner, ready to be switched over: no superuser has a hand in it.

Beside it, the calls of the stores that a switch-over consists of. Fixtures stand in `conftest`.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.artworks.months import SLICES
from artwork_pipeline.artworks.phases import Phase
from artwork_pipeline.stores import archive, census, phase, switching
from artwork_pipeline.stores.census import Census
from artwork_pipeline.stores.installation import recognise_source
from artwork_pipeline.stores.preparation import ROLL_BACK, SWITCH, Direction, Order, Preparation, prepare
from artwork_pipeline.stores.sessions import SCHEMA, session
from artwork_pipeline.stores.switching import Outcome
from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.ledger.postgres import PostgresLedger

OWNER = "shop_owner"
_ROLES = {"anon": "", "authenticated": "", "service_role": "BYPASSRLS"}


def make_roles(superuser: str) -> None:
    """The owner, who is nobody special, and the roles of Supabase."""
    with psycopg.connect(superuser, autocommit=True) as connection:
        for role, option in {OWNER: "LOGIN PASSWORD 'shop' NOSUPERUSER", **_ROLES}.items():
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"CREATE ROLE {role} {option}".encode())


def owned(url: str) -> str:
    """Give the database to the owner; the url by which the owner enters it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                sql.Identifier(url.rsplit("/", 1)[1]), sql.Identifier(OWNER)
            )
        )
    return re.sub(r"//.*@", f"//{OWNER}:shop@", url)


def pass_verification(url: str, *slices: str, status: VerdictStatus = VerdictStatus.PASSED) -> None:
    """What the ledger says once every slice was compared."""
    with closing(PostgresLedger(url, SCHEMA)) as ledger:
        for name in slices or SLICES:
            ledger.begin_verdict("verify", name, "compared", "verify")
            ledger.publish(Verdict.now("verify", name, "compared", status, "verify"))


def back_up(url: str) -> None:
    """An archive, restored and compared; its files are below REPORTS_PATH."""
    with session(url) as connection:
        archive.back_up(connection, archive.what_to_keep(connection), by="tests", run_id="backup")


def look(url: str, direction: Direction = SWITCH, **replacements: str) -> Preparation:
    """What a rehearsal tells."""
    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        return prepare(connection, ledger, direction, Order("tests", "look", replacements=replacements))


def rules(url: str, direction: Direction = SWITCH) -> dict[str, str]:
    """The reasons against it: rule by item."""
    return {one.item: one.rule for one in look(url, direction).refusals}


def carry_out(
    url: str,
    direction: Direction,
    *,
    replacements: Mapping[str, str] | None = None,
    log: Callable[[str], None] = print,
    **patience: int,
) -> Outcome | None:
    """Do it, as the job does."""
    order = Order("tests", "run", replacements=replacements or {}, **patience)
    with session(url) as connection, closing(PostgresLedger(url, SCHEMA)) as ledger:
        return switching.carry_out(connection, ledger, direction, order, log=log)


def switch(url: str, **options: Any) -> Outcome | None:
    return carry_out(url, SWITCH, **options)


def roll_back(url: str, **options: Any) -> Outcome | None:
    return carry_out(url, ROLL_BACK, **options)


def hanging(url: str, table: str = "public.artworks") -> Census:
    """What hangs on the table (its qualified name), but for what the migration makes itself."""
    with session(url) as connection:
        return census.census(connection, table, census.own_names(connection, recognise_source(connection)))


def the_same(before: Census, after: Census) -> dict[str, str]:
    """What differs between two censuses, but for indexes: the clean table has its own besides."""
    differing = census.differences(before, after)
    return {key: how for key, how in differing.items() if not key.startswith("index ")}


def phase_of(url: str) -> Phase:
    with session(url) as connection:
        return phase.current(connection)
