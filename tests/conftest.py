"""Fixtures every test may use: real servers, started when first asked for, and fresh places in them.

A run that asks for none of them starts no server. What only one package's tests need belongs beside those
tests.
"""

import gc
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local_stack.music.control import MusicControl
from local_stack.servers import postgres
from local_stack.stack import Servers, Stack
from local_stack.variables import DATABASES, stack_environment

# It waits minutes for Dagster's ticks: begun first, it runs beside all the others.
LONGEST = "test_migrations_through_dagster.py"


def pytest_collection_finish() -> None:
    """Look for garbage less often: what thousands of tests and their libraries are made of is none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, the others in their order."""
    items.sort(key=lambda item: item.path.name != LONGEST)


@dataclass(frozen=True)
class MongoPlace:
    """A replica set and two database names that nobody else uses."""

    uri: str
    staging: str
    development: str


@dataclass(frozen=True)
class S3Place:
    """An S3 store, the credentials it verifies, and an empty bucket of one's own."""

    endpoint_url: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str
    bucket: str


@dataclass(frozen=True)
class StorageProject:
    """A Supabase project of one's own: `url` is what SUPABASE_URL holds; no bucket exists yet."""

    url: str
    service_role_key: str = field(repr=False)


@dataclass(frozen=True)
class MusicPlace:
    """The stand-in for music services: how to order faults of it, and the variables that lead the registry to it."""

    url: str
    control: MusicControl
    environment: dict[str, str]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this test session; `servers["mongo"]` starts one that does not run yet."""
    # Not pytest's own temporary folder: PostgreSQL's user may not enter it when the tests run as root.
    data_dir = Path(tempfile.mkdtemp(prefix="stack-of-tests-"))
    data_dir.chmod(0o711)
    servers = Servers(data_dir, durable=False)
    try:
        yield servers
    finally:
        servers.stop()
        shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def stack(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The whole stack on free ports, as `python -m local_stack up` runs it, its reports in a temporary folder."""
    servers.start(["postgres", "mongo", "s3", "storage", "music", "openai_api"])
    postgres.ensure_databases(servers["postgres"], DATABASES.values())
    project = tmp_path_factory.mktemp("project")
    environment = stack_environment(servers.running, {}, data_dir=servers.data_dir, project=project)
    return Stack(servers.data_dir, environment, servers.running)


@pytest.fixture
def postgres_url(servers: Servers) -> Iterator[str]:
    """A plain `postgresql://` url of a fresh, empty database, dropped after the test."""
    import psycopg
    from psycopg import sql

    server = servers["postgres"]
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield postgres.database_url(server, name)
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def mongo_place(servers: Servers) -> Iterator[MongoPlace]:
    """A replica set with two fresh database names, dropped at the end."""
    from pymongo import MongoClient

    name = f"test-{uuid.uuid4().hex[:12]}"
    place = MongoPlace(servers["mongo"].url, f"{name}-staging", f"{name}-dev")
    yield place
    with MongoClient[dict[str, object]](place.uri) as client:
        client.drop_database(place.staging)
        client.drop_database(place.development)
        client.drop_database(f"{place.development}-backup")


@pytest.fixture
def mongo(servers: Servers) -> Iterator[MongoPlace]:
    """A replica set with two fresh database names, dropped after the test."""
    with mongo_place(servers) as place:
        yield place


@pytest.fixture(scope="module")
def mongo_of_module(servers: Servers) -> Iterator[MongoPlace]:
    """The same for all tests of a module together, which then only look at what one of them would have made."""
    with mongo_place(servers) as place:
        yield place


@contextmanager
def s3_place(servers: Servers) -> Iterator[S3Place]:
    """An S3 store with a fresh, empty bucket, removed with its objects at the end."""
    import boto3

    server = servers["s3"]
    place = S3Place(endpoint_url=server.url, bucket=f"test-{uuid.uuid4().hex[:20]}", **server.credentials)
    bucket = boto3.resource(
        "s3",
        endpoint_url=place.endpoint_url,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name=place.region,
    ).Bucket(place.bucket)
    bucket.create()
    yield place
    bucket.objects.delete()
    bucket.delete()


@pytest.fixture
def s3(servers: Servers) -> Iterator[S3Place]:
    """An S3 store with a fresh, empty bucket, removed with its objects after the test."""
    with s3_place(servers) as place:
        yield place


@pytest.fixture
def storage(servers: Servers) -> Iterator[StorageProject]:
    """A fresh project of the Supabase Storage stand-in, without buckets; removed after the test."""
    from local_stack.storage_api.control import StorageControl

    server = servers["storage"]
    place = StorageProject(f"{server.url}/projects/test-{uuid.uuid4().hex[:12]}", **server.credentials)
    yield place
    StorageControl(place.url, place.service_role_key).remove_project()


@contextmanager
def music_place(servers: Servers) -> Iterator[MusicPlace]:
    """The stand-in for music services as at its start; what is ordered of it is forgotten at the end."""
    from local_stack.servers.music import environment

    server = servers["music"]
    control = MusicControl(server.url, server.credentials["authority"])
    control.reset()
    yield MusicPlace(server.url, control, environment(server))
    control.reset()


@pytest.fixture
def music(servers: Servers) -> Iterator[MusicPlace]:
    """The stand-in for music services as at its start; what a test orders of it is forgotten after the test."""
    with music_place(servers) as place:
        yield place


@pytest.fixture
def reports_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that REPORTS_PATH names during the test."""
    path = tmp_path / "reports"
    path.mkdir()
    monkeypatch.setenv("REPORTS_PATH", str(path))
    return path
