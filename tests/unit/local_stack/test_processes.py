"""Server processes: started, waited for, ended, and never left behind. Small programs stand for the servers."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local_stack.servers.ports import free_ports, is_free, preferred_or_free
from local_stack.servers.process import (
    Process,
    Server,
    ServerFailed,
    last_words,
    launch,
    start_on_a_free_port,
    wait_until_ready,
)

_WAITS = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
_IGNORES_SIGTERM = (
    "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
)
_HAS_A_CHILD = (
    "import signal, subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    "print(child.pid, flush=True)\n"
    "signal.pause()"
)


def _ended(*pids: int) -> bool:
    """Whether all of these have ended within 10 s."""
    alive = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    return not psutil.wait_procs(alive, timeout=10)[1]


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Process]:
    """Start a command in a folder of its own."""

    def start(command: list[str], **options: object) -> Process:
        return launch("server", command, log_path=tmp_path / "server.log", cwd=tmp_path, **options)

    return start


def _says(process: Process, text: str) -> Callable[[], bool]:
    return lambda: text in process.log_path.read_text()


def test_a_stopped_server_is_gone_when_stop_returns(start):
    process = start(_WAITS)
    wait_until_ready(process, _says(process, "up"))

    process.stop()

    assert not psutil.pid_exists(process.pid)
    assert not process.alive
    process.stop()  # a second time does nothing


def test_a_server_that_ignores_its_stop_signal_is_killed_after_its_grace(start):
    process = start([sys.executable, "-c", _IGNORES_SIGTERM], grace_seconds=0.1)
    wait_until_ready(process, _says(process, "up"))

    process.stop()

    assert not psutil.pid_exists(process.pid)


def test_what_a_server_has_started_ends_with_it(start):
    process = start([sys.executable, "-c", _HAS_A_CHILD])
    wait_until_ready(process, _says(process, "\n"))
    child = int(process.log_path.read_text())

    process.stop()

    assert _ended(child)


def test_a_server_that_dies_says_why_in_one_line_with_its_log(start):
    process = start([sys.executable, "-c", "raise SystemExit('fatal: the disk is full')"])

    with pytest.raises(ServerFailed) as failure:
        wait_until_ready(process, lambda: False)

    line = str(failure.value)
    assert line.startswith("server did not start: fatal: the disk is full")
    assert str(process.log_path) in line
    assert "\n" not in line


def test_a_server_that_never_answers_is_ended_and_named(start):
    process = start(_WAITS)

    with pytest.raises(ServerFailed, match="server did not answer within 0 s"):
        wait_until_ready(process, lambda: False, timeout_seconds=0.1)

    assert not psutil.pid_exists(process.pid)


def test_an_interrupt_while_waiting_ends_the_server(start):
    process = start(_WAITS)

    def interrupted() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait_until_ready(process, interrupted)

    assert not psutil.pid_exists(process.pid)


def test_a_program_that_does_not_exist_is_named(start):
    with pytest.raises(ServerFailed, match=r"server could not be started.*no-such-program"):
        start(["/no-such-program"])


def test_a_second_server_on_the_same_folder_is_refused(start, tmp_path):
    first = start(_WAITS)

    with pytest.raises(
        ServerFailed,
        match="^server could not be started: " + re.escape(f"another program runs a server on {tmp_path}"),
    ):
        start(_WAITS, wait_seconds=0.1)

    first.stop()
    start(_WAITS).stop()


def test_the_log_of_the_start_before_is_kept(start):
    start([sys.executable, "-c", "print('first')"]).keeper.wait()
    second = start([sys.executable, "-c", "print('second')"])
    second.keeper.wait()

    assert second.log_path.read_text() == "second\n"
    assert second.log_path.with_name("server.log.previous").read_text() == "first\n"


@pytest.mark.parametrize("victim", ["parent", "keeper"])
def test_a_server_ends_when_its_program_or_its_keeper_is_killed(tmp_path, victim):
    program = (
        "import signal, sys; from pathlib import Path\n"
        "from local_stack.servers.process import launch\n"
        "from threading import Thread\n"
        "def start():\n"
        f"    process = launch('server', {_WAITS!r}, log_path=Path('server.log'), cwd=Path('.'))\n"
        "    print(process.pid, process.keeper.pid, flush=True)\n"
        "thread = Thread(target=start); thread.start(); thread.join()\n"  # a thread that ends must not end its server
        "signal.pause()"
    )
    root = str(Path(__file__).parents[3])
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
    )
    server, keeper = map(int, parent.stdout.readline().split())
    assert psutil.pid_exists(server)

    os.kill(parent.pid if victim == "parent" else keeper, signal.SIGKILL)

    assert _ended(server)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert _ended(keeper)


def test_a_preferred_port_is_taken_if_it_is_free_and_replaced_if_not():
    import socket

    port = free_ports(1)[0]
    assert preferred_or_free(port) == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert not is_free(port)
        assert preferred_or_free(port) != port


def test_free_ports_are_different():
    assert len(set(free_ports(20))) == 20


def test_a_port_that_somebody_else_took_at_the_last_moment_is_worked_around(tmp_path):
    log, tried = tmp_path / "server.log", []

    def start(port: int) -> Server:
        tried.append(port)
        if len(tried) == 1:
            log.write_text("fatal: could not bind: Address already in use\n")
            raise ServerFailed("server did not start")
        log.write_text("up\n")
        return Server("server", f"http://127.0.0.1:{port}", port, process=None)

    preferred = free_ports(1)[0]
    server = start_on_a_free_port(preferred, start, log)

    assert tried[0] == preferred
    assert server.port == tried[1] != preferred


def test_any_other_failure_is_not_tried_again(tmp_path):
    tried = []

    def start(port: int) -> Server:
        tried.append(port)
        raise ServerFailed("server did not start: no space left")

    with pytest.raises(ServerFailed, match="no space left"):
        start_on_a_free_port(None, start, tmp_path / "server.log")
    assert len(tried) == 1


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("starting\nFATAL: no disk\nshutting down\n", "FATAL: no disk"),
        ("starting\nready\n", "ready"),
        ("", ""),
    ],
)
def test_the_last_words_are_the_line_that_says_what_went_wrong(tmp_path, log, words):
    (tmp_path / "log").write_text(log)
    assert last_words(tmp_path / "log") == words


def test_a_log_that_does_not_exist_has_no_last_words(tmp_path):
    assert last_words(tmp_path / "log") == ""
