"""What is refused before anything is touched, and what is only told; on real servers where one is needed."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from asset_registry_pipeline.registry.decisions_csv import COLUMNS
from asset_registry_pipeline.steps import decisions
from asset_registry_pipeline.stores.connections import check, opened
from asset_registry_pipeline.stores.settings import Settings
from local_stack.servers import mongo as mongo_server
from local_stack.servers.ports import LOOPBACK
from local_stack.sources import registry as source
from migration_kit.failures import PermanentError, TransientError

FINE = Settings(
    "mongodb://a.invalid:1",
    "nna-registry-service-staging",
    "mongodb://b.invalid:1",
    "nna-registry-service-dev",
    allowed="*.invalid/nna-registry-*",
)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"staging_uri": ""}, "REGISTRY_STAGING_URI"),
        ({"development_db": " "}, "REGISTRY_DEVELOPMENT_DB"),
        ({"development_uri": "http://b.invalid"}, "mongodb://"),
        ({"development_uri": FINE.staging_uri, "development_db": FINE.staging_db}, "same database"),
        (
            {"development_db": "nna-registry-service-production"},
            "REGISTRY_DEVELOPMENT_DB: the name says production",
        ),
        ({"staging_db": "PROD"}, "REGISTRY_STAGING_DB: the name says production"),
        (
            {"development_uri": "mongodb://db.prod.invalid"},
            "REGISTRY_DEVELOPMENT_URI: the name says production",
        ),
    ],
)
def test_a_setting_that_must_not_be_is_refused_by_its_variable(changes: dict[str, str], told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        check(dataclasses.replace(FINE, **changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"backup_db": FINE.staging_db}, "is migrated itself"),
        ({"backup_db": FINE.development_db}, "is migrated itself"),
        ({"backup_db": "nna-registry-prod-backup"}, "REGISTRY_BACKUP_DB: the name says production"),
        ({"backup_db": "elsewhere"}, "REGISTRY_BACKUP_DB: b.invalid/elsewhere is not on the list"),
        ({"backup_db": "nna-registry-" + "long" * 20}, "is no name of a database: 63 bytes at most"),
        ({"backup_db": "nna-registry-$x"}, "is no name of a database"),
    ],
)
def test_a_place_for_backups_that_must_not_be_is_refused(changes: dict[str, str], told: str) -> None:
    with pytest.raises(PermanentError, match=told):
        check(dataclasses.replace(FINE, **changes))
    assert check(dataclasses.replace(FINE, **changes, backup_path="somewhere")) == ()


def test_a_name_with_prod_in_it_is_allowed_once_it_is_confirmed_by_name() -> None:
    named = dataclasses.replace(
        FINE, development_db="nna-registry-products", staging_uri="mongodb://product.invalid:1"
    )
    with pytest.raises(PermanentError, match=r"add product\.invalid to REGISTRY_CONFIRMED"):
        check(named)
    confirmed = "product.invalid, nna-registry-products"
    with pytest.raises(PermanentError, match="add nna-registry-products-backup to REGISTRY_CONFIRMED"):
        check(dataclasses.replace(named, confirmed=confirmed))
    assert (
        check(
            dataclasses.replace(
                named, confirmed=f"{confirmed},nna-registry-products", backup_db="nna-registry-b"
            )
        )
        == ()
    )


def test_two_addresses_of_one_server_do_not_hide_that_source_and_target_are_the_same(world: Any) -> None:
    settings = world.settings()
    port = settings.staging_uri.rpartition(":")[2].partition("/")[0]
    aliased = dataclasses.replace(
        settings,
        staging_uri=f"mongodb://127.1:{port}/?directConnection=true",
        development_db=settings.staging_db,
        allowed="*/*",
    )
    with pytest.raises(PermanentError, match="two addresses lead to one server"), opened(aliased):
        pass


@pytest.mark.parametrize("side", ["staging", "development"])
@pytest.mark.parametrize(
    ("uri", "database", "allowed"),
    [
        ("mongodb://c.elsewhere:1", "nna-registry-service-dev", FINE.allowed),
        ("mongodb+srv://c.elsewhere", "nna-registry-service-dev", FINE.allowed),
        ("mongodb://b.invalid:1,c.elsewhere:1", "nna-registry-service-dev", FINE.allowed),
        ("mongodb://b.invalid:1", "another", FINE.allowed),
        ("mongodb://me:b.invalid@c.elsewhere:1", "nna-registry-service-dev", FINE.allowed),
        ("mongodb://b.invalid:1", "nna-registry-service-dev", ""),
    ],
)
def test_a_host_or_database_that_is_not_on_the_list_is_refused(
    side: str, uri: str, database: str, allowed: str
) -> None:
    wrong = dataclasses.replace(FINE, **{f"{side}_uri": uri, f"{side}_db": database, "allowed": allowed})
    with pytest.raises(PermanentError, match=r"not on the list of allowed places.*REGISTRY_ALLOWED"):
        check(wrong)


def test_without_a_list_only_this_machine_is_allowed_by_whatever_name() -> None:
    for host in ("localhost", "127.0.0.1:2", "[::1]:3"):
        check(
            dataclasses.replace(
                FINE, staging_uri=f"mongodb://{host}", development_uri=f"mongodb://{host}", allowed=" "
            )
        )


def test_a_list_that_cannot_be_read_allows_nothing_and_says_so() -> None:
    with pytest.raises(PermanentError, match=r"REGISTRY_ALLOWED: 'b\.invalid' is no pattern"):
        check(dataclasses.replace(FINE, allowed="b.invalid"))


def test_a_password_that_says_prod_is_no_reason_to_refuse_and_is_never_told() -> None:
    assert check(dataclasses.replace(FINE, staging_uri="mongodb://me:product@a.invalid:1")) == ()
    with pytest.raises(PermanentError) as refused:
        check(dataclasses.replace(FINE, staging_uri="mongodb://me:hunter22@prod.invalid:1"))
    assert "hunter22" not in str(refused.value)


def test_legacy_database_names_are_told_with_the_right_ones() -> None:
    warnings = check(dataclasses.replace(FINE, staging_db="nna-registry-staging"))
    assert warnings == (
        "nna-registry-staging is a legacy database name; the right one is nna-registry-service-staging",
    )


def test_a_server_that_does_not_answer_is_a_passing_failure_and_not_an_empty_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("migration_kit.mongo.SERVER_SELECTION_SECONDS", 0.2)
    silent = dataclasses.replace(
        FINE, staging_uri=f"mongodb://{LOOPBACK}:1", development_uri=f"mongodb://{LOOPBACK}:1", allowed=""
    )
    with pytest.raises(TransientError, match="does not answer"), opened(silent):
        pass


def test_a_server_without_transactions_is_refused(world: Any, tmp_path: Path) -> None:
    from local_stack.servers.ports import free_ports
    from local_stack.servers.process import launch, wait_until_ready

    (tmp_path / "alone").mkdir()
    (port,) = free_ports(1)
    command = [
        mongo_server.program(),
        "--dbpath",
        tmp_path / "alone",
        "--port",
        str(port),
        "--bind_ip",
        LOOPBACK,
    ]
    process = launch("mongo", [*command, "--nounixsocket"], log_path=tmp_path / "mongo.log", cwd=tmp_path)
    try:
        with MongoClient(LOOPBACK, port, serverSelectionTimeoutMS=100) as client:
            wait_until_ready(process, lambda: _answers(client))
        alone = dataclasses.replace(world.settings(), development_uri=f"mongodb://{LOOPBACK}:{port}")
        with pytest.raises(PermanentError, match="no replica set"), opened(alone):
            pass
    finally:
        process.stop()


def _answers(client: Any) -> bool:
    from pymongo.errors import PyMongoError

    try:
        return bool(client.admin.command("ping"))
    except PyMongoError:
        return False


def test_a_unique_index_over_a_field_that_the_documents_lack_stops_the_run(world: Any) -> None:
    world.development["assets"].create_index("hfn", unique=True)
    told = world.failure(world.materialise("staging_inventory", layer="S"))
    assert "hfn_1 covers hfn" in told
    assert "dropIndex" in told
    world.development["assets"].drop_indexes()
    world.development["assets"].create_index("hfn", unique=True, sparse=True)
    assert world.materialise("staging_inventory", layer="S").success


def test_a_text_index_that_stands_in_the_way_is_named_before_anything_is_written(
    world: Any, steps: Any
) -> None:
    world.development["assets"].create_index([("name", "text")], name="old_text")
    steps.plan("M")
    with pytest.raises(PermanentError, match="migration_text cannot be made"):
        steps.publish("M")
    assert world.development["assets"].count_documents({}) == 0


def test_an_empty_layer_fails_and_is_never_a_finished_one(world: Any) -> None:
    world.staging["assets"].delete_many({"layer": "W"})
    assert "staging has no document of this layer" in world.failure(
        world.materialise("staging_inventory", layer="W")
    )


def test_a_profile_that_works_in_place_is_refused_through_dagster(world: Any) -> None:
    world.environment["REGISTRY_PROFILE"] = "plan_001"
    told = world.failure(world.materialise("staging_inventory", layer="S"))
    assert "works in place" in told
    assert world.development.list_collection_names() == []


def test_the_taxonomy_is_pinned_from_the_collection_or_a_file_and_two_versions_are_refused(
    world: Any,
) -> None:
    with world.registry() as registry:
        pinned = registry.taxonomy
    path = world.folder / "taxonomy.json"
    path.write_text(json.dumps({"version": "mine", "layers": source.taxonomy.table()}))
    world.environment["REGISTRY_TAXONOMY"] = str(path)
    with world.registry() as registry:
        assert registry.taxonomy.digest == pinned.digest
        assert registry.taxonomy.pinned.startswith("mine+")
    world.environment["REGISTRY_TAXONOMY"] = ""
    world.staging["taxonomies"].update_one({"layer": "S"}, {"$set": {"version": "other"}})
    with pytest.raises(PermanentError, match="holds the versions"), world.registry():
        pass


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("REGISTRY_PROFILE", "mine.yaml"),
        ("REGISTRY_TAXONOMY", "taxonomy.json"),
        ("REGISTRY_DECISIONS", "decisions.csv"),
    ],
)
def test_a_password_in_any_file_of_the_configuration_stops_the_run_and_is_not_told(
    world: Any, variable: str, name: str
) -> None:
    path = world.folder / name
    path.write_text('\n"mongodb://writer:hunter22@db.example"\n')
    world.environment[variable] = str(path)
    told = world.failure(world.materialise("staging_inventory", layer="G"))
    assert f"{path}: line 2 holds credentials in clear" in told
    assert "hunter22" not in told


def test_an_address_of_somebody_in_a_row_that_is_no_decision_is_masked_where_the_row_is_told(
    world: Any, steps: Any
) -> None:
    path = Path(world.environment["REGISTRY_DECISIONS"])
    path.write_text(
        ",".join(COLUMNS)
        + "\nG,curator.one@example.invalid,x,y,approve,,,someone@example.invalid,2026-01-01T00:00:00Z"
        "\nG,a,b,c,perhaps someone@example.invalid,,,me,2026-01-01T00:00:00Z\n"
    )
    refused = decisions.import_decisions(steps.registry, "G").refused
    assert len(refused) == 2
    assert "@" not in str(refused).replace("***@", "")


def test_staging_is_read_through_a_wrapper_that_cannot_write(steps: Any) -> None:
    wrapper = steps.registry.staging._assets
    writing = (
        "insert",
        "update",
        "replace",
        "delete",
        "drop",
        "rename",
        "bulk",
        "aggregate",
        "create",
        "find_one_and",
    )
    names = [name for name in dir(wrapper) if not name.startswith("__")]
    assert not [name for name in names if any(name.startswith(verb) for verb in writing)]


def test_filling_again_changes_nothing_and_another_seed_is_refused(world: Any) -> None:
    before = list(world.staging["assets"].find())
    assert not source.fill(world.environment, layers=source.SMALL).made
    assert list(world.staging["assets"].find()) == before
    with pytest.raises(ValueError, match="use another"):
        source.fill(world.environment, seed=8, layers=source.SMALL)


def test_the_inventory_records_findings_and_documents_of_no_layer(world: Any, steps: Any) -> None:
    world.staging["assets"].insert_many([{"_id": 1, "layer": "Q"}, {"_id": 2, "layer": ["S"]}, {"_id": 3}])
    steps.plan("S")
    unfiled = list(world.development["migration_ledger"].find({"partition": "unfiled"}))
    assert {outcome["_id"] for outcome in unfiled} == {"int:1", "int:2", "int:3"}
    kinds = set(world.development["migration_findings"].distinct("kind", {"layer": "S"}))
    assert {"unparseable_json", "placeholder_description", "stringified_json", "code_as_category"} <= kinds
