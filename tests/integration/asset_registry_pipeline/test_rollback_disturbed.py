"""A rollback that is disturbed: killed, beside another one, or while somebody changes what it looks at."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson.objectid import ObjectId

from asset_registry_pipeline.registry.rollback import CHANGED, Done
from asset_registry_pipeline.steps import rollback
from migration_kit.accounting import State
from tests.integration.asset_registry_pipeline.conftest import Steps
from tests.integration.asset_registry_pipeline.test_rollback import assets, lines, migrate


def test_a_rollback_that_is_killed_in_the_middle_is_ended_by_the_next(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(steps, "L")
    number = len(assets(world))
    monkeypatch.setattr(rollback, "CHUNK", 3)
    honest, calls = steps.registry.rollback.remember, []

    def killed(*given: Any) -> None:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        honest(*given)

    steps.registry.rollback.remember = killed
    with pytest.raises(KeyboardInterrupt):
        lines(steps, "L")
    steps.registry.rollback.remember = honest
    assert len(assets(world)) == number - 6
    assert world.development["migration_rolled_back"].count_documents({}) == 6
    (closed,) = steps.registry.ledger.gate("apply", ["L"]).closed
    assert closed.why.endswith("by run taker")

    # The same run, retried, tells also what it had done before.
    assert len([line for line in lines(steps, "L") if line.done is Done.REMOVED]) == number
    assert assets(world) == []
    history = [row["item"] for row in world.development["migration_rolled_back"].find()]
    assert len(history) == len(set(history)) == number


@pytest.mark.parametrize("mode", ["copy", "in_place"])
def test_what_is_changed_between_the_look_and_the_write_is_left(world: Any, mode: str) -> None:
    if mode == "in_place":
        world.environment["REGISTRY_DEVELOPMENT_DB"] = world.environment["REGISTRY_STAGING_DB"]
    world.use_profile(mode=mode)
    with world.registry() as registry:
        registry.ledger.install()
        registry.workspace.install()
        own = Steps(registry)
        migrate(own, "W")
        written = registry.ledger.entries(partition="W", states=[State.MIGRATED])
        victim, deleted = (ObjectId(entry.item) for entry in list(written)[:2])
        place = world.staging["assets"] if mode == "in_place" else world.development["assets"]
        honest, calls = rollback.close_gates, []

        def meanwhile(*given: Any) -> None:
            if not calls:
                place.update_one({"_id": victim}, {"$set": {"source": "mine"}})
                place.delete_one({"_id": deleted})
            calls.append(given)
            honest(*given)

        work = rollback.Rollback(registry, "taker", dry_run=False)
        entries = list(registry.ledger.entries(items=[str(victim), str(deleted)]))
        identifiers = {str(one): one for one in (victim, deleted)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rollback, "close_gates", meanwhile)
            done = {line.entry.item: line for line in rollback._chunk(work, "W", entries, identifiers, {})}
        assert len(calls) == (1 if mode == "in_place" else 2)
        assert done[str(victim)].reason == CHANGED
        assert done[str(deleted)].done is (Done.LEFT if mode == "in_place" else Done.ALREADY_GONE)
        assert place.find_one({"_id": victim})["source"] == "mine"
        assert place.find_one({"_id": deleted}) is None


def test_two_rollbacks_at_once_take_each_document_back_once(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(steps, "L")
    number = len(assets(world))
    monkeypatch.setattr(rollback, "CHUNK", 4)

    def run(name: str) -> int:
        with world.registry() as own:
            work = rollback.Rollback(own, name, dry_run=False)
            return sum(line.done is Done.REMOVED for line in rollback.roll_back(work, "L"))

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, ["one", "other"]))
    assert sum(done) == number
    assert assets(world) == []
    assert world.development["migration_rolled_back"].count_documents({}) == number
