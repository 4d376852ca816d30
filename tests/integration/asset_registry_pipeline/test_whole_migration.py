"""The main path, end to end, through Dagster on a real MongoDB."""

import json
from pathlib import Path
from typing import Any

import pytest


def test_every_document_of_a_dirty_source_has_one_outcome_and_the_result_is_verified(
    world: Any, reports_path: Path
) -> None:
    told = world.migrate()

    summary = json.loads((reports_path / "registry" / "migration-summary.json").read_text())
    assert summary["balanced"]
    assert summary["verified"]
    assert summary["source"] == 122
    assert summary["migrated"] == world.development["assets"].count_documents({})
    assert summary["quarantined"] and summary["held"] and summary["excluded"]
    assert told["verified"]
    progress = json.loads((reports_path / "registry" / "progress.json").read_text())
    assert [one["layer"] for one in progress] == ["S", "L", "W", "M", "G", "C"]
    assert {one["status"] for one in progress} == {"completed"}


def test_a_second_run_writes_nothing_and_says_already_present(world: Any, reports_path: Path) -> None:
    world.migrate(batch="first")
    before = world.everything()
    world.migrate(batch="second")

    assert world.everything() == before
    summary = json.loads((reports_path / "registry" / "migration-summary.json").read_text())
    assert summary["batch_id"] == "second"
    assert summary["migrated"] == 0
    assert summary["already_present"] == len(before["assets"])
    assert summary["balanced"] and summary["verified"]
