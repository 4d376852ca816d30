"""The stack as a whole: what it starts, what it leaves to others, and how it ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from local_stack.given import UnusableServer, check_given_servers
from local_stack.servers import ServerFailed, mongo
from local_stack.servers.ports import free_ports
from local_stack.servers.process import launch, wait_until_ready
from local_stack.stack import remove_data, running_stack

_ROOT = Path(__file__).parents[3]


def _given(stack, *names: str, **changes: str) -> dict[str, str]:
    return {name: stack.environment[name] for name in names} | changes


def _refusal(given: dict[str, str]) -> str:
    with pytest.raises(UnusableServer) as refusal:
        check_given_servers(given)
    return str(refusal.value)


def test_a_stack_of_given_servers_starts_none_and_changes_nothing(stack, tmp_path):
    given = dict(stack.environment)
    with running_stack(tmp_path, given) as theirs:
        assert theirs.servers == {}
        assert theirs.environment == {name: value for name, value in given.items() if value} | {
            "REGISTRY_TAXONOMY": ""
        }
    assert list(tmp_path.iterdir()) == []


def test_a_given_part_is_not_started_and_the_others_are(stack, tmp_path):
    names = [name for name in stack.environment if not name.startswith("SUPABASE")]
    with running_stack(tmp_path, _given(stack, *names)) as mixed:
        assert set(mixed.servers) == {"storage"}
        assert mixed.environment["SUPABASE_URL"] != stack.environment["SUPABASE_URL"]
        assert mixed.environment["NABO_DATABASE_URL"] == stack.environment["NABO_DATABASE_URL"]
        assert mixed.dead_server() is None
        psutil.Process(mixed.servers["storage"].pid).kill()
        mixed.servers["storage"].process.keeper.wait()
        assert "storage stopped by itself" in str(mixed.dead_server())


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://me:hunter2@127.0.0.1:{port}/dagster"),
        ("NABO_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:{port}/nabo"),
        ("ARTWORK_DATABASE_URL", "mysql://me:hunter2@127.0.0.1:{port}/artwork"),
        ("ARTWORK_DATABASE_URL", "postgresql://me:hunter2@127.0.0.1:{port}/artwork?nonsense=hunter2"),
        ("REGISTRY_STAGING_URI", "mongodb://me:hunter2@127.0.0.1:{port}/?replicaSet=rs0"),
        ("REGISTRY_DEVELOPMENT_URI", "mongodb://me:hunter2:@@:nonsense"),
        ("S3_ENDPOINT_URL", "http://127.0.0.1:{port}"),
        ("SUPABASE_URL", "http://127.0.0.1:{port}"),
    ],
)
def test_a_given_server_that_does_not_answer_is_named_by_its_variable_without_its_secret(name, url):
    others = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_REGION": "us-east-1",
        "SUPABASE_SERVICE_ROLE_KEY": "hunter2",
    }
    line = _refusal({**others, name: url.format(port=free_ports(1)[0])})
    assert line.startswith(f"{name}: ")
    assert "hunter2" not in line
    assert "\n" not in line


def test_a_server_that_accepts_and_says_nothing_is_given_up_within_seconds():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        given = {
            "NABO_DATABASE_URL": f"postgresql://{address}/nabo",
            "REGISTRY_STAGING_URI": f"mongodb://{address}",
            "SUPABASE_URL": f"http://{address}",
            "SUPABASE_SERVICE_ROLE_KEY": "key",
        }
        lines = _refusal(given).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "NABO_DATABASE_URL",
        "REGISTRY_STAGING_URI",
        "SUPABASE_URL",
    ]


def test_a_wrong_password_is_named_and_not_shown(stack):
    url = stack.environment["NABO_DATABASE_URL"]
    password = url.partition("postgres:")[2].partition("@")[0]
    line = _refusal({"NABO_DATABASE_URL": url.replace(password, "hunter2")})
    assert line.startswith("NABO_DATABASE_URL: ")
    assert "password authentication failed" in line
    assert "hunter2" not in line


def test_a_database_that_does_not_exist_is_named(stack):
    line = _refusal({"NABO_DATABASE_URL": stack.environment["NABO_DATABASE_URL"] + "-nowhere"})
    assert '"nabo-nowhere" does not exist' in line


def test_a_wrong_storage_key_is_named(stack):
    given = _given(stack, "SUPABASE_URL", SUPABASE_SERVICE_ROLE_KEY="a.b.c")
    assert _refusal(given).startswith("SUPABASE_SERVICE_ROLE_KEY: ")
    assert _refusal(_given(stack, "SUPABASE_URL")) == (
        "SUPABASE_SERVICE_ROLE_KEY: not set, but needed beside SUPABASE_URL"
    )


def test_what_is_no_storage_server_is_told_apart(stack):
    given = {"SUPABASE_URL": stack.environment["S3_ENDPOINT_URL"], "SUPABASE_SERVICE_ROLE_KEY": "key"}
    assert _refusal(given).startswith("SUPABASE_")


def test_a_wrong_s3_key_is_named_and_a_missing_bucket_is_no_problem(stack):
    names = ("S3_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    check_given_servers(_given(stack, *names, S3_BACKUP_PATH="s3://not-there-yet/backup"))
    line = _refusal(_given(stack, *names, AWS_SECRET_ACCESS_KEY="hunter2"))
    assert line.startswith("S3_ENDPOINT_URL: ")
    assert "403" in line
    assert "hunter2" not in line


def test_a_folder_as_backup_needs_no_server(tmp_path):
    check_given_servers({"S3_BACKUP_PATH": str(tmp_path)})


def test_a_development_database_outside_of_a_replica_set_is_refused(tmp_path):
    from pymongo import MongoClient
    from pymongo.errors import ConnectionFailure

    port = free_ports(1)[0]
    (tmp_path / "data").mkdir()
    lonely = launch(
        "mongo",
        [
            mongo.program(),
            "--dbpath",
            tmp_path / "data",
            "--port",
            str(port),
            "--bind_ip",
            "127.0.0.1",
            "--nounixsocket",
        ],
        log_path=tmp_path / "mongo.log",
        cwd=tmp_path,
    )

    def answers() -> bool:
        try:
            with MongoClient("127.0.0.1", port, serverSelectionTimeoutMS=500) as client:
                return bool(client.admin.command("ping"))
        except ConnectionFailure:
            return False

    try:
        wait_until_ready(lonely, answers)
        uri = f"mongodb://127.0.0.1:{port}"
        assert "is not part of a replica set" in _refusal({"REGISTRY_DEVELOPMENT_URI": uri})
        check_given_servers({"REGISTRY_STAGING_URI": uri})  # it is only read
    finally:
        lonely.stop()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_a_stack_whose_program_is_killed(servers, end):
    data_dir = servers.data_dir / f"killed-by-{end.name}"
    program = (
        "import json, signal; from pathlib import Path\n"
        "from local_stack.stack import running_stack\n"
        f"with running_stack(Path({str(data_dir)!r}), {{}}, durable=False) as stack:\n"
        "    print(json.dumps([(s.pid, s.process.keeper.pid) for s in stack.servers.values()]), flush=True)\n"
        "    signal.pause()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(_ROOT)}
    )
    pids = [pid for pair in json.loads(parent.stdout.readline()) for pid in pair]
    family = [psutil.Process(pid) for pid in pids]
    family += [child for process in family for child in process.children(recursive=True)]
    assert len(pids) == 12

    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()

    assert psutil.wait_procs(family, timeout=20)[1] == []


def test_an_interrupt_while_servers_are_on_their_way_up_ends_all_of_them():
    data_dir = Path(tempfile.mkdtemp(prefix="stack-interrupted-"))  # PostgreSQL's user may not enter pytest's
    data_dir.chmod(0o711)
    program = (
        "import psutil; from pathlib import Path; from local_stack.stack import Servers\n"
        "try:\n"
        f"    Servers(Path({str(data_dir)!r}), durable=False).start(['storage', 's3', 'mongo', 'postgres'])\n"
        "except KeyboardInterrupt:\n"
        "    print([process.cmdline() for process in psutil.Process().children(recursive=True)])\n"
    )
    starting = psutil.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(_ROOT)}
    )
    while len(starting.children()) < 3:  # all are on their way, none is up
        assert starting.poll() is None
    starting.send_signal(signal.SIGINT)
    try:
        assert starting.communicate(timeout=60)[0] == b"[]\n"
    finally:
        shutil.rmtree(data_dir)


def test_a_folder_with_other_things_in_it_does_not_become_a_data_folder(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ServerFailed, match="choose a folder of its own"), running_stack(tmp_path, {}):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_holds_no_stack_is_not_removed(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ServerFailed, match="holds no local stack"):
        remove_data(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_removing_data_that_are_not_there_does_nothing(tmp_path):
    remove_data(tmp_path / "nothing")
