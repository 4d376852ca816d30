"""What people write over the API, and what the migration writes: neither overwrites the other."""

import json
from pathlib import Path
from typing import Any

from asset_registry_pipeline.registry.outcomes import CONFLICT
from asset_registry_pipeline.steps.accounting import conflicts
from local_stack.sources.registry import taxonomy
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.api_world import data, fault, new, register
from tests.integration.asset_registry_pipeline.desk.conftest import desk_over


def test_an_asset_that_was_changed_is_a_conflict_to_the_migration_and_stays_as_it_was_changed(
    world: World, steps: Any
) -> None:
    steps.migrate("S")
    with desk_over(world) as desk:
        api = desk.api("cora")
        own = register(api)
        item = next(one["_id"] for one in data(api.get("/api/assets/search", params={"layer": "S"}))["items"])
        read = api.get(f"/api/assets/{item}")
        words = {"creatorDescription": "Words of the registry."}
        changed = api.patch(f"/api/assets/{item}", json=words, headers={"If-Match": read.headers["ETag"]})
        assert data(changed)["creatorDescription"] == "Words of the registry."

        rows, _ = steps.reconcile("S")
        assert [row["label"] for row in rows if row["content"]] == [data(changed)["name"]]
        world.staging["assets"].update_one(
            {"name": data(changed)["name"]}, {"$set": {"description": "Newer in staging."}}
        )
        steps.migrate("S", batch="batch-2")
        (conflict,) = conflicts(steps.registry, "S")
        assert (conflict.item, conflict.reason) == (item, CONFLICT)
        assert conflict.detail["found"] == changed.headers["ETag"].strip('"')
        assert api.get(f"/api/assets/{item}").headers["ETag"] == changed.headers["ETag"]
        # What somebody registered is nobody else's: it is neither counted nor touched.
        assert api.get(own.headers["Location"]).headers["ETag"] == own.headers["ETag"]


def test_in_place_nothing_is_written_to_staging_over_the_api(world: World) -> None:
    world.environment["REGISTRY_DEVELOPMENT_DB"] = world.environment["REGISTRY_STAGING_DB"]
    world.environment["REGISTRY_PROFILE"] = "plan_001"
    with desk_over(world) as desk:
        api = desk.api("ada")
        item = data(api.get("/api/assets/search", params={"layer": "S"}))["items"][0]["_id"]
        read = api.get(f"/api/assets/{item}").headers["ETag"]
        before = world.staging["assets"].count_documents({})
        assert fault(api.post("/api/assets", json=new()), 409)["code"] == "in_place"
        change = api.patch(f"/api/assets/{item}", json={"tags": []}, headers={"If-Match": read})
        assert fault(change, 409)["code"] == "in_place"
        assert api.get(f"/api/assets/{item}").headers["ETag"] == read
        assert world.staging["assets"].count_documents({}) == before


def test_a_database_that_is_not_fit_says_what_to_repair(world: World) -> None:
    assets = world.development["assets"]
    assets.insert_many([{"name": "twice", "nna_address": "1"}, {"name": "twice", "nna_address": "2"}])
    with desk_over(world) as desk:
        error = fault(desk.api().post("/api/assets", json=new()), 409)
        assert error["code"] == "not_ready"
        assert "name_1" in error["message"]
        assets.delete_many({})
        world.development.command({"collMod": "assets", "validator": {"tags": {"$size": 1}}})
        assert fault(desk.api().post("/api/assets", json=new()), 422)["code"] == "refused"


def test_a_code_that_the_taxonomy_lacks_is_refused_whatever_else_is_right(
    world: World, tmp_path: Path
) -> None:
    table = taxonomy.table()
    table["S"]["categories"]["001"]["subcategories"].pop("002")
    path = tmp_path / "taxonomy.json"
    path.write_text(json.dumps({"version": "short", "layers": table}))
    world.environment["REGISTRY_TAXONOMY"] = str(path)
    with desk_over(world) as desk:
        given = new(name="S.POP.DIV.901", nna_address="S.001.002.901")
        error = fault(desk.api().post("/api/assets", json=given), 422)
        assert "a code or number is not in the taxonomy" in error["message"]


def test_every_write_is_in_the_audit_log_with_who_did_it(world: World) -> None:
    with desk_over(world) as desk:
        api = desk.api("cora")
        made = register(api)
        path, read = made.headers["Location"], made.headers["ETag"]
        changed = api.patch(path, json={"description": "x"}, headers={"If-Match": read})
        same = api.patch(path, json={"description": "x"}, headers={"If-Match": changed.headers["ETag"]})
        assert same.headers["ETag"] == changed.headers["ETag"]
        rows = [*world.development["migration_audit"].find().sort("_id", 1)]
        assert [(row["actor"], row["act"]) for row in rows] == [
            ("cora", "asset_register"),
            ("cora", "asset_change"),
        ]
        assert rows[1]["detail"]["fields"] == ["__v", "description", "updatedAt"]
        assert rows[1]["detail"]["before"] == read.strip('"')
