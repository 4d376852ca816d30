"""Every environment variable that the migrations read, with its meaning and an example; values are not checked here."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """A variable: what it means, an example of its value, and whether it is optional."""

    meaning: str
    example: str
    optional: bool = False


VARIABLES: Mapping[str, Variable] = {
    "DAGSTER_POSTGRES_URL": Variable(
        "Dagster's own storage", "postgresql+psycopg2://dagster@localhost:5432/dagster"
    ),
    "REPORTS_PATH": Variable("folder for JSON and HTML reports", "./reports", optional=True),
    "DASK_SCHEDULER_ADDRESS": Variable(
        "Dask cluster for per-item work", "tcp://scheduler.example:8786", optional=True
    ),
    "S3_BACKUP_PATH": Variable("the media backup: s3://bucket/prefix or a folder", "s3://nabo-backup/media"),
    "S3_ENDPOINT_URL": Variable(
        "endpoint of an S3-compatible store; unset for AWS", "https://s3.example", optional=True
    ),
    "AWS_ACCESS_KEY_ID": Variable("key id for the backup", "AKIA...", optional=True),
    "AWS_SECRET_ACCESS_KEY": Variable("its secret", "...", optional=True),
    "AWS_REGION": Variable("region of the backup", "eu-north-1", optional=True),
    "NABO_MAPPINGS_PATH": Variable("folder with the mapping files", "./mappings"),
    "NABO_PRICES": Variable(
        "YAML with prices and rates for the plan's estimates; unset for the packaged one",
        "./prices.yaml",
        optional=True,
    ),
    "SUPABASE_URL": Variable("address of Supabase, without /storage/v1", "https://project.supabase.example"),
    "SUPABASE_SERVICE_ROLE_KEY": Variable("Supabase's service-role key", "eyJ..."),
    "NABO_DATABASE_URL": Variable("Supabase's PostgreSQL", "postgresql://postgres@localhost:5432/postgres"),
    "REGISTRY_STAGING_URI": Variable("MongoDB of staging; read only", "mongodb://localhost:27017"),
    "REGISTRY_STAGING_DB": Variable("database of staging", "nna-registry-service-staging"),
    "REGISTRY_DEVELOPMENT_URI": Variable(
        "MongoDB of development", "mongodb://localhost:27017/?replicaSet=rs0"
    ),
    "REGISTRY_DEVELOPMENT_DB": Variable("database of development", "nna-registry-service-dev"),
    "REGISTRY_ALLOWED": Variable(
        "HOST/DATABASE patterns, separated by commas, that the registry may be on; unset: on this machine only",
        "*.dev.example/nna-registry-service-*",
        optional=True,
    ),
    "REGISTRY_PROFILE": Variable(
        "plan_000, plan_001, plan_002, default, or the path of a YAML profile", "default", optional=True
    ),
    "REGISTRY_TAXONOMY": Variable(
        "path of a taxonomy JSON; unset for the registry's own collection", "./taxonomy.json", optional=True
    ),
    "REGISTRY_DECISIONS": Variable(
        "CSV of recorded curator decisions, imported before the songs", "./decisions.csv", optional=True
    ),
    "REGISTRY_BACKUP_DB": Variable(
        "database for backups of staging, on development's server; unset: REGISTRY_DEVELOPMENT_DB with -backup",
        "nna-registry-service-dev-backup",
        optional=True,
    ),
    "REGISTRY_BACKUP_PATH": Variable(
        "folder for backups of staging as file archives, in place of a database", "./backups", optional=True
    ),
    "REGISTRY_CONFIRMED": Variable(
        "names with 'prod' in them that are meant all the same, separated by commas",
        "product-registry-dev",
        optional=True,
    ),
    "REGISTRY_WORKERS": Variable(
        "processes for layers of 20,000 documents and more; unset: one for each core", "4", optional=True
    ),
    "ALBUM_ART_BUCKET": Variable(
        "bucket for the album art of songs; unset: songs go without", "nna-registry-assets-dev", optional=True
    ),
    "ALBUM_ART_ENDPOINT_URL": Variable(
        "endpoint of its S3-compatible store; unset for AWS",
        "https://storage.googleapis.com",
        optional=True,
    ),
    "ALBUM_ART_ACCESS_KEY_ID": Variable(
        "key id for that bucket; unset: AWS_ACCESS_KEY_ID", "GOOG...", optional=True
    ),
    "ALBUM_ART_SECRET_ACCESS_KEY": Variable("its secret; unset: AWS_SECRET_ACCESS_KEY", "...", optional=True),
    "ALBUM_ART_PUBLIC_URL": Variable(
        "public address that leads to the bucket's objects; unset: endpoint and bucket",
        "https://storage.googleapis.com/nna-registry-assets-dev",
        optional=True,
    ),
    "ALBUM_ART_HOSTS": Variable(
        "hosts that album art may be fetched from besides Apple's and the Cover Art Archive's, separated by commas",
        "pictures.example",
        optional=True,
    ),
    "ALBUM_ART_LOCAL": Variable(
        "HOST:PORT that may be at a private address, for a stand-in on this machine only, separated by commas",
        "localhost:8443",
        optional=True,
    ),
    "ALBUM_ART_CA": Variable(
        "PEM of the authority that certified the hosts of ALBUM_ART_LOCAL", "./authority.pem", optional=True
    ),
    "ITUNES_URL": Variable(
        "the iTunes Search API; unset for Apple's", "https://itunes.apple.com", optional=True
    ),
    "ITUNES_PER_MINUTE": Variable("calls a minute that it may get; unset: 20", "20", optional=True),
    "MUSICBRAINZ_URL": Variable("MusicBrainz; unset for its own", "https://musicbrainz.org", optional=True),
    "MUSICBRAINZ_CONTACT": Variable(
        "e-mail or page that MusicBrainz is told, as it demands; unset: it is not asked",
        "https://registry.example/contact",
        optional=True,
    ),
    "COVERART_URL": Variable(
        "the Cover Art Archive; unset for its own", "https://coverartarchive.org", optional=True
    ),
    "AI_PROVIDER": Variable(
        "who makes the metadata of songs: rules (offline) or openai; unset: rules", "rules", optional=True
    ),
    "OPENAI_BASE_URL": Variable(
        "an address that speaks OpenAI's protocol; unset for OpenAI's",
        "https://api.openai.com/v1",
        optional=True,
    ),
    "OPENAI_API_KEY": Variable("its key; needed for AI_PROVIDER=openai", "sk-...", optional=True),
    "OPENAI_MODEL": Variable("its model; needed for AI_PROVIDER=openai", "gpt-4o-mini", optional=True),
    "CURATOR_TOKENS": Variable(
        "who may use the desk: NAME:ROLE:SHA256-OF-TOKEN, separated by commas or lines",
        "ada:curator:9f86d081...",
        optional=True,
    ),
    "CURATOR_TOKENS_FILE": Variable(
        "file with such lines, read anew at each login", "./curators", optional=True
    ),
    "DESK_URL": Variable(
        "address under which curators open the desk; unset: where it listens",
        "https://desk.example",
        optional=True,
    ),
    "ARTWORK_DATABASE_URL": Variable(
        "PostgreSQL of the artworks", "postgresql://artwork@localhost:5432/artwork"
    ),
    "ARTWORK_PARTITIONS": Variable(
        "how the artworks are cut into partitions: months, or hash:N for N buckets by id; unset: months",
        "hash:16",
        optional=True,
    ),
}
"""Every variable that the migrations read; ``.env.example`` lists the same."""
