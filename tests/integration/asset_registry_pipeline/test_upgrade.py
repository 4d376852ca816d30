"""An installation of an earlier version goes on with this one."""

from typing import Any

from bson import ObjectId

from asset_registry_pipeline.steps import inventory


def test_what_an_earlier_version_kept_is_taken_over_and_what_left_staging_since_is_told(
    world: Any, steps: Any
) -> None:
    steps.migrate("S")
    development = world.development
    development.drop_collection("migration_findings")
    development["migration_findings"].insert_one({"_id": "a/b", "layer": "S", "item": "a", "kind": "b"})
    snapshot = development["migration_snapshot"]
    fields = ("identifier", "name", "keys", "found", "grave", "review", "across")
    other = {"digest": "of another version"}
    snapshot.update_many({}, {"$unset": dict.fromkeys(fields, ""), "$set": other})
    development["migration_candidates"].update_many({}, {"$unset": {"answers": ""}, "$set": other})
    gone = development["assets"].find_one({"layer": "S"})["_id"]
    world.staging["assets"].delete_one({"_id": gone})

    steps.registry.workspace.install()
    seen = inventory.take(steps.registry, "S", run_id="run", batch="batch-2")
    assert (seen.documents, seen.written, seen.left) == (11, 12, 1)
    assert snapshot.count_documents({"identifier": {"$exists": False}}) == 0
    left = next(steps.registry.workspace.left("S"))
    assert ObjectId(left["_id"]) == left["identifier"] == gone
    kinds = {row["kind"] for row in steps.registry.workspace.findings("S")}
    assert kinds == seen.kinds.keys() - {"legacy_database_name", "counts_off_the_expectation"}
    steps.plan("S")
    assert steps.publish("S", batch="batch-2").written == 0
