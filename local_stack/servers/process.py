"""Server processes: launched under a keeper, waited for by condition, stopped without a remnant.

Here belongs what is true of every server. The command line, the probe and the credentials of one server
belong in its own module.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.servers.ports import preferred_or_free

_KEEPER = Path(__file__).with_name("keeper.py")
_PROBE_EVERY_SECONDS = 0.05
_PORT_ATTEMPTS = 5
_LOG_TAIL_BYTES = 16_384


class ServerFailed(RuntimeError):  # noqa: N818 - reads as what happened
    """A server could not be started or has died: one line that names it, the reason, and where its log is."""


@dataclass(frozen=True)
class SystemUser:
    """The numeric ids a server runs under when this program is root and the server refuses to be."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Process:
    """A running server process and the keeper that ends it. `pid` is the server's own."""

    name: str
    pid: int
    log_path: Path
    keeper: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self.keeper.poll() is None

    def stop(self) -> None:
        """End the server and wait until it is gone. A second call does nothing."""
        assert self.keeper.stdin is not None
        self.keeper.stdin.close()
        self.keeper.wait()  # bounded: the keeper kills what does not stop within its grace

    def failure(self, what: str = "stopped by itself") -> ServerFailed:
        """The one line for a person: which server, what happened, its last words, and where to read more."""
        words = last_words(self.log_path)
        return ServerFailed(f"{self.name} {what}{': ' + words if words else ''} (log: {self.log_path})")


@dataclass(frozen=True)
class Server:
    """A server that answers. `credentials` are what a client needs besides the address."""

    name: str
    url: str = field(repr=False)  # may hold a password
    port: int
    process: Process
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def pid(self) -> int:
        """Process id of the server itself."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self.process.alive

    def stop(self) -> None:
        """End the server and wait until it is gone. A second call does nothing."""
        self.process.stop()


def launch(
    name: str,
    command: Sequence[str | Path],
    *,
    log_path: Path,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    user: SystemUser | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    grace_seconds: float = 10.0,
    wait_seconds: float = 15.0,
) -> Process:
    """Start a command under a keeper; raises ServerFailed if it cannot be started at all.

    `environment` is added to this program's own. The command runs in `cwd` and writes to `log_path`; the
    log of the start before is kept beside it as `.previous`. A command that has not ended `grace_seconds`
    after its stop signal is killed. As long as a command with this log runs already, for at most
    `wait_seconds`, the start waits.
    """
    identity = [] if user is None else ["--uid", str(user.uid), "--gid", str(user.gid)]
    keeper = subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", str(_KEEPER)),
            *("--parent", str(os.getpid()), "--log", str(log_path)),
            *("--stop-signal", str(int(stop_signal)), "--grace-seconds", str(grace_seconds)),
            *("--wait-seconds", str(wait_seconds)),
            *identity,
            *("--", *map(str, command)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # a Ctrl-C in the terminal reaches this program only, which then stops its servers
    )
    assert keeper.stdout is not None
    try:
        report = keeper.stdout.readline().decode(errors="replace").strip()
    except BaseException:
        keeper.terminate()
        raise
    keeper.stdout.close()
    kind, _, value = report.partition(" ")
    if kind != "pid":
        keeper.wait()
        raise ServerFailed(
            f"{name} could not be started: {value or 'its keeper died'} (command: {command[0]})"
        )
    return Process(name=name, pid=int(value), log_path=log_path, keeper=keeper)


def wait_until_ready(process: Process, probe: Callable[[], bool], *, timeout_seconds: float = 60.0) -> None:
    """Return when `probe` says yes; stop the process and raise ServerFailed if it dies or time runs out."""
    deadline = time.monotonic() + timeout_seconds
    problem: str | None = None
    try:
        while problem is None and not probe():
            if not process.alive:
                problem = "did not start"
            elif time.monotonic() > deadline:
                problem = f"did not answer within {timeout_seconds:.0f} s"
            else:
                time.sleep(_PROBE_EVERY_SECONDS)
    except BaseException:
        process.stop()
        raise
    if problem is not None:
        process.stop()
        raise process.failure(problem)


def start_on_a_free_port(
    preferred_port: int | None, start: Callable[[int], Server], log_path: Path
) -> Server:
    """Call `start(port)` with the preferred port if it is free; take another when somebody was faster."""
    for attempt in range(_PORT_ATTEMPTS):
        try:
            return start(preferred_or_free(preferred_port if attempt == 0 else None))
        except ServerFailed:
            if "in use" not in _tail(log_path).lower():
                raise
    raise ServerFailed(f"no free port found in {_PORT_ATTEMPTS} attempts (log: {log_path})")


def last_words(log_path: Path) -> str:
    """The last line of a log that says what went wrong, or its last line, or nothing; at most 300 characters."""
    lines = [line.strip() for line in _tail(log_path).splitlines() if line.strip()]
    telling = [
        line for line in lines if any(word in line.lower() for word in ("fatal", "error", "cannot", "in use"))
    ]
    return (telling or lines or [""])[-1][:300]


def _tail(log_path: Path) -> str:
    if not log_path.exists():
        return ""
    with log_path.open("rb") as log:
        end = log.seek(0, os.SEEK_END)
        log.seek(max(0, end - _LOG_TAIL_BYTES))
        return log.read().decode(errors="replace")
