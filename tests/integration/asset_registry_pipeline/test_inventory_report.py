"""What a person sees of an inventory: tables in the UI, files with all rows, no e-mail address in either."""

import json
from pathlib import Path
from typing import Any


def test_every_finding_is_a_row_in_a_table_and_in_a_file(
    world: Any,
) -> None:
    assets = world.staging["assets"]
    star = next(one for one in assets.find({"layer": "S", "trainingData": {"$type": "string"}}))
    assets.update_one({"_id": star["_id"]}, {"$set": {"trainingData": "ask somebody@example.invalid"}})
    world.use_profile(expected={"S": 5, "L": 5, "W": 5, "M": 5, "G": 5, "C": 5}, quarantine_limit=0.9)

    seen = world.metadata(world.materialise("staging_inventory", layer="S"))
    found = json.loads(Path(seen["all_findings"]).read_text())
    assert seen["findings"] == len(found) > 12
    shown = [record.data for record in seen["first_findings"].records]
    assert shown == found[:200]
    ours = {row["kind"]: row for row in found if row["item"] == str(star["_id"])}
    assert ours["unparseable_json"]["field"] == "trainingData"
    assert ours["unparseable_json"]["effect"] == "quarantine"
    assert {row["kind"] for row in found if row["layer"] == "environment"} == {"counts_off_the_expectation"}
    assert "somebody@" not in Path(seen["all_findings"]).read_text() + repr(shown)
    census = {record.data["field"]: record.data["types"] for record in seen["types_per_field"].records}
    assert census["createdAt"] == "datetime 12"
    assert json.loads(Path(seen["all_that_left_staging"]).read_text()) == []
