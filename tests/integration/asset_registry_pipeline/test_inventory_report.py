"""What a person sees of an inventory: tables in the UI, files with all rows, no e-mail address in either."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from asset_registry_pipeline.steps import inventory, report


def test_every_finding_is_a_row_in_a_table_and_in_a_file(
    world: Any,
) -> None:
    assets = world.staging["assets"]
    star = next(one for one in assets.find({"layer": "S", "trainingData": {"$type": "string"}}))
    assets.update_one({"_id": star["_id"]}, {"$set": {"trainingData": "ask somebody@example.invalid"}})
    twin = {**star, "_id": "twin", "aiMetadata": {"confidence": 7}}
    assets.insert_one(twin)
    world.use_profile(expected={"S": 5, "L": 5, "W": 5, "M": 5, "G": 5, "C": 5}, quarantine_limit=0.9)

    assert world.materialise("staging_inventory", layer="L").success
    seen = world.metadata(world.materialise("staging_inventory", layer="S"))
    found = json.loads(Path(seen["all_findings"]).read_text())
    assert seen["findings"] == len(found) > 12
    shown = [record.data for record in seen["first_findings"].records]
    assert shown == found[:200]
    ours = {row["kind"]: row for row in found if row["item"] == str(star["_id"])}
    assert ours["unparseable_json"]["field"] == "trainingData"
    assert ours["unparseable_json"]["effect"] == "quarantine"
    (around,) = [row for row in found if row["layer"] == "environment"]
    assert (around["kind"], around["item"]) == ("counts_off_the_expectation", "layer-S")
    of_twin = {row["kind"] for row in found if row["item"] == "str:'twin'"}
    assert {"duplicate_name", "duplicate_address", "impossible_confidence"} <= of_twin
    assert "somebody@" not in Path(seen["all_findings"]).read_text() + repr(shown)
    census = {record.data["field"]: record.data["types"] for record in seen["types_per_field"].records}
    assert census["createdAt"] == "datetime 13"
    assert json.loads(Path(seen["all_that_left_staging"]).read_text()) == []


def test_a_database_with_a_name_of_old_is_a_finding_of_the_surroundings_in_the_report(steps: Any) -> None:
    warned = replace(steps.registry, warnings=("nna-registry-staging is a legacy database name",))
    inventory.take(warned, "S", run_id="run", batch="batch-1")
    (found,) = [one for one in report.findings(warned) if one["kind"] == "legacy_database_name"]
    assert (found["layer"], found["effect"]) == ("environment", "report")
    assert "nna-registry-staging" in found["detail"]
