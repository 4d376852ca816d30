"""What a machine must offer for the servers to start, and what is said when it does not."""

import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from local_stack.servers import ServerFailed, mongo, postgres
from local_stack.servers.secrets import local_credentials
from local_stack.stack import default_data_dir, make_data_dir


def test_a_missing_libcurl_is_answered_with_the_command_that_installs_it():
    said = mongo.explain_missing_library(
        "mongod: error while loading shared libraries: libcurl.so.4: cannot open shared object file: No such file"
    )
    assert said == "mongo needs the system library libcurl.so.4: run `apt-get install libcurl4`"


def test_another_reason_that_mongod_cannot_run_is_passed_on():
    assert "GLIBC_2.99" in mongo.explain_missing_library("mongod: version `GLIBC_2.99' not found")


def test_a_private_folder_is_out_of_the_reach_of_the_postgres_user(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir()
    folder.chmod(0o000)
    assert not postgres.can_reach(folder / "data", postgres.system_user())
    folder.chmod(0o755)


def test_the_default_data_folder_can_be_reached_by_the_postgres_user():
    folder = default_data_dir()
    above = next(parent for parent in folder.parents if parent.exists())
    assert postgres.can_reach(above, postgres.system_user())


def test_programs_out_of_reach_are_copied_and_run_from_there(tmp_path):
    installed = postgres.programs_for(None, tmp_path)

    copy = postgres.copy_programs(installed, tmp_path)

    said = subprocess.run([copy / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    assert f"PostgreSQL) {postgres.VERSION}" in said
    assert copy.is_relative_to(tmp_path)
    assert postgres.copy_programs(installed, tmp_path) == copy  # a second time nothing is copied


def test_no_credentials_are_put_into_a_folder_of_somebody_else(tmp_path, monkeypatch):
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody_else)
    with pytest.raises(ServerFailed, match="belongs to somebody else"):
        make_data_dir(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_programs_that_make_credentials_at_once_get_the_same(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: local_credentials(tmp_path), range(16)))
    assert all(each == made[0] for each in made)
    assert [path.name for path in tmp_path.iterdir()] == ["credentials.json"]


def test_credentials_are_made_once_and_readable_by_their_owner_only(tmp_path):
    made = local_credentials(tmp_path)

    assert local_credentials(tmp_path) == made
    assert len(set(made.values())) == len(made)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
