"""`python -m local_stack`: up, env, down, clean, as a person uses them; and what the demo refuses."""

import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(stack) -> dict[str, str]:
    """All servers given except Storage, so that only the quickest one is started."""
    given = {name: value for name, value in stack.environment.items() if not name.startswith("SUPABASE")}
    return {**os.environ, **given, "PYTHONPATH": str(_ROOT)}


@pytest.fixture
def run(environment, tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one command of the local stack on a data folder of its own."""

    def run(*arguments: str, module: str = "local_stack") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments, "--data-dir", str(tmp_path / "stack")]
        return subprocess.run(
            command, env=environment, cwd=_ROOT, capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def up(environment, tmp_path) -> Iterator[subprocess.Popen[str]]:
    """A stack in the foreground of another process, ready."""
    command = [sys.executable, "-m", "local_stack", "up", "--data-dir", str(tmp_path / "stack")]
    command += ["--env-file", str(tmp_path / "variables")]
    process = subprocess.Popen(
        command, env=environment, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = []
    while not any("Ctrl-C" in line for line in lines):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    process.lines = lines
    yield process
    process.kill()
    process.communicate()


def test_up_prints_addresses_and_writes_the_variables_for_its_owner_only(up, run, stack, tmp_path):
    assert up.lines[0].startswith("storage   127.0.0.1:")
    file = tmp_path / "variables"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    variables = dict(shlex.split(line)[1].split("=", 1) for line in file.read_text().splitlines())
    assert variables["NABO_DATABASE_URL"] == stack.environment["NABO_DATABASE_URL"]
    assert variables["SUPABASE_URL"] in f"http://{up.lines[0].split()[1]}"
    assert run("env").stdout == file.read_text()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_ends_on_a_signal_and_leaves_no_process(up, end):
    family = psutil.Process(up.pid).children(recursive=True)
    assert family
    up.send_signal(end)
    assert up.wait(timeout=30) == 0
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_up_ends_with_one_line_when_a_server_dies(up):
    server = next(
        child
        for child in psutil.Process(up.pid).children(recursive=True)
        if "storage_api" in " ".join(child.cmdline())
    )
    server.kill()
    assert up.wait(timeout=30) == 1
    assert up.stderr.read().startswith("Error: storage stopped by itself")


def test_down_ends_a_stack_that_runs_elsewhere_and_its_data_stay_until_clean(up, run, tmp_path):
    assert "already" in run("up").stderr
    assert "runs" in run("clean").stderr

    assert run("down").returncode == 0
    assert up.wait(timeout=30) == 0

    assert (tmp_path / "stack" / "credentials.json").exists()
    assert run("clean").returncode == 0
    assert not (tmp_path / "stack").exists()


def test_without_a_stack_down_is_content_and_env_says_how_to_start_one(run):
    assert run("down").stdout == "No stack is running.\n"
    refused = run("env")
    assert refused.returncode == 1
    assert "python -m local_stack up" in refused.stderr


def test_a_given_server_that_does_not_answer_ends_up_with_one_line(environment, run):
    environment["NABO_DATABASE_URL"] = "postgresql://me:hunter2@127.0.0.1:1/nabo"
    refused = run("up")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: NABO_DATABASE_URL: ")
    assert "hunter2" not in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_the_demo_does_not_run_beside_another_program_on_its_data(up, run):
    refused = run("--exit", module="local_stack.demo")
    assert refused.returncode == 1
    assert "a stack runs on" in refused.stdout
    assert "Traceback" not in refused.stderr


def test_the_demo_refuses_a_server_that_does_not_answer_with_one_line(environment, run):
    environment["NABO_DATABASE_URL"] = "postgresql://me:hunter2@127.0.0.1:1/nabo"
    refused = run("--exit", module="local_stack.demo")
    assert refused.returncode == 1
    assert refused.stdout.startswith("Failed: NABO_DATABASE_URL: ")
    assert "hunter2" not in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_demo_refuses_a_staging_that_is_development_before_it_fills_anything(environment, run, mongo):
    environment |= {"REGISTRY_STAGING_DB": mongo.development, "REGISTRY_DEVELOPMENT_DB": mongo.development}
    refused = run("--exit", module="local_stack.demo")
    assert refused.returncode == 1
    assert "REGISTRY_STAGING_DB and REGISTRY_DEVELOPMENT_DB: source and target are the same" in refused.stdout
    with MongoClient(mongo.uri) as client:
        assert client[mongo.development].list_collection_names() == []
