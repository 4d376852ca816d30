"""The four servers, really started: on which port, with which data, and that nothing is left of them."""

import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest
from botocore.exceptions import ClientError
from pymongo import MongoClient
from supabase import create_client

from local_stack.servers import Server, ServerFailed, mongo, postgres, s3, storage
from local_stack.servers.ports import free_ports
from local_stack.servers.secrets import local_credentials
from local_stack.stack import Servers, make_data_dir

_NAMES = ["postgres", "mongo", "s3", "storage"]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that PostgreSQL's user may reach."""
    path = Path(tempfile.mkdtemp(prefix="stack-of-a-test-"))
    path.chmod(0o711)
    yield make_data_dir(path)
    shutil.rmtree(path)


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Server]]:
    """Start one server on the data folder; whatever is started ends with the test."""
    started: list[Server] = []
    secrets = local_credentials(data_dir)
    starters: dict[str, Callable[[int | None], Server]] = {
        "postgres": lambda port: postgres.start(
            data_dir, password=secrets["postgres_password"], preferred_port=port, durable=False
        ),
        "mongo": lambda port: mongo.start(data_dir, preferred_port=port),
        "s3": lambda port: s3.start(
            data_dir,
            access_key=secrets["s3_access_key"],
            secret_key=secrets["s3_secret_key"],
            buckets=["bucket"],
            preferred_port=port,
        ),
        "storage": lambda port: storage.start(
            data_dir, jwt_secret=secrets["storage_jwt_secret"], preferred_port=port
        ),
    }

    def start(name: str, preferred_port: int | None = None) -> Server:
        started.append(starters[name](preferred_port))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def _s3_client(server: Server, **changes: str):
    credentials = {**server.credentials, **changes}
    return boto3.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=credentials["access_key"],
        aws_secret_access_key=credentials["secret_key"],
        region_name=credentials["region"],
    )


def _write(server: Server) -> None:
    if server.name == "postgres":
        with psycopg.connect(server.url) as connection:
            connection.execute("create table kept as select 42 as value")
    elif server.name == "mongo":
        with (
            MongoClient(server.url) as client,
            client.start_session() as session,
            session.start_transaction(),
        ):
            client.test.kept.insert_one({"value": 42}, session=session)
    elif server.name == "s3":
        _s3_client(server).put_object(Bucket="bucket", Key="kept", Body=b"42")
    else:
        client = create_client(server.url, server.credentials["service_role_key"]).storage
        client.create_bucket("bucket")
        client.from_("bucket").upload("kept", b"42")


def _read(server: Server) -> object:
    if server.name == "postgres":
        with psycopg.connect(server.url) as connection:
            return connection.execute("select value from kept").fetchone()[0]
    if server.name == "mongo":
        with MongoClient(server.url) as client:
            return client.test.kept.find_one()["value"]
    if server.name == "s3":
        return int(_s3_client(server).get_object(Bucket="bucket", Key="kept")["Body"].read())
    return int(
        create_client(server.url, server.credentials["service_role_key"])
        .storage.from_("bucket")
        .download("kept")
    )


@pytest.mark.parametrize("name", _NAMES)
def test_a_server_works_around_a_taken_port_ends_wholly_and_finds_its_data_on_another(start, name):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        first = start(name, taken.getsockname()[1])
        assert first.port != taken.getsockname()[1]
    _write(first)
    family = [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.process.keeper.pid)]
    first.stop()
    assert not psutil.pid_exists(first.pid)
    assert psutil.wait_procs(family, timeout=10)[1] == []
    assert not first.alive

    port = free_ports(1)[0]
    second = start(name, port)

    assert second.port == port
    assert _read(second) == 42


def test_a_killed_server_is_noticed(start):
    server = start("storage")
    psutil.Process(server.pid).kill()
    server.process.keeper.wait()
    assert not server.alive
    assert str(server.process.failure()).startswith("storage stopped by itself")


def test_postgres_refuses_data_of_another_version(start, data_dir):
    start("postgres").stop()
    (data_dir / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(ServerFailed, match=r"was made by PostgreSQL 9\.6, this is 18"):
        start("postgres")


def test_postgres_says_so_when_the_password_is_not_that_of_the_data(start, data_dir):
    start("postgres").stop()
    with pytest.raises(ServerFailed, match=r"not to the password in credentials\.json") as failure:
        postgres.start(data_dir, password="another", durable=False)
    assert "another" not in str(failure.value)


def test_a_broken_installation_of_the_data_is_started_over(start, data_dir):
    (data_dir / "postgres" / "data.partial").mkdir(parents=True)
    (data_dir / "postgres" / "data.partial" / "PG_VERSION").write_text("half")
    assert start("postgres").alive


def test_mongo_is_a_replica_set_with_transactions(servers):
    with MongoClient(servers["mongo"].url) as client:
        assert client.admin.command("hello")["setName"] == "rs0"


def test_the_s3_store_refuses_a_wrong_signature(servers):
    with pytest.raises(ClientError) as refusal:
        _s3_client(servers["s3"], secret_key="wrong").list_buckets()
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_postgres_refuses_a_wrong_password(servers):
    url = servers["postgres"].url.replace(servers["postgres"].credentials["password"], "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_every_server_listens_on_the_loopback_address_only_and_takes_its_share_of_memory(stack):
    for server in stack.servers.values():
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        # These have served all the tests before: MongoDB's cache is full, and what it allocated is not given back.
        assert sum(process.memory_info().rss for process in family) < 1.5 * 1024**3
        listening = {
            connection.laddr.ip
            for process in family
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}


def test_when_one_server_fails_the_others_end_too(data_dir):
    servers = Servers(data_dir, durable=False)
    (data_dir / "postgres" / "data").mkdir(parents=True)
    (data_dir / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(ServerFailed, match=r"PostgreSQL 9\.6"):
        servers.start(["postgres", "mongo", "storage"])

    assert servers.running == {}
    left = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(data_dir) in " ".join(process.info["cmdline"] or [])
    ]
    assert psutil.wait_procs(left, timeout=10)[1] == []
