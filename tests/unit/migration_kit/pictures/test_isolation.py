"""A worker that dies, hangs or takes too much memory costs one file; the others go on: here and on a cluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from local_stack.stack import PROJECT
from migration_kit.failures import TransientError
from migration_kit.pictures.isolation import (
    CRASHED,
    TOO_BIG,
    TOO_SLOW,
    IsolatedWorkers,
    WorkerDiedError,
    isolated_workers,
)
from migration_kit.workers import DASK_SCHEDULER_ADDRESS

GIB = 1 << 30


def crash(_: int) -> None:
    os.abort()


def hang(_: int) -> None:
    while True:
        pass


def hoard(size: int) -> int:
    return len(bytearray(size))


def double(number: int) -> int:
    return 2 * number


def segfault(_: int) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def process_id(_: int) -> int:
    return os.getpid()


def seen_environment(_: int) -> set[str]:
    return set(os.environ)


def _loses(*_: object) -> None:
    from distributed import KilledWorker

    raise KilledWorker("a task", None, 1)


def slow(number: int) -> int:
    while time.process_time() < 1:
        pass
    return number


def told_to_end(_: int) -> bool:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    return True


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def refuse(_: int) -> None:
    raise KeyError("its own error")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """One Dask worker in a process of its own, as in production: such a process may have no children by itself."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address=None
    ) as found:
        yield found.scheduler_address


@pytest.fixture(params=["here", "on a cluster"])
def where(request, monkeypatch) -> str:
    monkeypatch.delenv(DASK_SCHEDULER_ADDRESS, raising=False)
    if request.param == "on a cluster":
        monkeypatch.setenv(DASK_SCHEDULER_ADDRESS, request.getfixturevalue("cluster"))
    return str(request.param)


def test_crashes_and_hangs_and_hoarding_cost_one_file_each(where):
    with isolated_workers(1, seconds=1, memory=2 * GIB) as workers:
        for deadly in (crash, segfault):
            with pytest.raises(WorkerDiedError) as crashed:
                workers.run(deadly, 0)
            assert not crashed.value.timed_out
            assert workers.run(double, 21) == 42
        started = time.monotonic()
        with pytest.raises(WorkerDiedError) as hung:
            workers.run(hang, 0)
        assert hung.value.timed_out
        assert time.monotonic() - started < 10
        with pytest.raises(MemoryError):
            workers.run(hoard, 8 * GIB)
        with pytest.raises(KeyError, match="its own error"):
            workers.run(refuse, 0)
        assert workers.run(double, 4) == 8


def test_a_child_knows_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "secret")
    with isolated_workers(1, seconds=5, memory=2 * GIB) as workers:
        known = workers.run(seen_environment, 0)
    assert "SUPABASE_SERVICE_ROLE_KEY" not in known


def test_children_end_with_their_workers():
    with isolated_workers(1, seconds=5, memory=2 * GIB) as workers:
        first, second = workers.run(process_id, 0), workers.run(process_id, 0)
        assert first == second != os.getpid()
    assert not psutil.pid_exists(first)


def test_a_child_ends_with_its_killed_parent_also_in_the_middle_of_a_call():
    program = (
        "import threading; from migration_kit.pictures.isolation import IsolatedWorkers\n"
        "from tests.unit.migration_kit.pictures.test_isolation import hang, process_id\n"
        "workers = IsolatedWorkers(1, seconds=60, memory=2 << 30)\n"
        "print(workers.run(process_id, 0), flush=True)\n"
        "threading.Thread(target=workers.run, args=(hang, 0)).start()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=PROJECT) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        busy = child.cpu_times().user
        while child.cpu_times().user < busy + 0.1:
            assert child.is_running()
        parent.kill()
    assert psutil.wait_procs([child], timeout=5)[0] == [child]


def test_a_child_that_cannot_start_is_no_fault_of_the_picture(monkeypatch):
    monkeypatch.setattr("migration_kit.pictures.isolation._PROGRAM", "raise SystemExit(3)")
    refused = pytest.raises(TransientError, match=r"ended as it started \(3\).*Run again")
    with isolated_workers(1, seconds=5, memory=2 * GIB) as workers, refused:
        workers.run_or_reason(double, 1)


def test_what_ends_a_run_is_no_fault_of_the_picture_under_way():
    with isolated_workers(1, seconds=5, memory=2 * GIB) as workers:
        assert workers.run(told_to_end, 0)


def test_the_answer_to_an_interrupted_call_is_nobody_elses():
    before = signal.signal(signal.SIGALRM, _interrupt)
    try:
        with isolated_workers(1, seconds=5, memory=2 * GIB) as workers:
            assert workers.run(double, 1) == 2
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(KeyboardInterrupt):
                workers.run(slow, 7)
            assert workers.run(double, 21) == 42
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_cluster_that_loses_a_picture_is_no_fault_of_the_picture(monkeypatch):
    monkeypatch.setattr("migration_kit.pictures.isolation.run_beside", _loses)
    with ThreadPoolExecutor(1) as cluster:
        workers = IsolatedWorkers(1, seconds=5, memory=2 * GIB, cluster=cluster)
        with pytest.raises(TransientError, match="the Dask cluster lost a picture"):
            workers.run(double, 1)


class Dying(IsolatedWorkers):
    """Workers whose codec fails on every try."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, *_):
        raise self.error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (WorkerDiedError(-signal.SIGSEGV), CRASHED),
        (WorkerDiedError(-signal.SIGALRM), TOO_SLOW),
        (MemoryError(), TOO_BIG),
    ],
)
def test_what_costs_a_process_has_a_reason_that_people_read(error, reason):
    assert Dying(error).run_or_reason(double, 1) == reason


def test_a_neighbour_of_a_hang_is_not_kept_waiting():
    with isolated_workers(2, seconds=2, memory=2 * GIB) as workers, ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(workers.run, hang, 0)
        assert threads.submit(workers.run, double, 3).result(timeout=1.5) == 6
        assert isinstance(hanging.exception(timeout=10), WorkerDiedError)
