"""The application's calls, and what a test needs to see by whom a customer is served."""

from typing import Any
from uuid import UUID

import psycopg

from artwork_pipeline.artworks.phases import Phase, tables_of
from artwork_pipeline.stores import installation, lifecycle, phase, rendering, routing
from artwork_pipeline.stores.sessions import session

MOM, PET, PICTURE = (f"https://img.example.org/{name}.png" for name in ("mom", "pet", "picture"))
PILOT, OTHER = "pilot@example.net", "other@example.net"


def create(url: str, email: str) -> UUID:
    with session(url) as connection:
        return lifecycle.create(
            connection,
            customer_name="Ida",
            customer_email=email,
            pet_name="Rex",
            pet_mom_image_url=MOM,
            pet_image_url=PET,
        ).id


def route(url: str, email: str, version: routing.Version | None, by: str = "the lead") -> routing.Routed:
    with session(url) as connection:
        return routing.route(connection, email, version, by=by)


def shown(url: str, email: str) -> list[lifecycle.Shown]:
    with session(url) as connection:
        return lifecycle.of_customer(connection, email)


def served(url: str, email: str) -> routing.Version:
    with session(url) as connection:
        return routing.served(connection, email)


def exchange_names(url: str, to: Phase) -> None:
    """What of a switch-over and a rollback concerns the functions: other names, and everything rendered for them."""
    with session(url) as connection, connection.transaction():
        source, before, after = (
            installation.recognise_source(connection),
            phase.tables(connection),
            tables_of(to),
        )
        connection.execute(f"ALTER TABLE public.{before.old} RENAME TO in_between".encode())
        connection.execute(f"ALTER TABLE public.{before.clean} RENAME TO {after.clean}".encode())
        connection.execute(f"ALTER TABLE public.in_between RENAME TO {after.old}".encode())
        connection.execute(rendering.functions(source, after).encode())
        phase.advance(connection, to, by="test", run_id="test")


def alter_behind(url: str, statement: str, *parameters: Any) -> None:
    """Change one table without the other's knowing, as a restore would do it."""
    with psycopg.connect(url) as connection:
        connection.execute("SET artwork_migration.carrying = 'on'")
        connection.execute(statement.encode(), parameters)
