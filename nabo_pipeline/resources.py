"""What the assets work with, configured from the environment. Nothing connects before an asset asks for it.

Flat on purpose: Dagster's Launchpad overrides only flat fields. The stores behind them are in `stores`.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from migration_kit.environment import required, required_folder, required_url
from migration_kit.orchestration import environment_variable

if TYPE_CHECKING:
    from pathlib import Path

    from migration_kit.ledger.postgres import PostgresLedger
    from migration_kit.pictures.isolation import IsolatedWorkers
    from nabo_pipeline.media.compression import Settings
    from nabo_pipeline.media.estimates import Estimates
    from nabo_pipeline.media.mappings import Mappings
    from nabo_pipeline.stores.backup import Backup
    from nabo_pipeline.stores.reporting import ReportSource
    from nabo_pipeline.stores.state import StateStore
    from nabo_pipeline.stores.storage import Storage
    from nabo_pipeline.stores.target import Target


class BackupResource(dg.ConfigurableResource[None]):
    """The media backup: `place` is `s3://bucket/prefix` or a folder; the rest is for S3 only."""

    place: str
    endpoint_url: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    region: str = ""

    def open(self) -> "Backup":
        """The backup, ready to be listed and read."""
        from migration_kit.s3 import S3Access
        from nabo_pipeline.stores.backup import open_backup

        place = required("S3_BACKUP_PATH", self.place)
        access = S3Access(
            self.endpoint_url, self.access_key, self.secret_key, self.session_token, self.region
        )
        return open_backup(place, access)


class MappingsResource(dg.ConfigurableResource[None]):
    """The folder with the mapping files."""

    folder: str

    @property
    def path(self) -> "Path":
        """The folder, which must be there."""
        return required_folder("NABO_MAPPINGS_PATH", self.folder)

    def read(self) -> "Mappings":
        """All mappings; an error that names the file where one is missing, malformed or empty."""
        from nabo_pipeline.stores.mapping_files import read_mappings

        return read_mappings(self.path)


class PricesResource(dg.ConfigurableResource[None]):
    """The table that a plan's estimates go by: `path` of a YAML file, or empty for the packaged one."""

    path: str = ""

    def read(self) -> "Estimates":
        """The table; an error that names the file and the entry where one is wrong."""
        from nabo_pipeline.stores.estimates_file import read_estimates

        return read_estimates(self.path)


class StorageResource(dg.ConfigurableResource[None]):
    """Supabase Storage."""

    url: str
    service_role_key: str

    def open(self) -> "Storage":
        """A client, safe to use from many threads."""
        from nabo_pipeline.stores.storage import Storage

        url = required_url("SUPABASE_URL", self.url, schemes=("http", "https"))
        return Storage(url, required("SUPABASE_SERVICE_ROLE_KEY", self.service_role_key))


class DatabaseResource(dg.ConfigurableResource[None]):
    """Supabase's PostgreSQL: the target's tables and this migration's own schema beside them."""

    url: str

    @property
    def conninfo(self) -> str:
        """The address, checked."""
        return required_url("NABO_DATABASE_URL", self.url, schemes=("postgresql", "postgres"))

    @contextmanager
    def ledger(self) -> Iterator["PostgresLedger"]:
        """The ledger, its tables made where they are missing."""
        from migration_kit.ledger.postgres import PostgresLedger
        from nabo_pipeline.stores.state import SCHEMA

        with closing(PostgresLedger(self.conninfo, SCHEMA)) as ledger:
            ledger.install()
            yield ledger

    @contextmanager
    def state(self) -> Iterator["StateStore"]:
        """Inventories and plans, their tables made where they are missing."""
        from nabo_pipeline.stores.state import StateStore

        with closing(StateStore(self.conninfo)) as state:
            state.install()
            yield state

    @contextmanager
    def target(self) -> Iterator["Target"]:
        """The target's own tables."""
        from nabo_pipeline.stores.target import Target

        with closing(Target(self.conninfo)) as target:
            yield target

    @contextmanager
    def reports(self, writing: str) -> Iterator["ReportSource"]:
        """One state of everything, to write the report of this name from."""
        from nabo_pipeline.stores.reporting import report_source

        with report_source(self.conninfo, writing=writing) as source:
            yield source


class TransferSettings(dg.ConfigurableResource[None]):
    """How pictures are carried and compressed. Sizes in MiB, times in seconds, savings in percent."""

    workers: int = 2
    """Processes that decode and compress; one file each at a time."""
    threads: int = 8
    """Files on their way at once; the others wait: memory stays bounded."""
    policy: str = "smallest faithful"
    """`smallest faithful`, `keep format` where the bucket takes it, or `as it is`: only private metadata is removed."""
    jpeg_quality: int = 85
    leave_jpeg_at_or_below: int = 86
    """JPEGs of this quality or less get no second loss."""
    optimize_jpeg: bool = True
    """A lossless pass over JPEGs that are not re-encoded: saves 5 to 14%, at 3 to 4 MB/s and core."""
    webp_effort: int = 20
    """0 to 100, for lossless WebP: from 26 it takes half as long again and saves 0 to 1.5% more."""
    max_webp_megapixels: int = 16
    """Larger pictures stay or become PNG: lossless WebP takes 26 to 40 bytes of memory a pixel."""
    animated_gif_to_webp: bool = False
    """Animated GIFs become animated WebPs, frame by frame the same, where the bucket takes no GIF; else: excluded."""
    min_saving_lossless: float = 2.0
    min_saving_lossy: float = 10.0
    similarity_floor_jpeg: float = 0.95
    similarity_floor_webp: float = 0.95
    """Least SSIM (0 to 1) of a result with loss; WebP has loss only where the bucket's limit forces it."""
    max_mib: int = 25
    max_megapixels: int = 50
    max_frames: int = 60
    max_frame_megapixels: int = 500
    """Of all frames of an animation together."""
    max_seconds: int = 120
    """For one file: the slowest (PNG of 50 megapixels) take some 20."""
    max_memory_mib: int = 2048
    """Address space of a process that decodes: beyond it the file is kept as it is, or quarantined."""

    def rules(self) -> "Settings":
        """The settings as the compression's rules take them. Raises PermanentError for a policy that there is not."""
        from migration_kit.failures import PermanentError
        from migration_kit.pictures.bounds import MIB
        from nabo_pipeline.media.compression import POLICIES, Settings

        if self.policy not in POLICIES:
            raise PermanentError(
                f"there is no policy {self.policy!r}",
                item="transfer.policy",
                remedy=f"Set one of: {', '.join(POLICIES)}.",
            )
        floor = {"image/jpeg": self.similarity_floor_jpeg, "image/webp": self.similarity_floor_webp}
        return Settings(
            policy=self.policy,
            jpeg_quality=self.jpeg_quality,
            leave_jpeg_at_or_below=self.leave_jpeg_at_or_below,
            optimize_jpeg=self.optimize_jpeg,
            webp_effort=self.webp_effort,
            max_webp_pixels=self.max_webp_megapixels * 1_000_000,
            animated_gif_to_webp=self.animated_gif_to_webp,
            min_saving_lossless=self.min_saving_lossless,
            min_saving_lossy=self.min_saving_lossy,
            similarity_floor=floor,
            max_bytes=self.max_mib * MIB,
            max_pixels=self.max_megapixels * 1_000_000,
            max_frames=self.max_frames,
            max_frame_pixels=self.max_frame_megapixels * 1_000_000,
            max_seconds=self.max_seconds,
            max_memory=self.max_memory_mib * MIB,
        )

    @contextmanager
    def isolated(self) -> Iterator["IsolatedWorkers"]:
        """The worker processes, with their limits."""
        from migration_kit.pictures.isolation import isolated_workers

        rules = self.rules()
        with isolated_workers(self.workers, seconds=rules.max_seconds, memory=rules.max_memory) as workers:
            yield workers


def resources() -> dict[str, dg.ConfigurableResource[None]]:
    """All resources, from the environment. A variable that is unset is named when it is needed."""
    return {
        "backup": BackupResource(
            place=environment_variable("S3_BACKUP_PATH"),
            endpoint_url=environment_variable("S3_ENDPOINT_URL"),
            access_key=environment_variable("AWS_ACCESS_KEY_ID"),
            secret_key=environment_variable("AWS_SECRET_ACCESS_KEY"),
            session_token=environment_variable("AWS_SESSION_TOKEN"),
            region=environment_variable("AWS_REGION"),
        ),
        "prices": PricesResource(path=environment_variable("NABO_PRICES")),
        "mappings": MappingsResource(folder=environment_variable("NABO_MAPPINGS_PATH")),
        "storage": StorageResource(
            url=environment_variable("SUPABASE_URL"),
            service_role_key=environment_variable("SUPABASE_SERVICE_ROLE_KEY"),
        ),
        "database": DatabaseResource(url=environment_variable("NABO_DATABASE_URL")),
        "transfer": TransferSettings(),
    }
