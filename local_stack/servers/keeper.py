"""The small process that stands between this program and a server, so that no server outlives the program.

Run as a script (`python -I -S keeper.py OPTIONS -- COMMAND...`), standard library only. It starts the
command and stops it when its own standard input closes or its parent is gone: both happen however the
parent dies, by SIGKILL too. The kernel stops the command if the keeper itself is killed (PR_SET_PDEATHSIG).
A parent cannot set that signal on the server directly: it fires when the *thread* that started the child
ends, and servers are started from a pool.

It holds a lock on the server's folder as long as the server runs, so that two programs cannot run a server
on the same data, and a new start waits for the end of the one before. On standard output it reports one
line, `pid N` or `error TEXT`; the command's own output goes to the log file.
"""

import argparse
import ctypes
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CHECK_PARENT_EVERY_SECONDS = 1.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--stop-signal", type=int, required=True)
    parser.add_argument("--grace-seconds", type=float, required=True)
    parser.add_argument("--wait-seconds", type=float, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def _lock(path: Path, wait_seconds: float) -> int:
    """Take the lock file; raises OSError if somebody else still holds it after that time."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise OSError(f"another program runs a server on {path.parent}") from None
            time.sleep(0.1)
        else:
            return lock


def _die_with_the_keeper(stop_signal: int) -> Callable[[], None]:
    """What the child does before it becomes the server; runs after the change of user, which would undo it."""
    libc = ctypes.CDLL(None, use_errno=True)
    keeper = os.getpid()

    def prepare() -> None:
        # The keeper ignores Ctrl-C; a child that inherits that cannot be interrupted (Dagster maps SIGTERM to it).
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        libc.prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
        if os.getppid() != keeper:  # the keeper died before the line above could take effect
            os._exit(1)

    return prepare


def _start(arguments: argparse.Namespace) -> "subprocess.Popen[bytes]":
    if arguments.log.exists():
        arguments.log.replace(arguments.log.with_name(arguments.log.name + ".previous"))
    with arguments.log.open("wb") as log:
        return subprocess.Popen(
            arguments.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=arguments.uid,
            group=arguments.gid,
            extra_groups=None if arguments.uid is None else [],
            preexec_fn=_die_with_the_keeper(arguments.stop_signal),  # noqa: PLW1509 - there are no threads
        )


def _wait_for_the_end(child: "subprocess.Popen[bytes]", parent: int, wakeups: int, stops: list[int]) -> None:
    """Return when the child has ended, standard input is closed, a signal asks for the end, or the parent is gone."""
    while child.poll() is None and not stops and os.getppid() == parent:
        readable, _, _ = select.select([sys.stdin.fileno(), wakeups], [], [], _CHECK_PARENT_EVERY_SECONDS)
        if wakeups in readable:
            os.read(wakeups, 4096)
        if sys.stdin.fileno() in readable and not os.read(sys.stdin.fileno(), 4096):
            return


def _stop(child: "subprocess.Popen[bytes]", stop_signal: int, grace_seconds: float) -> None:
    if child.poll() is None:
        child.send_signal(stop_signal)
        try:
            child.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    _kill_session(child.pid)


def _kill_session(session: int) -> None:
    """Kill what the server started and left behind; whatever did not make a session of its own is still in its."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.getsid(int(entry.name)) == session:
                os.kill(int(entry.name), signal.SIGKILL)
        except ProcessLookupError:  # it ended between two looks
            continue


def main() -> int:
    """Keep one server; returns its exit code (negative: the signal that ended it)."""
    arguments = _arguments()
    stops: list[int] = []
    wakeups, wakeup_writer = os.pipe()
    os.set_blocking(wakeup_writer, False)
    signal.set_wakeup_fd(wakeup_writer)
    signal.signal(signal.SIGTERM, lambda number, _frame: stops.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to handle
    try:
        _lock(arguments.log.with_name(arguments.log.name + ".lock"), arguments.wait_seconds)
        child = _start(arguments)
    except (OSError, subprocess.SubprocessError) as problem:
        print(f"error {problem}", flush=True)
        return 1
    print(f"pid {child.pid}", flush=True)
    _wait_for_the_end(child, arguments.parent, wakeups, stops)
    _stop(child, arguments.stop_signal, arguments.grace_seconds)
    return child.returncode or 0


if __name__ == "__main__":
    sys.exit(main())
