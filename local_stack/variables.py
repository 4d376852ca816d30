"""Which environment variables stand for which server of the stack. Pure: nothing is started or asked here."""

from collections.abc import Mapping
from pathlib import Path

from local_stack.servers import music, openai_api
from local_stack.servers.postgres import database_url
from local_stack.servers.process import Server

BACKUP_BUCKET = "nabo-backup"
ALBUM_ART_BUCKET = "nna-registry-assets-dev"
DATABASES = {
    "DAGSTER_POSTGRES_URL": "dagster",
    "NABO_DATABASE_URL": "nabo",
    "ARTWORK_DATABASE_URL": "artwork",
}
REGISTRY_URIS = ("REGISTRY_STAGING_URI", "REGISTRY_DEVELOPMENT_URI")
_S3_CLIENT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
_PATHS_AND_NAMES = (
    *("REGISTRY_STAGING_DB", "REGISTRY_DEVELOPMENT_DB", "REGISTRY_PROFILE", "REGISTRY_TAXONOMY"),
    *("REGISTRY_DECISIONS", "NABO_MAPPINGS_PATH", "REPORTS_PATH"),
)
_ALBUM_ART = tuple(
    f"ALBUM_ART_{name}"
    for name in ("BUCKET", "ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "PUBLIC_URL")
)
_MUSIC = (
    *("ITUNES_URL", "ITUNES_PER_MINUTE", "MUSICBRAINZ_URL", "MUSICBRAINZ_CONTACT", "COVERART_URL"),
    *("ALBUM_ART_LOCAL", "ALBUM_ART_CA"),
)
_PROVIDER = ("AI_PROVIDER", "OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL")
VARIABLES = (
    *DATABASES,
    *REGISTRY_URIS,
    *("S3_BACKUP_PATH", "S3_ENDPOINT_URL", *_S3_CLIENT),
    *("SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY"),
    *(*_ALBUM_ART, *_MUSIC, *_PROVIDER),
    *_PATHS_AND_NAMES,
)


def given_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """What a person has set of the stack's variables; an empty one counts as not set."""
    names = (*VARIABLES, "AWS_SESSION_TOKEN")
    return {name: environment[name] for name in names if environment.get(name)}


def parts_to_start(given: Mapping[str, str]) -> list[str]:
    """The servers that the given variables do not replace.

    PostgreSQL and MongoDB are needed as long as one of their databases is not given. The S3 store is
    replaced by a backup path or an endpoint, Storage by its url, the music services by the first of theirs, the
    model by an address or a key.
    """
    replaced = {
        "postgres": all(name in given for name in DATABASES),
        "mongo": all(name in given for name in REGISTRY_URIS),
        "s3": "S3_BACKUP_PATH" in given or "S3_ENDPOINT_URL" in given,
        "storage": "SUPABASE_URL" in given,
        "music": "ITUNES_URL" in given,
        "openai_api": "OPENAI_BASE_URL" in given or "OPENAI_API_KEY" in given,
    }
    return [part for part, is_replaced in replaced.items() if not is_replaced]


def stack_environment(
    running: Mapping[str, Server], given: Mapping[str, str], *, data_dir: Path, project: Path
) -> dict[str, str]:
    """Every variable the pipelines and Dagster read: a given one as it is, the others from the running servers."""
    defaults = {
        "REGISTRY_STAGING_DB": "nna-registry-service-staging",
        "REGISTRY_DEVELOPMENT_DB": "nna-registry-service-dev",
        "REGISTRY_PROFILE": "default",
        "REGISTRY_TAXONOMY": "",
        "REGISTRY_DECISIONS": str(data_dir / "registry" / "decisions.csv"),
        "NABO_MAPPINGS_PATH": str(data_dir / "nabo" / "mappings"),
        "S3_BACKUP_PATH": f"s3://{BACKUP_BUCKET}/backup",
        "REPORTS_PATH": str(project / "reports"),
    }
    return defaults | dict(given) | _of_servers(running, given)


def _of_servers(running: Mapping[str, Server], given: Mapping[str, str]) -> dict[str, str]:
    ours: dict[str, str] = {}
    if server := running.get("postgres"):
        for name, database in DATABASES.items():
            ours[name] = database_url(server, database)
        # SQLAlchemy, which Dagster uses, reads a bare postgresql:// as psycopg 3; Dagster brings psycopg2.
        ours["DAGSTER_POSTGRES_URL"] = ours["DAGSTER_POSTGRES_URL"].replace(
            "postgresql://", "postgresql+psycopg2://"
        )
    if server := running.get("mongo"):
        ours |= dict.fromkeys(REGISTRY_URIS, server.url)
    if server := running.get("music"):
        # The stand-in is asked as fast as it answers.
        ours |= {**music.environment(server), "ITUNES_PER_MINUTE": "6000"}
    if server := running.get("openai_api"):
        # The rules make the metadata unless somebody asks for the model.
        ours |= {**openai_api.environment(server), "AI_PROVIDER": "rules"}
    if (server := running.get("s3")) and "ALBUM_ART_BUCKET" not in given:
        ours |= {
            "ALBUM_ART_BUCKET": ALBUM_ART_BUCKET,
            "ALBUM_ART_ENDPOINT_URL": server.url,
            "ALBUM_ART_ACCESS_KEY_ID": server.credentials["access_key"],
            "ALBUM_ART_SECRET_ACCESS_KEY": server.credentials["secret_key"],
            "ALBUM_ART_PUBLIC_URL": f"{server.url}/{ALBUM_ART_BUCKET}",
        }
    ours = {name: value for name, value in ours.items() if name not in given}
    if server := running.get("s3"):
        ours |= {
            "S3_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": server.credentials["access_key"],
            "AWS_SECRET_ACCESS_KEY": server.credentials["secret_key"],
            "AWS_REGION": server.credentials["region"],
        }
        if "AWS_SESSION_TOKEN" in given:  # belongs to other credentials; a request signed with it is refused
            ours["AWS_SESSION_TOKEN"] = ""
    if server := running.get("storage"):
        ours |= {
            "SUPABASE_URL": server.url,
            "SUPABASE_SERVICE_ROLE_KEY": server.credentials["service_role_key"],
        }
    return ours
