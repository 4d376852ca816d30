"""A gate opens only for partitions whose newest verdict passed and stands for what is published."""

from datetime import UTC, datetime

import pytest

from migration_kit.gates import Verdict, VerdictStatus, judge


def verdict(status, candidate="c1"):
    return Verdict("components", "S", candidate, status, "run-1", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_passed_and_published_partition_opens_the_gate():
    gate = judge("components", ["S"], {"S": verdict(VerdictStatus.PASSED)}, {"S": "c1"})
    assert gate.open
    assert gate.accepted == {"S": "c1"}


@pytest.mark.parametrize(
    ("verdicts", "publications", "why"),
    [
        ({}, {"S": "c1"}, "never checked"),
        ({"S": verdict(VerdictStatus.FAILED)}, {"S": "c1"}, "newest checks failed"),
        ({"S": verdict(VerdictStatus.RUNNING)}, {"S": "c1"}, "running, or run run-1 was lost"),
        (
            {"S": verdict(VerdictStatus.ROLLED_BACK)},
            {"S": "c1"},
            "rolled back at 2026-01-01 00:00 UTC by run run-1",
        ),
        ({"S": verdict(VerdictStatus.PASSED)}, {}, "nothing was published"),
        ({"S": verdict(VerdictStatus.PASSED, "c2")}, {"S": "c1"}, "stale"),
    ],
)
def test_everything_else_closes_it_and_says_why(verdicts, publications, why):
    gate = judge("components", ["S"], verdicts, publications)
    assert not gate.open
    assert gate.closed[0].partition == "S"
    assert why in gate.closed[0].why


def test_one_closed_partition_closes_the_gate_for_all():
    gate = judge("components", ["S", "L"], {"S": verdict(VerdictStatus.PASSED)}, {"S": "c1"})
    assert not gate.open
    assert [one.partition for one in gate.closed] == ["L"]
