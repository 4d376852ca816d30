"""The queue: what a plan asks comes in, what blocks most comes first, and what people did is never undone."""

from typing import Any

from asset_registry_pipeline.steps import curation


def test_what_a_plan_asks_stands_in_the_queue_and_what_blocks_most_comes_first(desk: Any) -> None:
    desk.plan("S")
    found = desk.queue("S")
    assert len(found) == 8
    assert found[0].blocks > 0
    assert [one.blocks for one in found] == sorted((one.blocks for one in found), reverse=True)
    assert {one.asks for one in found} == {("required",)}
    assert curation.refresh(desk.registry, "S") == curation.refreshing.Refreshed(8, 0, 0)
