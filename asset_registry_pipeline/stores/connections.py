"""Opening a migration's two databases and what belongs to them, after every check that needs no write."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asset_registry_pipeline.registry import taxonomy as taxonomies
from asset_registry_pipeline.registry.profiles import Profile, require_copy_mode
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.stores.decisions import DecisionStore
from asset_registry_pipeline.stores.development import Development
from asset_registry_pipeline.stores.files import load_profile, load_taxonomy
from asset_registry_pipeline.stores.staging import Staging
from asset_registry_pipeline.stores.workspace import Workspace
from migration_kit import environment
from migration_kit.failures import PermanentError
from migration_kit.ledger.mongo import MongoLedger
from migration_kit.mongo import connect

LEGACY_NAMES = {
    "nna-registry-development": "nna-registry-service-dev",
    "nna-registry-staging": "nna-registry-service-staging",
}
"""Database names of old that still stand in documents and scripts, and the right ones."""


@dataclass(frozen=True)
class Settings:
    """What the environment says: where from, where to, what is allowed, which profile, taxonomy and decisions."""

    staging_uri: str
    staging_db: str
    development_uri: str
    development_db: str
    profile: str = ""
    taxonomy: str = ""
    decisions: str = ""
    allowed: str = ""
    workers: str = ""
    backup_db: str = ""
    backup_path: str = ""
    confirmed: str = ""


@dataclass(frozen=True)
class Registry:
    """Everything a step works with, open. `settings` open the same in another process."""

    settings: Settings
    staging: Staging
    development: Development
    workspace: Workspace
    decisions: DecisionStore
    ledger: MongoLedger
    profile: Profile
    taxonomy: Taxonomy
    decisions_path: str
    warnings: tuple[str, ...]


@contextmanager
def opened(settings: Settings) -> Iterator[Registry]:
    """Check the settings, connect, and hand out the stores; closed at the end.

    Raises:
        PermanentError: a setting is missing or refused, or a server is not fit.
        TransientError: a server does not answer.
    """
    profile = load_profile(settings.profile)
    require_copy_mode(profile)
    warnings = check(settings)
    with connect(settings.staging_uri) as source, connect(settings.development_uri) as target:
        _require_replica_set(target)
        staging = Staging(source.get_database(settings.staging_db))
        database: Any = target.get_database(settings.development_db)
        if settings.taxonomy.strip():
            table, version = load_taxonomy(Path(settings.taxonomy))
        else:
            table, version = staging.taxonomy()
        development = Development(database)
        development.refuse_foreign_unique_indexes()
        ledger = MongoLedger(database)
        yield Registry(
            settings=settings,
            staging=staging,
            development=development,
            workspace=Workspace(database),
            decisions=DecisionStore(database),
            ledger=ledger,
            profile=profile,
            taxonomy=taxonomies.from_table(table, version=version),
            decisions_path=settings.decisions,
            warnings=warnings,
        )


def check(settings: Settings) -> tuple[str, ...]:
    """Refuse what must not be touched, before anything is; returns what is only worth a warning.

    Raises:
        PermanentError: a variable is missing, source and target are one, a name says production, or a place is not
            on the list of allowed ones.
    """
    places = {}
    for role, uri, database in (
        ("STAGING", settings.staging_uri, settings.staging_db),
        ("DEVELOPMENT", settings.development_uri, settings.development_db),
    ):
        name_uri, name_db = f"REGISTRY_{role}_URI", f"REGISTRY_{role}_DB"
        schemes = ("mongodb", "mongodb+srv")
        address = environment.required_url(name_uri, uri, schemes=schemes)
        environment.refuse_production(name_uri, urlsplit(address).netloc.rpartition("@")[2])
        environment.refuse_production(name_db, environment.required(name_db, database))
        places[role] = (address, database)
        environment.refuse_unlisted(
            places[role], allowed=settings.allowed, variable=name_uri, listed_in="REGISTRY_ALLOWED"
        )
    environment.refuse_same_database(
        places["STAGING"],
        places["DEVELOPMENT"],
        variables=("REGISTRY_STAGING_DB", "REGISTRY_DEVELOPMENT_DB"),
    )
    return tuple(
        f"{database} is a legacy database name; the right one is {LEGACY_NAMES[database]}"
        for _, database in places.values()
        if database in LEGACY_NAMES
    )


def _require_replica_set(target: Any) -> None:
    hello = target.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise PermanentError(
            "the server is no replica set, and a document and its ledger record are written in one transaction",
            item="REGISTRY_DEVELOPMENT_URI",
            remedy="Start it with --replSet and initiate the set, or use a server that is one",
        )
