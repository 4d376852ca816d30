"""What the assets work with, configured from the environment. Nothing connects before an asset asks for it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.environment import required_url
from migration_kit.orchestration import environment_variable

if TYPE_CHECKING:
    import psycopg

    from migration_kit.ledger.postgres import PostgresLedger


class ArtworkDatabase(dg.ConfigurableResource[None]):
    """The one PostgreSQL that holds the old table, the clean one, and the migration's own schema."""

    url: str

    @property
    def conninfo(self) -> str:
        """The address, checked."""
        return required_url("ARTWORK_DATABASE_URL", self.url, schemes=("postgresql", "postgres"))

    @contextmanager
    def session(self) -> "Iterator[psycopg.Connection[Any]]":
        """A connection, closed at the end."""
        from artwork_pipeline.stores.sessions import session

        with session(self.conninfo) as connection:
            yield connection

    @contextmanager
    def ledger(self) -> "Iterator[PostgresLedger]":
        """The ledger in the migration's schema, closed at the end; making its tables is the plan's business."""
        from artwork_pipeline.stores.sessions import SCHEMA
        from migration_kit.ledger.postgres import PostgresLedger

        with closing(PostgresLedger(self.conninfo, SCHEMA)) as ledger:
            yield ledger


def resources() -> dict[str, dg.ConfigurableResource[None]]:
    """All resources, from the environment. A variable that is unset is named when it is needed."""
    return {"database": ArtworkDatabase(url=environment_variable("ARTWORK_DATABASE_URL"))}
