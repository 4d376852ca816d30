"""`migration_findings`: a view over what inventories kept, with a row for each document and kind; it stores nothing."""

from contextlib import suppress
from typing import Any

from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from asset_registry_pipeline.registry.kinds import KINDS, Effect

SNAPSHOT, INVENTORY, FINDINGS = "migration_snapshot", "migration_inventory", "migration_findings"


def install(database: Database[Any]) -> None:
    """Make the view where it is missing, or another one than it should be.

    An earlier version kept findings in a collection of that name; the next inventories find all of them again.
    """
    pipeline = _pipeline()
    there = next(iter(database.list_collections(filter={"name": FINDINGS})), None)
    if there is not None and there["type"] == "collection":
        database.drop_collection(FINDINGS)
        there = None
    if there is None:
        with suppress(CollectionInvalid):  # another run makes it at this moment
            database.create_collection(FINDINGS, viewOn=SNAPSHOT, pipeline=pipeline)
    elif there["options"] != {"viewOn": SNAPSHOT, "pipeline": pipeline}:
        database.command("collMod", FINDINGS, viewOn=SNAPSHOT, pipeline=pipeline)


def _pipeline() -> list[dict[str, Any]]:
    """The pipeline of `migration_findings`: a row for each document and kind, and for what the surroundings have."""
    listed = {"$map": {"input": {"$objectToArray": {"$ifNull": ["$across", {}]}}, "in": "$$this.v"}}
    of = {
        effect: sorted(kind for kind, (leads_to, _) in KINDS.items() if leads_to is effect)
        for effect in Effect
    }
    effect: Any = {
        "$switch": {
            "branches": [
                {"case": {"$in": ["$found.kind", kinds]}, "then": str(each)} for each, kinds in of.items()
            ],
            "default": str(Effect.REPORT),
        }
    }
    row = {
        "_id": {"$concat": ["$item", "/", "$found.kind"]},
        "item": 1,
        "layer": 1,
        "kind": "$found.kind",
        "effect": effect,
        "field": "$found.field",
        "detail": "$found.detail",
    }
    around = [
        {"$unwind": "$around"},
        {"$project": {"item": {"$concat": ["layer-", "$_id"]}, "layer": "environment", "found": "$around"}},
    ]
    return [
        {"$match": {"$or": [{"found": {"$exists": True}}, {"across": {"$exists": True}}]}},
        {
            "$project": {
                "item": "$_id",
                "layer": 1,
                "found": {"$concatArrays": [{"$ifNull": ["$found", []]}, listed]},
            }
        },
        {"$unwind": "$found"},
        {"$unionWith": {"coll": INVENTORY, "pipeline": around}},
        {"$project": row},
    ]
