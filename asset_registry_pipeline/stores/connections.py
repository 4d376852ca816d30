"""Opening a migration's two databases and what belongs to them, after every check that needs no write."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asset_registry_pipeline.lookups.candidates import LookUps
from asset_registry_pipeline.registry import taxonomy as taxonomies
from asset_registry_pipeline.registry.enrichment import provider_version
from asset_registry_pipeline.registry.profiles import IN_PLACE, Profile
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.stores.assets import Assets
from asset_registry_pipeline.stores.audit import AuditStore
from asset_registry_pipeline.stores.claims import ClaimStore
from asset_registry_pipeline.stores.cover_records import CoverRecords
from asset_registry_pipeline.stores.curation import CurationStore
from asset_registry_pipeline.stores.decisions import DecisionStore
from asset_registry_pipeline.stores.development import Development
from asset_registry_pipeline.stores.enrichments import EnrichmentStore
from asset_registry_pipeline.stores.files import load_profile, load_taxonomy, refuse_credentials
from asset_registry_pipeline.stores.preimages import Preimages
from asset_registry_pipeline.stores.progress import ProgressStore
from asset_registry_pipeline.stores.queue import QueueStore
from asset_registry_pipeline.stores.requests import Requests
from asset_registry_pipeline.stores.rollback import RollbackStore
from asset_registry_pipeline.stores.settings import Settings
from asset_registry_pipeline.stores.staging import Staging
from asset_registry_pipeline.stores.workspace import Workspace
from migration_kit import environment
from migration_kit.failures import PermanentError
from migration_kit.ledger.mongo import MongoLedger
from migration_kit.mongo import connect, transient_errors

LEGACY_NAMES = {
    "nna-registry-development": "nna-registry-service-dev",
    "nna-registry-staging": "nna-registry-service-staging",
}
"""Database names of old that still stand in documents and scripts, and the right ones."""
_LONGEST_DATABASE_NAME = 63
"""Bytes; MongoDB's limit."""
_NOT_IN_DATABASE_NAMES = '/\\."$*<>:|? '


@dataclass(frozen=True)
class Registry:
    """Everything a step works with, open. `settings` open the same in another process."""

    settings: Settings
    staging: Staging
    development: Development
    preimages: Preimages
    progress: ProgressStore
    workspace: Workspace
    decisions: DecisionStore
    enrichments: EnrichmentStore
    cover_records: CoverRecords
    queue: QueueStore
    claims: ClaimStore
    audit: AuditStore
    curation: CurationStore
    ledger: MongoLedger
    rollback: RollbackStore
    assets: Assets
    requests: Requests
    look_ups: LookUps
    profile: Profile
    taxonomy: Taxonomy
    decisions_path: str
    warnings: tuple[str, ...]

    @property
    def metadata_provider(self) -> str:
        """What makes songs' metadata by these settings, and which version of it."""
        return provider_version(self.settings.ai_provider, self.settings.openai_model)

    @property
    def in_place(self) -> bool:
        """Whether staging itself is migrated, and development is the same collection."""
        return self.profile.mode == IN_PLACE


@dataclass(frozen=True)
class Places:
    """The two servers, answering, and what was known before they were asked: profile and warnings."""

    profile: Profile
    warnings: tuple[str, ...]
    source: Any
    target: Any

    @property
    def in_place(self) -> bool:
        """Whether staging itself is migrated."""
        return self.profile.mode == IN_PLACE


@contextmanager
def connected(settings: Settings) -> Iterator[Places]:
    """Check the settings and connect; closed at the end.

    Raises:
        PermanentError: a setting is missing or refused.
        TransientError: a server does not answer.
    """
    refuse_credentials(settings.profile, settings.taxonomy, settings.decisions)
    profile = load_profile(settings.profile)
    warnings = check(settings, in_place=profile.mode == IN_PLACE)
    with connect(settings.staging_uri) as source, connect(settings.development_uri) as target:
        yield Places(profile, warnings, source, target)


@contextmanager
def opened(settings: Settings) -> Iterator[Registry]:
    """Check the settings, connect, and hand out the stores; closed at the end.

    Raises:
        PermanentError: a setting is missing or refused, or a server is not fit.
        TransientError: a server does not answer.
    """
    with connected(settings) as places:
        profile, in_place, source, target = places.profile, places.in_place, places.source, places.target
        require_replica_set(target)
        if not in_place:
            refuse_one_server_by_two_names(source, target, settings)
        database: Any = target.get_database(settings.development_db)
        preimages = Preimages(database)
        source_database = source.get_database(settings.staging_db)
        staging = Staging(source_database, preimages.restored) if in_place else Staging(source_database)
        development = Development(database, preimages if in_place else None)
        development.refuse_foreign_unique_indexes()
        ledger = MongoLedger(database)
        with LookUps(settings, database) as look_ups:
            yield Registry(
                settings=settings,
                staging=staging,
                development=development,
                preimages=preimages,
                progress=ProgressStore(database),
                workspace=Workspace(database),
                decisions=DecisionStore(database),
                enrichments=EnrichmentStore(database),
                cover_records=CoverRecords(database),
                queue=QueueStore(database),
                claims=ClaimStore(database),
                audit=AuditStore(database),
                curation=CurationStore(database),
                ledger=ledger,
                rollback=RollbackStore(database, preimages if in_place else None),
                assets=Assets(database),
                requests=Requests(database),
                look_ups=look_ups,
                profile=profile,
                taxonomy=pinned_taxonomy(settings, staging),
                decisions_path=settings.decisions,
                warnings=places.warnings,
            )


def check(settings: Settings, *, in_place: bool = False) -> tuple[str, ...]:
    """Refuse what must not be touched, before anything is; returns what is only worth a warning.

    Raises:
        PermanentError: a variable is missing, source and target are one (or, in place, are not), the backup would be
            written into one of them, a name says production and nobody confirmed it, or a place is not on the list of
            allowed ones.
    """
    places = {
        "STAGING": _checked_place(settings, "STAGING", settings.staging_uri, settings.staging_db),
        "DEVELOPMENT": _checked_place(
            settings, "DEVELOPMENT", settings.development_uri, settings.development_db
        ),
    }
    _check_backup(settings)
    if in_place:
        environment.require_same_database(
            places["STAGING"],
            places["DEVELOPMENT"],
            variables=("REGISTRY_STAGING_URI", "REGISTRY_STAGING_DB", "REGISTRY_PROFILE"),
            why="the profile works in place",
        )
    else:
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


def pinned_taxonomy(settings: Settings, staging: Staging) -> Taxonomy:
    """The taxonomy of the file that the settings name, else of the registry's own collection.

    Raises:
        PermanentError: it is missing, ambiguous or no taxonomy.
    """
    if settings.taxonomy.strip():
        table, version = load_taxonomy(Path(settings.taxonomy))
    else:
        table, version = staging.taxonomy()
    return taxonomies.from_table(table, version=version)


def backup_database(settings: Settings) -> str:
    """The database for backups, on development's server."""
    return settings.backup_db.strip() or f"{settings.development_db}-backup"


def _checked_place(settings: Settings, role: str, uri: str, database: str) -> tuple[str, str]:
    name_uri, name_db = f"REGISTRY_{role}_URI", f"REGISTRY_{role}_DB"
    address = environment.required_url(name_uri, uri, schemes=("mongodb", "mongodb+srv"))
    confirmed = {"confirmed": settings.confirmed, "listed_in": "REGISTRY_CONFIRMED"}
    environment.refuse_production(name_uri, *environment.hosts(address), **confirmed)
    environment.refuse_production(name_db, environment.required(name_db, database), **confirmed)
    place = (address, database)
    environment.refuse_unlisted(
        place, allowed=settings.allowed, variable=name_uri, listed_in="REGISTRY_ALLOWED"
    )
    return place


def _check_backup(settings: Settings) -> None:
    """A backup in a database that is migrated would be neither safe nor apart."""
    if not settings.backup_path.strip():
        _check_written_database(settings, backup_database(settings), "REGISTRY_BACKUP_DB")


def check_restored_database(settings: Settings, database: str) -> None:
    """Refuse a database that a backup must not be restored into, by its name.

    Raises:
        PermanentError: it is one of the migration's own, says production, or is not on the list of allowed ones.
    """
    if database == backup_database(settings):
        raise PermanentError("backups are kept there", item="into_database", remedy="Name an empty database")
    _check_written_database(settings, database, "into_database")


def _check_written_database(settings: Settings, database: str, variable: str) -> None:
    if database in (settings.staging_db, settings.development_db):
        raise PermanentError(
            f"{database} is migrated itself",
            item=variable,
            remedy="Name another database",
        )
    if len(database.encode()) > _LONGEST_DATABASE_NAME or {*database} & {*_NOT_IN_DATABASE_NAMES}:
        raise PermanentError(
            f"{database!r} is no name of a database: {_LONGEST_DATABASE_NAME} bytes at most, without any of"
            f" {' '.join(_NOT_IN_DATABASE_NAMES)} and blanks",
            item=variable,
            remedy="Set it to another name",
        )
    environment.refuse_production(
        variable, database, confirmed=settings.confirmed, listed_in="REGISTRY_CONFIRMED"
    )
    environment.refuse_unlisted(
        (settings.development_uri, database),
        allowed=settings.allowed,
        variable=variable,
        listed_in="REGISTRY_ALLOWED",
    )


def refuse_one_server_by_two_names(source: Any, target: Any, settings: Settings) -> None:
    """Refuse two addresses that are aliases of one server: the servers themselves know.

    Raises:
        PermanentError: source and target are the same database.
    """
    if settings.staging_db != settings.development_db:
        return
    # Both lead to their primary, and a process has an id of its own that it tells everyone.
    with transient_errors("staging or development"):
        processes = [
            client.admin.command("hello").get("topologyVersion", {}).get("processId")
            for client in (source, target)
        ]
    if processes[0] is not None and processes[0] == processes[1]:
        raise PermanentError(
            f"two addresses lead to one server, so source and target are the same database ({settings.staging_db})",
            item="REGISTRY_STAGING_URI and REGISTRY_DEVELOPMENT_URI",
            remedy="Point the target at another database: a migration onto its own source is refused",
        )


def require_replica_set(target: Any) -> None:
    """Refuse a server that has no transactions.

    Raises:
        PermanentError: it is no replica set, and no router to some.
    """
    with transient_errors("development"):
        hello = target.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise PermanentError(
            "the server is no replica set, and a document and its ledger record are written in one transaction",
            item="REGISTRY_DEVELOPMENT_URI",
            remedy="Start it with --replSet and initiate the set, or use a server that is one",
        )
