"""How long a command takes, how large its processes become, and what a process and its children have worked.

What is measured, and under which name, belongs to the benchmarks.
"""

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

SAMPLE_EVERY_SECONDS = 0.2
MIB = 1024 * 1024


@dataclass(frozen=True)
class Measured:
    """A command's exit code, its wall-clock seconds, its largest process (MiB resident) and that one's name."""

    code: int
    seconds: float
    peak_process_mib: float
    peak_process: str
    output: str


def measured(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Measured:
    """Run the command and watch all its descendants until it ends.

    Memory is sampled five times a second: a spike that is shorter can be missed.
    """
    started = time.monotonic()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        subprocess.Popen(
            command,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        peak, name = 0, ""
        while process.poll() is None:
            size, largest = _largest(process.pid)
            if size > peak:
                peak, name = size, largest
            time.sleep(SAMPLE_EVERY_SECONDS)
        output.seek(0)
        said = output.read()
    return Measured(process.returncode, time.monotonic() - started, peak / MIB, name, said)


@dataclass
class Memory:
    """Bytes at the highest: of the largest process and its name, and of all together (shared pages counted once)."""

    largest: int = 0
    largest_name: str = ""
    together: int = 0


@contextmanager
def watched_memory() -> Iterator[Memory]:
    """Watch this process and all that it starts while the block runs, five times a second."""
    seen, done = Memory(), threading.Event()

    def watch() -> None:
        me = psutil.Process()
        while not done.wait(SAMPLE_EVERY_SECONDS):
            sizes = [_size(process) for process in [me, *me.children(recursive=True)]]
            seen.largest, seen.largest_name = max((seen.largest, seen.largest_name), *sizes)
            seen.together = max(
                seen.together, sum(_share(process) for process in [me, *me.children(recursive=True)])
            )

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def cpu_seconds() -> float:
    """CPU seconds (user and system) of this process and of everything it has started, ended or not.

    A process that has ended counts once its parent has waited for it: executors do so when they are closed.
    """
    me = psutil.Process()
    return sum(_cpu(process) for process in [me, *me.children(recursive=True)])


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _largest(pid: int) -> tuple[int, str]:
    """Resident bytes and command line of the largest process below this one, itself included."""
    try:
        root = psutil.Process(pid)
        return max(_size(process) for process in [root, *root.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0, ""


def _size(process: psutil.Process) -> tuple[int, str]:
    try:
        return process.memory_info().rss, " ".join(process.cmdline())[:120]
    except psutil.NoSuchProcess:  # it ended between two looks
        return 0, ""


def _share(process: psutil.Process) -> int:
    """Resident bytes with pages that several processes share divided among them."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return int(process.memory_full_info().pss)
    return 0
