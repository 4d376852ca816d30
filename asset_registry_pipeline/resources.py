"""The one resource: where staging and development are, and by which profile to migrate. No connection at import."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

import dagster as dg

from migration_kit.orchestration import environment_variable

if TYPE_CHECKING:
    from asset_registry_pipeline.stores.connections import Registry, Settings


class RegistryResource(dg.ConfigurableResource[None]):
    """Addresses from the environment; `open` connects after every check that needs no write."""

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

    def settings(self) -> "Settings":
        """What the environment says, unchecked."""
        # pymongo is imported here, so that the code location loads without it.
        from asset_registry_pipeline.stores.connections import Settings

        return Settings(**{field.name: getattr(self, field.name) for field in fields(Settings)})

    @contextmanager
    def open(self) -> Iterator["Registry"]:
        """The stores, open; closed at the end.

        Raises:
            PermanentError: a setting is missing or refused, or a server is not fit.
            TransientError: a server does not answer.
        """
        from asset_registry_pipeline.stores.connections import opened

        with opened(self.settings()) as registry:
            yield registry


def resources() -> dict[str, dg.ConfigurableResource[None]]:
    """All resources, from the environment. A variable that is unset is named when it is needed."""
    return {
        "registry": RegistryResource(
            staging_uri=environment_variable("REGISTRY_STAGING_URI"),
            staging_db=environment_variable("REGISTRY_STAGING_DB"),
            development_uri=environment_variable("REGISTRY_DEVELOPMENT_URI"),
            development_db=environment_variable("REGISTRY_DEVELOPMENT_DB"),
            profile=environment_variable("REGISTRY_PROFILE"),
            taxonomy=environment_variable("REGISTRY_TAXONOMY"),
            decisions=environment_variable("REGISTRY_DECISIONS"),
            allowed=environment_variable("REGISTRY_ALLOWED"),
            workers=environment_variable("REGISTRY_WORKERS"),
            backup_db=environment_variable("REGISTRY_BACKUP_DB"),
            backup_path=environment_variable("REGISTRY_BACKUP_PATH"),
            confirmed=environment_variable("REGISTRY_CONFIRMED"),
        )
    }
