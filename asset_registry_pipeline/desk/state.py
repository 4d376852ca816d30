"""What the desk works with, open: the registry's stores, who may come in, and the clock."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from starlette.requests import Request

from asset_registry_pipeline.desk.api.throttle import ReadLimit
from asset_registry_pipeline.desk.live import Live
from asset_registry_pipeline.desk.security.address import Address, read_address
from asset_registry_pipeline.desk.security.login_limit import LoginLimit
from asset_registry_pipeline.desk.security.sessions import SessionStore
from asset_registry_pipeline.desk.security.tokens import Tokens
from asset_registry_pipeline.desk.uploads import Uploads
from asset_registry_pipeline.desk.watching import Watched
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.overview_model import LayerProgress
from asset_registry_pipeline.stores.connections import Registry, opened
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.mongo import connect
from migration_kit.variables import VARIABLES


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Desk:
    """One process's desk. `clock` tells the time, with its zone; `live` the progress that all viewers share."""

    registry: Registry
    tokens: Tokens
    sessions: SessionStore
    login_limit: LoginLimit
    read_limit: ReadLimit
    watched: Watched
    live: Live[tuple[LayerProgress, ...]]
    uploads: Uploads
    address: Address = field(default_factory=Address)
    clock: Callable[[], datetime] = _now


def desk_of(request: Request) -> Desk:
    """The desk that serves this request."""
    return cast("Desk", request.app.state.desk)


def settings_of(environment: Mapping[str, str]) -> Settings:
    """The migration's settings as the environment gives them, unchecked."""
    return Settings(**{one.name: environment.get(_variable(one.name), "") for one in fields(Settings)})


@contextmanager
def opened_desk(settings: Settings, environment: Mapping[str, str]) -> Iterator[Desk]:
    """Connect, with the migration's own checks, and let in whom the environment names; closed at the end.

    Raises:
        PermanentError: a setting is missing or refused, nobody could log in, or a server is not fit.
        TransientError: a server does not answer.
    """
    file = environment.get("CURATOR_TOKENS_FILE", "").strip()
    tokens = Tokens(environment.get("CURATOR_TOKENS", ""), Path(file) if file else None)
    address = read_address(environment.get("DESK_URL", ""))
    # Sessions and tries to log in are the desk's own, on a connection of their own.
    with opened(settings) as registry, connect(settings.development_uri) as client:
        registry.ledger.install()
        registry.workspace.install()
        curation.install(registry)
        registry.requests.install()
        database = client.get_database(settings.development_db)
        sessions = SessionStore(database)
        sessions.install()
        uploads = Uploads(database)
        uploads.install()
        watched = Watched(registry)
        yield Desk(
            registry=registry,
            tokens=tokens,
            sessions=sessions,
            login_limit=LoginLimit(database),
            read_limit=ReadLimit(database),
            watched=watched,
            live=Live(watched.look),
            uploads=uploads,
            address=address,
        )


def _variable(name: str) -> str:
    own = name.upper()
    return own if own in VARIABLES else f"REGISTRY_{own}"
