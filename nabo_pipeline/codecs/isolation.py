"""Processes of their own for decoders: a crash, a hang or a memory blow-up costs the one file that caused it.

What is called in them is the caller's. With DASK_SCHEDULER_ADDRESS set the kit's executor
sends the work to the cluster.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from queue import SimpleQueue
from typing import TypeVar

from migration_kit.workers import item_executor

PRELOADED = ["nabo_pipeline.codecs.compress", "skimage.metrics"]

T = TypeVar("T")
R = TypeVar("R")


class WorkerDiedError(RuntimeError):
    """The process that worked on this file died. `timed_out` says whether its time was up."""

    def __init__(self, *, timed_out: bool) -> None:
        super().__init__("the time limit was reached" if timed_out else "the process died")
        self.timed_out = timed_out


class _Slot:
    """One process at a time for one file at a time, replaced when it dies: no neighbour is ever in it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._executor: Executor | None = None

    def run(self, function: Callable[[T], R], argument: T, seconds: int, memory: int) -> R:
        if self._executor is None:
            # Imported once by the server that forks the workers, not by each of them: no effect once it runs.
            get_context("forkserver").set_forkserver_preload(PRELOADED)
            self._executor = self._stack.enter_context(item_executor("process", 1))
        started = time.monotonic()
        try:
            return self._executor.submit(_limited, function, argument, seconds, memory).result()
        except (BrokenProcessPool, CancelledError) as error:
            self.close()
            raise WorkerDiedError(timed_out=time.monotonic() - started >= seconds) from error

    def close(self) -> None:
        self._executor = None
        self._stack.close()


class IsolatedWorkers:
    """`workers` processes, each busy with one file; called from many threads, which wait for a free one."""

    def __init__(self, workers: int, *, seconds: int, memory: int) -> None:
        self._free: SimpleQueue[_Slot] = SimpleQueue()
        self._slots = [_Slot() for _ in range(workers)]
        for slot in self._slots:
            self._free.put(slot)
        self._seconds, self._memory = seconds, memory

    def run(self, function: Callable[[T], R], argument: T) -> R:
        """`function(argument)` in a process of its own. Raises WorkerDiedError, MemoryError or what it raises."""
        slot = self._free.get()
        try:
            return slot.run(function, argument, self._seconds, self._memory)
        finally:
            self._free.put(slot)

    def close(self) -> None:
        """Ends the processes."""
        for slot in self._slots:
            slot.close()


@contextmanager
def isolated_workers(workers: int, *, seconds: int, memory: int) -> Iterator[IsolatedWorkers]:
    """Workers with limits for each call: `seconds` of time, `memory` bytes of address space."""
    pool = IsolatedWorkers(workers, seconds=seconds, memory=memory)
    try:
        yield pool
    finally:
        pool.close()


def _limited(function: Callable[[T], R], argument: T, seconds: int, memory: int) -> R:
    """In the worker: the kernel ends the process when its time is up, also inside a codec that never returns."""
    import resource

    if threading.current_thread() is not threading.main_thread():
        return function(argument)
    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.getrlimit(resource.RLIMIT_AS)[1]))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    try:
        return function(argument)
    finally:
        signal.alarm(0)
