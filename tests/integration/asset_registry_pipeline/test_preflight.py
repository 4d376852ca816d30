"""The preflight: each thing that would stop a migration half-way is named before anything is written."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from asset_registry_pipeline.registry import privileges
from asset_registry_pipeline.registry.preflight import Preflight
from asset_registry_pipeline.registry.privileges import Grant
from asset_registry_pipeline.steps import backup, inventory
from asset_registry_pipeline.steps.preflight import look
from asset_registry_pipeline.stores.connections import opened
from local_stack.servers import mongo as mongo_server
from local_stack.servers.ports import LOOPBACK, free_ports
from local_stack.servers.process import launch, wait_until_ready
from migration_kit.failures import PermanentError

ROOT = ("root", "root-of-tests")
PASSWORD = "of-tests-only"


def refused(seen: Preflight) -> str:
    """What a person reads of a preflight that refuses."""
    with pytest.raises(PermanentError) as error:
        seen.require_fit()
    return str(error.value)


def test_a_sound_place_passes_and_everything_is_shown(world: Any, reports_path: Path) -> None:
    world.staging["assets"].insert_one({"layer": "S", "name": "x", "mood": 1, "vibe": {"deep": 1}})
    world.staging["assets"].insert_one({"layer": ["S"], "mood": "calm"})
    result = world.materialise("preflight")
    told = world.metadata(result)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert "| staging |" in told["servers"]
    assert "6.0" in told["servers"]
    assert "rs0" in told["servers"]
    assert "the server asks for no login" in told["privileges"]
    assert "| nna_address_1 | nna_address 1 | True | missing; made when publishing |" in told["indexes"]
    assert "there is no validator" in told["validators"]
    assert "| S | 13 | 12 |" in told["layers"]
    assert "| unfiled | 1 |" in told["layers"]
    assert "| S | mood | int | 1 |" in told["unknown_fields"]
    assert "| S | vibe | object | 1 |" in told["unknown_fields"]
    assert "| unfiled | mood | string | 1 |" in told["unknown_fields"]
    assert "| mode | copy |" in told["choices"]
    assert told["items_in"] == world.staging["assets"].count_documents({})
    with world.registry() as registry:
        assert told["taxonomy"] == registry.taxonomy.pinned
    assert json.loads((reports_path / "registry" / "preflight.json").read_text())["concerns"] == []
    assert world.development.list_collection_names() == []


def test_all_that_stands_in_the_way_is_named_at_once_and_red_in_the_checks(world: Any) -> None:
    assets = world.development["assets"]
    assets.create_index("hfn", unique=True)
    assets.create_index([("description", "text")], name="old_text")
    assets.create_index("name", name="by_name")
    assets.create_index("nna_address")
    world.staging["taxonomies"].update_one({"layer": "S"}, {"$set": {"version": "other"}})
    result = world.materialise("preflight")
    told = world.failure(result)
    for words in (
        "5 things stand in the way",
        "the unique index hfn_1 covers hfn",
        "index old_text: it is in the way of migration_text. Drop it: db.assets.dropIndex('old_text')",
        "index by_name: it is in the way of name_1",
        "index nna_address_1: in the way of the wanted one: unique is None",
        "collection taxonomies: it holds the versions",
    ):
        assert words in told
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["fit_to_migrate"].passed
    assert "dropIndex" in checks["fit_to_migrate"].metadata["what_is_wrong"].value
    assert checks["nothing_to_know"].passed


def test_a_validator_that_would_refuse_the_new_fields_is_found_by_asking_it_and_nothing_is_written(
    world: Any,
) -> None:
    narrow = {
        "bsonType": "object",
        "required": ["name", "nna_address"],
        "properties": {"aiMetadata": {"bsonType": "string"}, "trainingData": {"bsonType": "string"}},
    }
    world.development.create_collection("assets", validator={"$jsonSchema": narrow})
    told = refused(look(world.settings()))
    assert "its validator refuses documents of the new shape, the first S." in told
    assert "propertyName: aiMetadata" in told
    assert "Let the validator allow the Phase 2B fields" in told

    wide = {"bsonType": "object", "required": ["name"], "properties": {"creatorDescription": {}}}
    change = {"collMod": "assets", "validator": {"$jsonSchema": wide}}
    world.development.command(change)
    seen = look(world.settings())
    assert seen.refusals == []
    layers = {str(row["document"])[0] for row in seen.validators}
    assert layers == set("SLWMGC")
    assert {row["answer"] for row in seen.validators} == {"taken"}

    world.development.command(change | {"validator": {"$jsonSchema": narrow}, "validationAction": "warn"})
    seen = look(world.settings())
    assert seen.refusals == []
    assert [one.reason for one in seen.warnings] == ["it has a validator that only warns"]
    world.development.command(change | {"validator": {"$jsonSchema": narrow}, "validationLevel": "off"})
    assert look(world.settings()).concerns == []
    assert world.development["assets"].count_documents({}) == 0


def test_a_target_that_is_no_plain_collection_is_refused_and_a_collation_is_told(world: Any) -> None:
    world.development.create_collection(
        "assets", capped=True, size=4096, collation={"locale": "en", "strength": 1}
    )
    seen = look(world.settings())
    assert "it is a capped collection" in refused(seen)
    assert any("collation (en)" in one.reason for one in seen.warnings)


def test_an_empty_staging_and_a_folder_for_backups_that_is_not_there_are_refused(world: Any) -> None:
    world.staging["assets"].drop()
    world.environment["REGISTRY_BACKUP_PATH"] = str(world.folder / "nowhere")
    told = refused(look(world.settings()))
    assert "staging has no document at all" in told
    assert "REGISTRY_BACKUP_PATH: there is no folder" in told


def test_what_is_at_work_and_a_legacy_name_are_told_and_stop_nothing(world: Any, registry: Any) -> None:
    registry.ledger.begin_verdict("apply", "S", "candidate", "run-7")
    legacy = dataclasses.replace(world.settings(), staging_db="nna-registry-staging")
    world.client["nna-registry-staging"]["assets"].insert_one({"layer": "S"})
    try:
        seen = look(legacy)
    finally:
        world.client.drop_database("nna-registry-staging")
    told = [f"{one.item}: {one.reason}" for one in seen.warnings]
    assert "apply of S: run run-7 is at work, or was lost" in told
    assert any("the right one is nna-registry-service-staging" in words for words in told)


def test_in_place_one_login_needs_what_both_sides_need_and_that_it_may_write_is_no_warning(
    logins: Any,
) -> None:
    settings = logins(staging=[("readWrite", "staging"), BACKUP])
    settings = dataclasses.replace(
        settings, profile="plan_001", development_uri=settings.staging_uri, development_db=settings.staging_db
    )
    # The logins' database for backups has its name of the other development.
    backup_db = settings.staging_db.replace("-staging", "-dev-backup")
    seen = look(dataclasses.replace(settings, backup_db=backup_db))
    assert seen.concerns == []
    assert {row["place"] for row in seen.privileges} == {"development", "backup"}


def test_field_names_and_documents_that_cannot_be_decoded_do_not_stop_the_look(world: Any) -> None:
    whole = RawBSONDocument(
        _document(b"\x02odd\x00\x03\x00\x00\x00\xff\xfe\x00" + b"\x10xx\x00\x01\x00\x00\x00")
    )
    world.staging["assets"].insert_one(whole)
    fields = {row["field"] for row in look(world.settings()).unknown_fields}
    assert {"odd", "xx"} <= fields


def _document(elements: bytes) -> bytes:
    own = b"\x10_id\x00\x05\x00\x00\x00" + b"\x02layer\x00\x02\x00\x00\x00S\x00" + elements + b"\x00"
    return (len(own) + 4).to_bytes(4, "little") + own


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a replica set that asks for a login."""
    folder = tmp_path_factory.mktemp("guarded")
    key = folder / "key"
    key.write_text("a key of tests only")
    key.chmod(0o600)
    (folder / "data").mkdir()
    (port,) = free_ports(1)
    command = [
        *(mongo_server.program(), "--dbpath", folder / "data", "--port", str(port), "--bind_ip", LOOPBACK),
        *("--replSet", "guarded", "--keyFile", key, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"),
        *("--oplogSize", "64", "--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]
    process = launch("mongo", command, log_path=folder / "mongo.log", cwd=folder)
    try:
        with MongoClient[dict[str, Any]](
            LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=200
        ) as client:
            wait_until_ready(process, lambda: _initiated(client, port))
            # The first user may be made from this machine without a login.
            client.admin.command("createUser", ROOT[0], pwd=ROOT[1], roles=["root"])
        yield f"{LOOPBACK}:{port}"
    finally:
        process.stop()


def _initiated(client: Any, port: int) -> bool:
    try:
        if client.admin.command("hello").get("isWritablePrimary"):
            return True
        members = [{"_id": 0, "host": f"{LOOPBACK}:{port}"}]
        client.admin.command("replSetInitiate", {"_id": "guarded", "members": members})
    except PyMongoError:
        return False
    return False


@pytest.fixture
def logins(guarded: str, world: Any) -> Iterator[Any]:
    """A function that makes logins by their roles and gives the settings that use them."""
    root = MongoClient[dict[str, Any]](f"mongodb://{ROOT[0]}:{ROOT[1]}@{guarded}/?authSource=admin")
    settings = world.settings()
    names = {"staging": settings.staging_db, "development": settings.development_db}
    names["backup"] = f"{settings.development_db}-backup"
    root[names["staging"]]["assets"].insert_many(list(world.staging["assets"].find().limit(3)))
    root[names["staging"]]["taxonomies"].insert_many(list(world.staging["taxonomies"].find()))
    made: list[str] = []

    def make(**roles: list[tuple[str, str]]) -> Any:
        uris = {}
        for user, granted in roles.items():
            wanted = [{"role": role, "db": names.get(place, place)} for role, place in granted]
            root.admin.command("createUser", user, pwd=PASSWORD, roles=wanted)
            made.append(user)
            uris[f"{user}_uri"] = f"mongodb://{user}:{PASSWORD}@{guarded}/?authSource=admin"
        return dataclasses.replace(settings, **{"staging_uri": f"mongodb://{guarded}", **uris})

    yield make
    for user in made:
        root.admin.command("dropUser", user)
    for name in names.values():
        root.drop_database(name)
    root.close()


READ, WRITE = ("read", "staging"), ("readWrite", "development")
BACKUP = ("readWrite", "backup")


def test_logins_with_just_what_is_needed_pass(logins: Any) -> None:
    seen = look(logins(staging=[READ], development=[WRITE, BACKUP]))
    assert seen.concerns == []
    assert {row["login"] for row in seen.privileges} == {"staging of admin", "development of admin"}


def test_a_login_of_staging_that_may_write_is_told(logins: Any) -> None:
    seen = look(logins(staging=[("readWrite", "staging")], development=[("readWriteAnyDatabase", "admin")]))
    assert seen.refusals == []
    (warning,) = seen.warnings
    assert warning.item == "REGISTRY_STAGING_URI"
    assert "may not only read staging, but insert, update, remove" in warning.reason


def test_a_login_that_may_not_write_development_or_keep_backups_is_refused_by_what_it_lacks(
    logins: Any,
) -> None:
    seen = look(logins(staging=[READ], development=[("read", "development")]))
    told = refused(seen)
    assert "may not insert, update, remove, createIndex on assets of" in told
    assert "on migration_* of" in told
    assert "renameCollectionSameDB on all collections of" in told
    assert PASSWORD not in told
    missing = {str(row["missing"]) for row in seen.privileges if row["place"] == "staging"}
    assert missing == {"nothing"}


def test_a_backup_that_may_not_be_written_says_so_and_what_to_do(logins: Any) -> None:
    with opened(logins(staging=[READ], development=[WRITE])) as registry:
        registry.ledger.install()
        seen = inventory.take(registry, "S", run_id="run", batch="batch-1").fingerprint
        with pytest.raises(
            PermanentError, match=r"server refuses: not authorized.*right to read and write"
        ) as error:
            backup.take(registry, "S", fingerprint=seen, day=datetime.now(UTC), run_id="run")
    assert PASSWORD not in str(error.value)


def test_a_server_that_asks_for_a_login_and_got_none_is_refused(logins: Any) -> None:
    told = refused(look(logins(development=[WRITE, BACKUP])))
    assert "REGISTRY_STAGING_URI: nobody is logged in: may not find on assets" in told


def test_the_list_of_what_a_migration_writes_covers_what_is_granted_by_collection() -> None:
    (need,) = (
        one
        for one in privileges.needs(
            staging="a", development="b", backup=None, taxonomies=False, in_place=True
        )
        if one.what == "assets"
    )
    own = Grant("b", "assets", frozenset({"find", "insert", "update"}))
    other = Grant("c", "assets", frozenset({"remove"}))
    assert privileges.lacking(need, [own, other]) == ("remove", "createIndex", "listIndexes")
    everything = Grant("", "", frozenset(need.actions))
    assert privileges.lacking(need, [everything]) == ()
