"""The settings of a migration as the environment gives them, unchecked; checking them is for `connections`."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """What the environment says: where from, where to, what is allowed, which profile, taxonomy and decisions.

    From `album_art_bucket` on, named as their variables: who is asked about songs, and where their covers go.
    """

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
    album_art_secret_access_key: str = field(default="", repr=False)
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
    openai_api_key: str = field(default="", repr=False)
    openai_model: str = ""
