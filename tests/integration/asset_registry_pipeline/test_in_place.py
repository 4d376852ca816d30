"""Migrations in place: a document is replaced only where it still is what was planned from, and what it was is kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.registry.documents import PHASE_2B_FIELDS, STAGING_FIELDS
from asset_registry_pipeline.registry.outcomes import CONFLICT, GONE
from asset_registry_pipeline.steps import apply
from asset_registry_pipeline.stores import codec
from migration_kit.failures import PermanentError

LAYERS = ("S", "L", "W", "M", "G", "C")


@pytest.fixture
def in_place(world: Any) -> Any:
    """The world with development where staging is, to be migrated by plan_001."""
    world.environment["REGISTRY_DEVELOPMENT_DB"] = world.environment["REGISTRY_STAGING_DB"]
    world.environment["REGISTRY_PROFILE"] = "plan_001"
    return world


@pytest.fixture
def registry(in_place: Any) -> Iterator[Any]:
    """The stores of the world that is migrated in place, open."""
    with in_place.registry() as opened:
        opened.ledger.install()
        opened.workspace.install()
        yield opened


def contents(world: Any) -> dict[str, bytes]:
    """The bytes of every asset."""
    found = world.development.get_collection("assets", codec_options=codec.RAW).find()
    return {codec.item_of(document.raw): document.raw for document in found}


def kept(world: Any) -> dict[str, RawBSONDocument]:
    """The pre-images, by item."""
    found = world.development.get_collection("migration_preimages", codec_options=codec.RAW).find()
    return {document["_id"]: document for document in found}


def ready(steps: Any, layer: str) -> list[Any]:
    return [one for one in steps.registry.workspace.candidates(layer) if one.raw is not None]


@pytest.mark.parametrize("profile", ["plan_001", "plan_002"])
def test_a_whole_registry_is_migrated_in_place_and_a_second_run_writes_nothing(
    in_place: Any, steps: Any, profile: str
) -> None:
    in_place.environment["REGISTRY_PROFILE"] = profile
    before = contents(in_place)
    with in_place.registry() as registry:
        registry.ledger.install()
        own = type(steps)(registry)
        first = [own.migrate(layer) for layer in LAYERS]
        after, preimages = contents(in_place), kept(in_place)
        written = sum(one.written for one in first)
        assert written == len(preimages) > 80
        assert {item: raw["document"].raw for item, raw in preimages.items()} == {
            item: before[item] for item in preimages
        }
        for item, raw in after.items():
            if item not in preimages:
                assert raw == before[item]
                continue
            assert codec.content_hash(raw) == preimages[item]["target_hash"]
            old, new = codec.decode(before[item]), codec.decode(raw)
            assert {*PHASE_2B_FIELDS[:3]} <= {*new}
            untouched = [name for name in STAGING_FIELDS if name in old and name != "components"]
            assert [codec.encode({"": old[name]}) for name in untouched] == [
                codec.encode({"": new[name]}) for name in untouched
            ]
        everything = {
            name: list(in_place.development[name].find()) for name in ("migration_ledger", "assets")
        }
        for layer in LAYERS:
            rows, tally = own.reconcile(layer)
            assert [row for row in rows if row["content"] or row["untouched"] or row["missing_fields"]] == []
            assert tally.foreign == 0
        again = [own.migrate(layer, batch="batch-2") for layer in LAYERS]
        assert [one.written for one in again] == [0] * len(LAYERS)
        assert sum(one.accounting.already_present for one in again) == written
        assert {name: list(in_place.development[name].find()) for name in everything} == everything
        assert {item: raw.raw for item, raw in kept(in_place).items()} == {
            item: raw.raw for item, raw in preimages.items()
        }


def test_what_the_app_changes_while_a_layer_is_migrated_is_left_and_named(in_place: Any, steps: Any) -> None:
    steps.plan("M")
    changed, deleted, later, *_ = steps.registry.workspace.candidates("M")
    assets = in_place.development["assets"]
    assets.update_one({"_id": changed.identifier}, {"$set": {"description": "By the app."}})
    assets.delete_one({"_id": deleted.identifier})
    staged = apply.Staged(steps.registry.ledger.plan("M"))  # it was as planned when the run began
    published = apply.publish(steps.registry, staged, run_id="run", batch="b", log=lambda _: None)
    assert assets.find_one({"_id": changed.identifier})["description"] == "By the app."
    outcome = in_place.outcome(changed.identifier)
    assert (outcome["reason"], outcome["detail"]["why"]) == (CONFLICT, "it was changed after it was planned")
    assert in_place.outcome(deleted.identifier)["reason"] == GONE
    assert assets.find_one({"_id": deleted.identifier}) is None
    assert published.accounting.migrated == published.written == len(kept(in_place))

    assets.update_one({"_id": later.identifier}, {"$set": {"creatorDescription": "By the app."}})
    mine = contents(in_place)[later.item]
    second = steps.migrate("M", batch="batch-2")
    outcome = in_place.outcome(later.identifier)
    assert (outcome["reason"], outcome["detail"]["why"]) == (CONFLICT, "it was changed after it was migrated")
    assert outcome["target_hash"] == later.target_hash
    assert contents(in_place)[later.item] == mine
    assert second.written == 1  # what was changed before it was migrated is migrated now
    assert codec.decode(kept(in_place)[changed.item]["document"].raw)["description"] == "By the app."


def test_two_runners_at_once_replace_each_document_once(in_place: Any, steps: Any) -> None:
    steps.plan("L")
    before = contents(in_place)
    staged = apply.load_staged(steps.registry, "L")

    def run(name: str) -> int:
        with in_place.registry() as own:
            return apply.publish(own, staged, run_id=name, batch=name, log=lambda _: None).written

    with ThreadPoolExecutor(2) as pool:
        written = sum(pool.map(run, ["one", "other"]))
    preimages = kept(in_place)
    assert written == len(preimages) == staged.dispositions["ready"]
    assert {item: row["document"].raw for item, row in preimages.items()} == {
        item: before[item] for item in preimages
    }
    assert {
        item: codec.content_hash(raw) for item, raw in contents(in_place).items() if item in preimages
    } == {item: row["target_hash"] for item, row in preimages.items()}


def test_a_write_of_the_app_between_the_look_and_the_replacement_is_left_and_named(
    in_place: Any, steps: Any
) -> None:
    steps.plan("M")
    changed, deleted, *_ = ready(steps, "M")
    assets, development = in_place.development["assets"], steps.registry.development
    honest = development.replace

    def meanwhile(*given: Any) -> None:
        development.replace = honest
        assets.update_one({"_id": changed.identifier}, {"$set": {"description": "By the app."}})
        assets.delete_one({"_id": deleted.identifier})
        honest(*given)

    development.replace = meanwhile
    staged = apply.Staged(steps.registry.ledger.plan("M"))
    published = apply.publish(steps.registry, staged, run_id="run", batch="b", log=lambda _: None)
    assert assets.find_one({"_id": changed.identifier})["description"] == "By the app."
    assert in_place.outcome(changed.identifier)["reason"] == CONFLICT
    assert in_place.outcome(deleted.identifier)["reason"] == GONE
    assert published.written == staged.dispositions["ready"] - 2 == len(kept(in_place))


def test_documents_of_any_id_are_replaced_in_place(in_place: Any, steps: Any) -> None:
    assets = in_place.development["assets"]
    strange = [{"a": 1, "b": "x"}, True, 1, None]
    for move, identifier in zip(assets.find({"layer": "M"}).limit(len(strange)), strange, strict=True):
        assets.delete_one({"_id": move["_id"]})
        assets.insert_one({**move, "_id": identifier})
    steps.migrate("M")
    arrived = {codec.item_key(identifier) for identifier in strange} & {*kept(in_place)}
    assert len(arrived) == len(strange)
    rows, _ = steps.reconcile("M")
    assert [row for row in rows if row["content"] or row["outcome"] or row["presence"]] == []


def test_two_databases_are_refused_in_place_and_one_is_refused_for_a_copy(in_place: Any) -> None:
    in_place.use_profile()
    with pytest.raises(PermanentError, match="source and target are the same"), in_place.registry():
        pass
    in_place.environment |= {"REGISTRY_PROFILE": "plan_002", "REGISTRY_DEVELOPMENT_DB": "elsewhere"}
    with (
        pytest.raises(PermanentError, match="not the same database, and the profile works in place"),
        in_place.registry(),
    ):
        pass
