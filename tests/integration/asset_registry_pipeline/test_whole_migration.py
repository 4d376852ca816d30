"""The main path, end to end, through Dagster on a real MongoDB."""

import json
from pathlib import Path
from typing import Any

from asset_registry_pipeline.steps.operating import Again, arrived, what_to_run_again


def test_a_dirty_source_is_migrated_balanced_and_verified_and_a_second_run_writes_nothing(
    world: Any, reports_path: Path
) -> None:
    def report(name: str) -> Any:
        return json.loads((reports_path / "registry" / name).read_text())

    world.migrate(batch="first")
    summary = report("migration-summary.json")
    assert summary["balanced"]
    assert summary["verified"]
    assert summary["source"] == 122
    assert summary["migrated"] == world.development["assets"].count_documents({})
    for outcome in ("quarantined", "held", "excluded"):
        assert summary[outcome], outcome
    assert [one["layer"] for one in report("progress.json")] == ["S", "L", "W", "M", "G", "C"]
    assert {one["status"] for one in report("progress.json")} == {"completed"}
    assert {one["kind"] for one in report("findings.json")} > {"undefined_in_address", "equal_component_sets"}
    assert all("@example" not in str(one).replace("***@", "") for one in report("problems.json"))
    # What is held and quarantined stays so: nothing failed, and nothing arrived since.
    with world.registry() as registry:
        assert what_to_run_again(registry, {}, {}) == Again({}, {}, report=False)
        assert arrived(registry).fingerprint == ""

    before = world.everything()
    world.migrate(batch="second")
    assert world.everything() == before
    summary = report("migration-summary.json")
    assert summary["batch_id"] == "second"
    assert summary["migrated"] == 0
    assert summary["already_present"] == len(before["assets"])
    assert summary["balanced"]
    assert summary["verified"]
