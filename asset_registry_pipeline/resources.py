"""The one resource: where staging and development are, and by which profile to migrate. No connection at import."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from migration_kit.orchestration import environment_variable

if TYPE_CHECKING:
    from asset_registry_pipeline.stores.connections import Registry


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

    @contextmanager
    def open(self) -> Iterator["Registry"]:
        """The stores, open; closed at the end.

        Raises:
            PermanentError: a setting is missing or refused, or a server is not fit.
            TransientError: a server does not answer.
        """
        # pymongo is imported here, so that the code location loads without it.
        from asset_registry_pipeline.stores.connections import Settings, opened

        with opened(
            Settings(
                self.staging_uri,
                self.staging_db,
                self.development_uri,
                self.development_db,
                self.profile,
                self.taxonomy,
                self.decisions,
                self.allowed,
            )
        ) as registry:
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
        )
    }
