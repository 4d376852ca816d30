"""Per-item work: bounded, and one item's failure stays its own."""

import os
import threading

import pytest

from migration_kit import workers
from migration_kit.failures import TransientError
from migration_kit.workers import bounded_map, item_executor


def fail_on_three(number):
    if number == 3:
        raise ValueError("three")
    return number * 2


def own_process(_):
    return os.getpid()


def test_one_failing_item_leaves_its_neighbours_alone():
    with item_executor("thread", 2) as executor:
        results = dict(bounded_map(executor, fail_on_three, range(6), window=2))
    failed = {item for item, future in results.items() if future.exception()}
    assert failed == {3}
    assert {item: future.result() for item, future in results.items() if item != 3} == {
        0: 0, 1: 2, 2: 4, 4: 8, 5: 10,
    }  # fmt: skip


def test_at_most_a_window_of_items_is_drawn_ahead():
    drawn = []
    release = threading.Event()

    def items():
        for number in range(100):
            drawn.append(number)
            yield number

    with item_executor("thread", 1) as executor:
        results = bounded_map(executor, lambda number: release.wait(10) and number, items(), window=4)
        release.set()
        next(results)
        assert len(drawn) <= 4
        assert len(list(results)) == 99


def test_process_work_leaves_this_process():
    with item_executor("process", 1) as executor:
        ((_, future),) = bounded_map(executor, own_process, [0], window=1)
    assert future.result() != os.getpid()


def test_a_cluster_that_does_not_answer_is_named_by_its_variable(monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.2)
    with pytest.raises(TransientError, match="DASK_SCHEDULER_ADDRESS"), item_executor("process", 1):
        pass


def test_process_work_goes_to_the_cluster_where_one_is_configured(monkeypatch):
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
        with item_executor("process", 1) as executor:
            results = dict(bounded_map(executor, os.path.basename, ["a/b", "c/d"], window=1))
    assert {item: future.result() for item, future in results.items()} == {"a/b": "b", "c/d": "d"}
