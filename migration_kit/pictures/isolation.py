"""Processes of their own for decoders: a crash, a hang or a memory blow-up costs the one file that caused it.

What is called in them is the caller's; `child` is what runs in them. With DASK_SCHEDULER_ADDRESS set the calls go to
the cluster, and there, too, into a process of its own beside the cluster's worker, under the same limits.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from multiprocessing import Pipe
from typing import Any, TypeVar

from migration_kit.failures import TransientError
from migration_kit.workers import DASK_SCHEDULER_ADDRESS, item_executor

T = TypeVar("T")
R = TypeVar("R")

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from migration_kit.pictures.child import serve; serve(int(sys.argv[2]))"
)
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
"""All that a child gets to know of the environment: no key, no address."""
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}
"""Children work side by side already; threads inside them would only take memory."""


CRASHED = "Decoder crashed on this file"
TOO_BIG = "Decoding needs more memory than the limit"
TOO_SLOW = "Decoding took longer than the time limit"


class WorkerDiedError(RuntimeError):
    """The process that worked on this file died. `timed_out` says whether its time was up."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.timed_out = exit_code == -signal.SIGALRM

    def __str__(self) -> str:
        return "the time limit was reached" if self.timed_out else f"the process died ({self.args[0]})"


class _Child:
    """One process, busy with one file at a time."""

    def __init__(self) -> None:
        self._pipe, theirs = Pipe()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,  # never written to: its end tells the child that this process is gone
                env=environment | _ONE_THREAD,
                process_group=0,  # an interrupt from the keyboard is for the run
            )
        try:
            self._pipe.recv()
        except (EOFError, ConnectionError) as error:
            self.end()
            raise TransientError(
                f"a process for codecs ended as it started ({self._process.returncode})",
                item=sys.executable,
                remedy="What it said stands in the log above. Was the installation changed during the run? Run again.",
            ) from error

    def call(
        self, function: Callable[[T], object], argument: T, seconds: int, memory: int
    ) -> tuple[bool, Any]:
        """Whether the function returned, and what it returned or raised."""
        try:
            self._pipe.send((function, argument, seconds, memory))
            return self._pipe.recv()  # type: ignore[no-any-return]
        except (EOFError, ConnectionError) as error:
            raise WorkerDiedError(self._process.wait()) from error

    def end(self) -> None:
        self._pipe.close()
        # It may be in the middle of a file that nobody waits for any more.
        self._process.kill()
        self._process.communicate()


class _Children:
    """The children of this process; the one that was idle last goes first, so that no more are started than needed."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._lock = threading.Lock()

    def run(self, function: Callable[[T], R], argument: T, seconds: int, memory: int) -> R:
        with self._lock:
            child = self._idle.pop() if self._idle else None
        child = child or _Child()
        try:
            done, answer = child.call(function, argument, seconds, memory)
        except BaseException:
            # Its answer may still come: nobody else may take it for theirs.
            child.end()
            raise
        with self._lock:
            self._idle.append(child)
        if not done:
            raise answer
        return answer  # type: ignore[no-any-return]

    def close(self) -> None:
        with self._lock:
            children, self._idle = self._idle, []
        for child in children:
            child.end()


_of_cluster_worker = _Children()
"""Those of a cluster's worker process; they end with it."""


def run_beside(function: Callable[[T], R], argument: T, seconds: int, memory: int) -> R:
    """`function(argument)` in a process of its own on this machine: what a cluster's worker is given to do.

    Raises WorkerDiedError, MemoryError or what the function raises.
    """
    return _of_cluster_worker.run(function, argument, seconds, memory)


class IsolatedWorkers:
    """`workers` processes, each busy with one file; called from many threads, which wait for a free one."""

    def __init__(self, workers: int, *, seconds: int, memory: int, cluster: Executor | None = None) -> None:
        self._places = threading.BoundedSemaphore(workers)
        self._children = _Children()
        self._cluster = cluster
        self._seconds, self._memory = seconds, memory

    def run(self, function: Callable[[T], R], argument: T) -> R:
        """`function(argument)` in a process of its own. Raises WorkerDiedError, MemoryError or what it raises.

        Raises TransientError where a cluster lost the call: that is not the file's fault.
        """
        with self._places:
            if self._cluster is None:
                return self._children.run(function, argument, self._seconds, self._memory)
            return self._run_on(self._cluster, function, argument)

    def _run_on(self, cluster: Executor, function: Callable[[T], R], argument: T) -> R:
        from distributed import KilledWorker

        try:
            return cluster.submit(run_beside, function, argument, self._seconds, self._memory).result()
        except (CancelledError, KilledWorker) as error:
            raise TransientError(
                "the Dask cluster lost a picture that it was working on",
                item=DASK_SCHEDULER_ADDRESS,
                remedy="Look at the cluster's workers; run again to resume, or unset the variable.",
            ) from error

    def run_or_reason(self, function: Callable[[T], R], argument: T) -> R | str:
        """As `run`; where the call cost its process, the reason for people: time, memory or a crash.

        For functions that return no text themselves.
        """
        try:
            return self.run(function, argument)
        except WorkerDiedError as error:
            return TOO_SLOW if error.timed_out else CRASHED
        except MemoryError:
            return TOO_BIG

    def close(self) -> None:
        """Ends the processes."""
        self._children.close()


@contextmanager
def isolated_workers(workers: int, *, seconds: int, memory: int) -> Iterator[IsolatedWorkers]:
    """Workers with limits for each call: `seconds` of time, `memory` bytes of address space."""
    if os.environ.get(DASK_SCHEDULER_ADDRESS):
        with item_executor("process", workers) as cluster:
            yield IsolatedWorkers(workers, seconds=seconds, memory=memory, cluster=cluster)
        return
    pool = IsolatedWorkers(workers, seconds=seconds, memory=memory)
    try:
        yield pool
    finally:
        pool.close()
