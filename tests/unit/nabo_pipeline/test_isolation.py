"""A worker that dies, hangs or takes too much memory costs one file; the others go on."""

import os
import time

import pytest

from nabo_pipeline.codecs.isolation import WorkerDiedError, isolated_workers


def crash(_: int) -> None:
    os.abort()


def hang(_: int) -> None:
    while True:
        pass


def hoard(size: int) -> int:
    return len(bytearray(size))


def double(number: int) -> int:
    return 2 * number


def test_a_crash_costs_one_file_and_a_hang_ends_in_time():
    with isolated_workers(1, seconds=1, memory=4 << 30) as workers:
        with pytest.raises(WorkerDiedError) as crashed:
            workers.run(crash, 0)
        assert not crashed.value.timed_out
        assert workers.run(double, 21) == 42
        started = time.monotonic()
        with pytest.raises(WorkerDiedError) as hung:
            workers.run(hang, 0)
        assert hung.value.timed_out
        assert time.monotonic() - started < 10
        assert workers.run(double, 4) == 8


def test_a_memory_blow_up_is_an_error_of_that_file():
    with isolated_workers(1, seconds=10, memory=2 << 30) as workers:
        with pytest.raises(MemoryError):
            workers.run(hoard, 8 << 30)
        assert workers.run(double, 1) == 2
