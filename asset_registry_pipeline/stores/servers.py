"""What a server says of itself and of a database: version, login, options and shapes. What is fit is judged elsewhere.

Reads only, but for one insert that is never committed: it asks the server itself whether it would take a document.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteError

from asset_registry_pipeline.registry.documents import STAGING_FIELDS
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS, UNFILED
from asset_registry_pipeline.registry.privileges import ALL, Grant
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.refusals import UNAUTHORIZED, reason_of
from migration_kit.mongo import transient_errors

SHAPES_OF = 200_000
"""Documents whose unknown fields are looked at: the inventory looks at all of them."""
_MOST_SHAPES = 200
_LENIENT: CodecOptions[dict[str, Any]] = codec.OPTIONS.with_options(unicode_decode_error_handler="replace")


@dataclass(frozen=True)
class Login:
    """Who is logged in and what they may do. `asked`: whether the server asks for a login at all."""

    asked: bool
    user: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Validation:
    """What a collection demands of its documents: nothing where there are no `rules`. `kind`: collection or view."""

    kind: str = "collection"
    rules: Mapping[str, Any] | None = None
    refuses: bool = False
    capped: bool = False
    collation: str = ""


def version(client: MongoClient[Any]) -> str:
    """The version of a server."""
    return str(client.server_info()["version"])


def replica_set(client: MongoClient[Any]) -> str:
    """The name of a server's replica set; empty where it is in none."""
    return str(client.admin.command("hello").get("setName", ""))


def login(client: MongoClient[Any], database: str) -> Login:
    """Who this client is to the server."""
    info = client.admin.command("connectionStatus", showPrivileges=True)["authInfo"]
    users = [f"{one['user']} of {one['db']}" for one in info["authenticatedUsers"]]
    grants = (_grant(one) for one in info["authenticatedUserPrivileges"])
    asked = bool(users)
    if not users:
        try:
            client[database].list_collection_names()
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise
            asked = True
    return Login(asked, ", ".join(users), tuple(grant for grant in grants if grant is not None))


def _grant(privilege: Mapping[str, Any]) -> Grant | None:
    resource, actions = privilege["resource"], frozenset(privilege["actions"])
    if resource.get("anyResource"):
        return Grant(ALL, ALL, actions)
    if "db" in resource and "collection" in resource:
        return Grant(resource["db"], resource["collection"], actions)
    return None


def validation(database: Database[Any], collection: str) -> Validation:
    """What a collection demands of its documents."""
    found = next(iter(database.list_collections(filter={"name": collection})), None)
    if found is None:
        return Validation()
    options = found.get("options", {})
    rules = options.get("validator") or None
    on = options.get("validationLevel", "strict") != "off"
    return Validation(
        kind=found.get("type", "collection"),
        rules=rules if on else None,
        refuses=bool(rules) and on and options.get("validationAction", "error") == "error",
        capped=bool(options.get("capped")),
        collation=str(options.get("collation", {}).get("locale", "")),
    )


def refusal(database: Database[Any], collection: str, document: Mapping[str, Any]) -> str | None:
    """Why a collection's validator would refuse a document, None if it takes it. Nothing is written."""
    with transient_errors("development"), database.client.start_session() as session:
        session.start_transaction()
        try:
            database[collection].insert_one(dict(document), session=session)
        except DuplicateKeyError:
            return None  # its rules were asked first, and an equal document is there already
        except WriteError as error:
            return reason_of(error.details or {"errmsg": str(error)})
        finally:
            if session.in_transaction:
                session.abort_transaction()
    return None


def layers(database: Database[Any], collection: str) -> dict[str, int]:
    """How many documents each layer has, counted by the server."""
    rows = database[collection].aggregate([{"$group": {"_id": _layer(), "documents": {"$sum": 1}}}])
    return {row["_id"]: row["documents"] for row in rows}


def unknown_fields(database: Database[Any], collection: str) -> list[dict[str, Any]]:
    """Of each layer the fields that staging documents do not have: BSON type and number of documents.

    Summed up by the server, of the first `SHAPES_OF` documents.
    """
    own = database.get_collection(collection, codec_options=_LENIENT)
    rest = {"$not": {"$in": ["$$field.k", list(STAGING_FIELDS)]}}
    fields = {"$filter": {"input": {"$objectToArray": "$$ROOT"}, "as": "field", "cond": rest}}
    shape = {"layer": "$layer", "field": "$fields.k", "type": {"$type": "$fields.v"}}
    stages: list[Mapping[str, Any]] = [
        {"$limit": SHAPES_OF},
        {"$project": {"layer": _layer(), "fields": fields}},
        {"$unwind": "$fields"},
        {"$group": {"_id": shape, "documents": {"$sum": 1}}},
        {"$sort": {"documents": -1, "_id": 1}},
        {"$limit": _MOST_SHAPES},
    ]
    rows = own.aggregate(stages, allowDiskUse=True)
    return [{**row["_id"], "documents": row["documents"]} for row in rows]


def _layer() -> dict[str, Any]:
    return {"$cond": [{"$in": ["$layer", list(MIGRATED_LAYERS)]}, "$layer", UNFILED]}
