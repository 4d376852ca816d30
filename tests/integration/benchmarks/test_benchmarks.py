"""The measurements themselves: on a few small pictures they run to their end and give every figure."""

import json

import pytest

from benchmarks import nabo
from benchmarks.__main__ import table


@pytest.fixture
def environment(servers, storage, postgres_url, monkeypatch):
    """What the runner hands to a benchmark, with the smallest of everything."""
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    return {
        "NABO_DATABASE_URL": postgres_url,
        "SUPABASE_URL": storage.url,
        "SUPABASE_SERVICE_ROLE_KEY": storage.service_role_key,
        "BENCH_STACK": str(servers.data_dir),
        "BENCH_PICTURES": "small",
        "BENCH_FILES": "3",
        "BENCH_ITEMS": "12",
    }


def test_both_ways_carry_the_same_pictures_and_every_figure_comes(environment):
    figures = nabo.run(environment | {"BENCH_PARTS": "ways,memory"})
    assert figures["failed"] == {}
    assert set(nabo.GOALS) - {"recheck_per_s"} <= set(figures)
    assert figures["pictures"] == sum(figures["formats"].values()) == 3
    assert figures["second_run_writes"] == 0
    assert 0 < figures["codecs_checks_cpu_s"] < figures["codecs_cpu_s"]
    assert figures["similarity_worst"] > 0.9
    assert json.loads(json.dumps(figures)) == figures


def test_done_items_are_rechecked_and_a_part_that_fails_is_named_without_losing_the_others(
    environment, monkeypatch
):
    monkeypatch.setenv("PATH", "")  # neither file nor ImageMagick
    figures = nabo.run(environment | {"BENCH_PARTS": "recheck,ways"})
    assert figures["recheck_items"] == 12
    assert figures["recheck_per_s"] > 0
    assert list(figures["failed"]) == ["ways"]


def test_a_goal_that_is_missed_is_shown_as_such_and_a_figure_without_a_goal_is_only_shown():
    figures = {"peak_mib": 601.0, "saved_percent": 30.0, "formats": {"png": 3}, "failed": {}}
    shown = list(table("nabo", figures, nabo.GOALS))
    assert [line.split()[1] for line in shown] == ["saved_percent", "peak_mib", "formats"]
    assert shown[0].endswith(">= 30: met")
    assert shown[1].endswith("< 600: NOT MET")
