"""A small media backup and an empty target on real servers, and the code location run on them through Dagster."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from local_stack.sources.media import SMALL, Filled, fill
from local_stack.sources.media.servers import install_schema
from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.ledger.postgres import PostgresLedger
from nabo_pipeline.stores.rollback import RollbackStore
from nabo_pipeline.stores.state import SCHEMA, StateStore

# Its assertions, too, tell what they compared.
pytest.register_assert_rewrite("tests.integration.nabo_pipeline.report_checks")
pytest.register_assert_rewrite("tests.integration.nabo_pipeline.rollback_runs")

STAGES = ("media_inventory", "migration_plan", "images", "media_records", "media_validation")


@dataclass(frozen=True)
class Place:
    """One migration's own servers, filled. `environment` holds every variable that the pipeline reads."""

    environment: Mapping[str, str]
    filled: Filled
    instance: dg.DagsterInstance
    reports: Path

    def run(self, category: str | None, *names: str) -> dg.ExecuteInProcessResult:
        """Materialises assets of one category (all stages if none is named); errors are in the result, not raised."""
        from nabo_pipeline.definitions import build_defs

        job = build_defs().resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            partition_key=category,
            asset_selection=[dg.AssetKey(["nabo", name]) for name in names or STAGES],
            raise_on_error=False,
        )

    def migrate(self) -> dict[str, dg.ExecuteInProcessResult]:
        """Every category and the report."""
        results = {category: self.run(category) for category in ("profile", "service", "chat", "other")}
        return results | {"report": self.run(None, "migration_report")}

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.environment["NABO_DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(text.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def bucket(self, name: str) -> Any:
        from local_stack.sources.media.servers import storage_client

        return storage_client(self.environment).from_(name)

    def objects(self) -> dict[str, dict[str, Any]]:
        """Every object of the target: bucket/path -> what Storage tells of it."""
        found = {}
        for bucket in ("avatars", "service-media", "chat-media"):
            client = self.bucket(bucket)
            stack = [""]
            while stack:
                folder = stack.pop()
                for entry in client.list(folder, {"limit": 1000}):
                    path = f"{folder}/{entry['name']}".lstrip("/")
                    if entry["id"] is None:
                        stack.append(path)
                    else:
                        found[f"{bucket}/{path}"] = entry
        return found

    def outcomes(self) -> dict[str, tuple[str, str | None]]:
        rows = self.query("select item, state, reason from nabo_migration.outcomes")
        return {item: (state, reason) for item, state, reason in rows}

    def put(self, key: str, data: bytes) -> None:
        from local_stack.sources.media.servers import put_backup

        put_backup(self.environment, [(key, data)])

    def backup_bytes(self, key: str) -> bytes:
        """A file of the backup on S3."""
        client, place = self._backup(key)
        return bytes(client.get_object(**place)["Body"].read())

    def remove_from_backup(self, key: str) -> None:
        client, place = self._backup(key)
        client.delete_object(**place)

    def _backup(self, key: str) -> tuple[Any, dict[str, str]]:
        from local_stack.sources.media.servers import s3_client

        bucket, _, prefix = self.environment["S3_BACKUP_PATH"].removeprefix("s3://").partition("/")
        return s3_client(self.environment), {"Bucket": bucket, "Key": f"{prefix}/{key}"}

    def migrated(self, category: str) -> list[dict[str, Any]]:
        """What the ledger says of each migrated file of a category, in the order of the items."""
        rows = self.query(
            "select item, target_hash, detail from nabo_migration.outcomes"
            " where state = 'migrated' and partition = %s order by item",
            category,
        )
        return [{"item": item, "target_hash": target_hash, **detail} for item, target_hash, detail in rows]


@pytest.fixture
def place(  # noqa: PLR0917 - fixtures
    s3, storage, postgres_url, reports_path, tmp_path, monkeypatch
) -> Iterator[Place]:
    """A place of its own for one test: 50 files on S3."""
    yield from make_place(
        {
            "S3_BACKUP_PATH": f"s3://{s3.bucket}/backup",
            "S3_ENDPOINT_URL": s3.endpoint_url,
            "AWS_ACCESS_KEY_ID": s3.access_key,
            "AWS_SECRET_ACCESS_KEY": s3.secret_key,
            "AWS_REGION": s3.region,
        },
        storage, postgres_url, reports_path, tmp_path, monkeypatch,
    )  # fmt: skip


@pytest.fixture
def folder_place(storage, postgres_url, reports_path, tmp_path, monkeypatch) -> Iterator[Place]:
    """The same, its backup in a folder."""
    backup = tmp_path / "backup"
    backup.mkdir()
    yield from make_place(
        {"S3_BACKUP_PATH": str(backup)}, storage, postgres_url, reports_path, tmp_path, monkeypatch
    )


def make_place(  # noqa: PLR0917
    backup: dict[str, str], storage: Any, postgres_url: str, reports: Path, tmp_path: Path, monkeypatch: Any
) -> Iterator[Place]:
    environment = backup | {
        "NABO_MAPPINGS_PATH": str(tmp_path / "mappings"),
        "NABO_DATABASE_URL": postgres_url,
        "SUPABASE_URL": storage.url,
        "SUPABASE_SERVICE_ROLE_KEY": storage.service_role_key,
    }
    for name in ("AWS_SESSION_TOKEN", "DASK_SCHEDULER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert os.environ["NABO_DATABASE_URL"] == postgres_url
    filled = fill(environment, shape=SMALL)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Place(environment, filled, instance, reports)


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def ledger(postgres_url, monkeypatch, tmp_path):
    """A target's database with an installed, empty ledger, and mapping files of one user and one service."""
    install_schema(postgres_url)
    for name, value in {"NABO_DATABASE_URL": postgres_url, "NABO_MAPPINGS_PATH": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "user-id-mapping.json").write_text('{"metadata": {}, "mapping": {"a": "b"}}')
    service = {"success": True, "original_id": "s", "supabase_id": "s", "stylist_id": "b"}
    (tmp_path / "services-created.json").write_text(json.dumps({"metadata": {}, "results": [service]}))
    with closing(StateStore(postgres_url)) as state, closing(PostgresLedger(postgres_url, SCHEMA)) as made:
        made.install()
        state.install()
        with closing(RollbackStore(postgres_url)) as history:
            history.install()
        yield made


@pytest.fixture
def passed(ledger):
    """Publishes a passed verdict of a category's stage: its run and its candidate may be named."""

    def publish(stage: str, category: str, run: str = "run", candidate: str = "c") -> None:
        ledger.publish(Verdict.now(stage, category, candidate, VerdictStatus.PASSED, run))

    return publish
