"""Where per-item work runs: a pool of processes or threads here, a Dask cluster when one is configured.

What the work is does not belong here.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Literal, TypeVar

from migration_kit.failures import PermanentError, TransientError

T = TypeVar("T")
R = TypeVar("R")

DASK_SCHEDULER_ADDRESS = "DASK_SCHEDULER_ADDRESS"
CONNECT_SECONDS = 10


@contextmanager
def item_executor(kind: Literal["process", "thread"], workers: int) -> Iterator[Executor]:
    """An executor of ``workers`` processes or threads, or the Dask cluster's where DASK_SCHEDULER_ADDRESS is set.

    Raises:
        PermanentError: DASK_SCHEDULER_ADDRESS is set but the ``dask`` extra is not installed.
        TransientError: the cluster does not answer.
    """
    address = os.environ.get(DASK_SCHEDULER_ADDRESS)
    if address and kind == "process":
        with _dask_executor(address) as executor:
            yield executor
    elif kind == "process":
        # Forking a process that holds client threads can deadlock the child: start fresh ones.
        with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as executor:
            yield executor
    else:
        with ThreadPoolExecutor(workers) as executor:
            yield executor


@contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as missing:
        raise PermanentError(
            f"{DASK_SCHEDULER_ADDRESS} is set, but the package distributed is not installed",
            remedy="Install the project with its dask extra, or unset the variable to work on this machine",
        ) from missing
    try:
        client = Client(address, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]
    except OSError as down:
        raise TransientError(
            "the Dask scheduler does not answer",
            item=DASK_SCHEDULER_ADDRESS,
            remedy="Start the cluster, or unset the variable to work on this machine",
        ) from down
    with client:
        # Not pure: the same call again is a call again, and arguments of many megabytes are not hashed.
        yield client.get_executor(pure=False)  # type: ignore[no-untyped-call]


def bounded_map(
    executor: Executor, function: Callable[[T], R], items: Iterable[T], *, window: int
) -> Iterator[tuple[T, "Future[R]"]]:
    """Run the function over the items with at most ``window`` in flight; pairs come as they complete.

    The items are drawn only as places become free, so a long stream is never held in memory. An item's
    error stays in its future: it never stops its neighbours.
    """
    pending: dict[Future[R], T] = {}
    source = iter(items)
    exhausted = False
    while True:
        while not exhausted and len(pending) < window:
            try:
                item = next(source)
            except StopIteration:
                exhausted = True
            else:
                pending[executor.submit(function, item)] = item
        if not pending:
            return
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            yield pending.pop(future), future
