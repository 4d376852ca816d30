"""The gate as Dagster runs it: what a failed suite stops, and what opens the way again."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd
import pytest

from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.orchestration import gate_check_specs, require_gate, validate_then_publish
from migration_kit.suites import Suite, rule, validate_frame

LAYERS = dg.StaticPartitionsDefinition(["a", "b"])
SUITE = Suite("rows_are_whole", (rule("expect_column_values_to_not_be_null", column="name"),), ("id",))


class Published(dict):
    """What was published; a test may let the machine be lost in the middle."""

    lose_the_machine = False
    meanwhile = None

    def __setitem__(self, partition, rows):
        if self.meanwhile:
            self.meanwhile()
        if self.lose_the_machine:
            raise RuntimeError("the machine is gone")
        super().__setitem__(partition, rows)


@pytest.fixture
def world(ledger):
    """A gated upstream and an unpartitioned downstream, over rows that a test may spoil."""
    rows = {"a": ["x"], "b": ["y"]}
    published = Published()

    @dg.asset(partitions_def=LAYERS, check_specs=gate_check_specs(["up"], [SUITE]))
    def up(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        partition = context.partition_key
        candidate = str(rows[partition])

        def publish():
            published[partition] = list(rows[partition])
            return {"rows": len(rows[partition])}

        yield from validate_then_publish(
            context,
            ledger=ledger,
            stage="up",
            partition=partition,
            candidate=candidate,
            asset_key=["up"],
            validate=lambda: [
                validate_frame(
                    pd.DataFrame({"id": range(len(rows[partition])), "name": rows[partition]}), SUITE
                )
            ],
            publish=publish,
        )

    @dg.asset(deps=[dg.AssetDep(up, partition_mapping=dg.AllPartitionMapping())])
    def down(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        require_gate(context, ledger, "up", ["a", "b"])
        return dg.MaterializeResult()

    instance = dg.DagsterInstance.ephemeral()

    def materialize(asset, partition=None):
        return dg.materialize(
            [up, down], selection=[asset], partition_key=partition, instance=instance, raise_on_error=False
        )

    yield rows, published, {"up": up, "down": down}, materialize
    instance.dispose()


def failure_of(result):
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    return event.event_specific_data.user_failure_data.description


def test_a_failed_suite_publishes_nothing_and_names_the_rows(world):
    rows, published, assets, materialize = world
    rows["b"] = ["y", None]
    result = materialize(assets["up"], "b")
    assert not result.success
    assert "b" not in published
    assert not result.asset_materializations_for_node("up")
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert check.metadata["partition"].value == "b"
    assert "id=1" in failure_of(result)
    assert "Nothing of partition b was published" in failure_of(result)


def test_downstream_by_hand_is_refused_until_every_partition_has_passed(world):
    rows, _, assets, materialize = world
    assert materialize(assets["up"], "a").success
    assert "b: never checked" in failure_of(materialize(assets["down"]))
    rows["b"] = [None]
    materialize(assets["up"], "b")
    assert "b: its newest checks failed" in failure_of(materialize(assets["down"]))
    rows["b"] = ["y"]
    assert materialize(assets["up"], "b").success
    assert materialize(assets["down"]).success


def test_a_bad_candidate_closes_the_gate_and_leaves_what_was_published(world):
    rows, published, assets, materialize = world
    for partition in ("a", "b"):
        assert materialize(assets["up"], partition).success
    rows["b"] = [None]
    materialize(assets["up"], "b")
    assert published["b"] == ["y"]
    assert not materialize(assets["down"]).success


def test_a_run_that_is_lost_while_it_publishes_leaves_the_gate_closed(world):
    rows, published, assets, materialize = world
    for partition in ("a", "b"):
        materialize(assets["up"], partition)
    published.lose_the_machine = True
    rows["b"] = ["z"]
    assert not materialize(assets["up"], "b").success
    assert "b: its checks are running, or run" in failure_of(materialize(assets["down"]))


def test_a_partition_that_is_rolled_back_while_it_is_published_keeps_its_gate_closed(world, ledger):
    _, published, assets, materialize = world
    taken_back = Verdict.now("up", "b", "", VerdictStatus.ROLLED_BACK, "taker")
    published.meanwhile = lambda: ledger.record_verdict(taken_back)
    assert "b was rolled back by run taker while up published it" in failure_of(
        materialize(assets["up"], "b")
    )
    assert "b: rolled back at" in failure_of(materialize(assets["down"]))
    published.meanwhile = None
    assert materialize(assets["up"], "b").success
    assert ledger.gate("up", ["b"]).open


def test_a_stage_without_any_suite_proves_nothing_and_fails(ledger):
    @dg.asset
    def unproved(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        yield from validate_then_publish(
            context,
            ledger=ledger,
            stage="unproved",
            partition="all",
            candidate="c1",
            asset_key=["unproved"],
            validate=list,
            publish=dict,
        )

    result = dg.materialize([unproved], raise_on_error=False)
    assert "no suite was run" in failure_of(result)
    assert not ledger.gate("unproved", ["all"]).open
