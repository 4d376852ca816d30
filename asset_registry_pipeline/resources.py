"""The one resource: where staging and development are, and by which profile to migrate. No connection at import."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

import dagster as dg

from migration_kit.orchestration import environment_variable

if TYPE_CHECKING:
    from asset_registry_pipeline.stores.connections import Registry
    from asset_registry_pipeline.stores.settings import Settings


_OUTSIDE = (
    "ALBUM_ART_BUCKET",
    "ALBUM_ART_ENDPOINT_URL",
    "ALBUM_ART_ACCESS_KEY_ID",
    "ALBUM_ART_SECRET_ACCESS_KEY",
    "ALBUM_ART_PUBLIC_URL",
    "ALBUM_ART_HOSTS",
    "ALBUM_ART_LOCAL",
    "ALBUM_ART_CA",
    "ITUNES_URL",
    "ITUNES_PER_MINUTE",
    "MUSICBRAINZ_URL",
    "MUSICBRAINZ_CONTACT",
    "COVERART_URL",
    "AI_PROVIDER",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_MODEL",
)
"""Who is asked about songs, and where their covers go: the resource's fields are named as the variables."""


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
    album_art_bucket: str = ""
    album_art_endpoint_url: str = ""
    album_art_access_key_id: str = ""
    album_art_secret_access_key: str = ""
    album_art_public_url: str = ""
    album_art_hosts: str = ""
    album_art_local: str = ""
    album_art_ca: str = ""
    itunes_url: str = ""
    itunes_per_minute: str = ""
    musicbrainz_url: str = ""
    musicbrainz_contact: str = ""
    coverart_url: str = ""
    ai_provider: str = ""
    openai_base_url: str = ""
    openai_api_key: str = ""
    openai_model: str = ""

    def settings(self) -> "Settings":
        """What the environment says, unchecked."""
        # pymongo is imported here, so that the code location loads without it.
        from asset_registry_pipeline.stores.settings import Settings

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
            **{name.lower(): environment_variable(name) for name in _OUTSIDE},
        )
    }
