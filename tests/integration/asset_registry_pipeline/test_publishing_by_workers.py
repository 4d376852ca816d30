"""Publishing by worker processes: one that dies in the middle of its range loses nothing, and the next run ends it."""

import os
import signal
from dataclasses import replace
from typing import Any

import pytest

from asset_registry_pipeline.steps import apply, publishing, spreading
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from migration_kit.failures import TransientError


def _killed_after_a_chunk(
    registry: Registry, layer: str, within: IdRange, *, run_id: str, batch: str
) -> publishing.Tally:
    """A range whose process is killed when its first chunk has been written."""
    publishing._CHUNK_DOCUMENTS = 2
    vars(registry.progress)["advance"] = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
    return publishing.publish_range(registry, layer, within, run_id=run_id, batch=batch)


def test_a_worker_that_is_killed_in_its_range_is_told_and_the_next_run_publishes_what_is_left(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreading, "SPREAD_FROM", 2)
    monkeypatch.setattr(spreading, "RANGE_DOCUMENTS", 4)
    steps.plan("S")
    expected = {
        one.item: one.target_hash for one in steps.registry.workspace.candidates("S") if one.target_hash
    }
    registry = replace(steps.registry, settings=replace(steps.registry.settings, workers="2"))
    own = type(steps)(registry)
    with monkeypatch.context() as patched:
        patched.setattr(apply, "publish_range", _killed_after_a_chunk)
        with pytest.raises(TransientError, match=r"layer S: a worker process was ended.*REGISTRY_WORKERS"):
            own.publish("S")
    ledger = world.development["migration_ledger"]
    assets = world.development.get_collection("assets", codec_options=codec.RAW)
    arrived = {codec.item_of(document.raw) for document in assets.find()}
    assert 0 < len(arrived) < len(expected)
    recorded = {entry["_id"] for entry in ledger.find({"partition": "S", "state": "migrated"})}
    assert recorded == arrived

    assert own.publish("S", batch="batch-2").written == len(expected) - len(arrived)
    assert {
        codec.item_of(document.raw): codec.content_hash(document.raw) for document in assets.find()
    } == expected
    assert own.publish("S", batch="batch-3").written == 0
    assert registry.development.missing_indexes() == {}
