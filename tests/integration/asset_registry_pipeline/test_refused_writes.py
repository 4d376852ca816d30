"""A write that development refuses: for what the document holds it is quarantined, for anything else the run fails."""

from typing import Any

import pytest
from pymongo.errors import OperationFailure

from asset_registry_pipeline.registry.outcomes import REFUSED
from asset_registry_pipeline.stores.progress import Status
from migration_kit.failures import PermanentError


def ready(steps: Any, layer: str) -> list[Any]:
    return [one for one in steps.registry.workspace.candidates(layer) if one.raw is not None]


def test_a_server_that_refuses_every_write_quarantines_no_document(world: Any, steps: Any) -> None:
    steps.plan("S")
    first = ready(steps, "S")[0]
    development = steps.registry.development
    development.ensure_indexes()
    honest = development.insert

    def forbidden(*_: Any) -> None:
        raise OperationFailure("not authorized on this database to execute command", 13)

    development.insert = forbidden
    with pytest.raises(PermanentError, match=r"development refused to be written to.*not authorized"):
        steps.publish("S")
    assert world.outcome(first.item) is None
    development.insert = honest
    assert steps.publish("S").written == len(ready(steps, "S"))


def test_a_document_that_a_validator_refuses_is_quarantined_alone(world: Any, steps: Any) -> None:
    steps.plan("S")
    victim, *others = ready(steps, "S")
    from asset_registry_pipeline.stores import codec

    world.development.create_collection(
        "assets", validator={"name": {"$ne": codec.decode(victim.raw)["name"]}}
    )
    assert steps.publish("S").written == len(others)
    assert world.outcome(victim.item)["reason"] == REFUSED


def test_a_validator_that_refuses_a_whole_layer_is_told_and_the_next_run_repairs_it(world: Any) -> None:
    """Also where a person publishes past the preflight, which would have said so before."""
    assert world.materialise("staging_inventory", "staging_backup", layer="M").success
    assert world.materialise("component_candidates", layer="M").success
    victim = world.staging["assets"].find_one({"layer": "M", "name": "M.D08.FST.001"})
    world.development.create_collection("assets", validator={"creatorDescription": {"$exists": False}})

    told = world.failure(world.materialise("components", layer="M"))

    assert (
        f"- {victim['name']} ({victim['_id']}): {REFUSED}: Document failed validation: specifiedAs: " in told
    )
    assert "run the layer again" in told
    assert world.development["assets"].count_documents({}) == 0
    with world.registry() as registry:
        assert registry.progress.of("M").status is Status.FAILED
        assert registry.development.missing_indexes() == {}
        assert not registry.ledger.gate("apply", ["M"]).open

    world.development.command({"collMod": "assets", "validator": {}})
    metadata = world.metadata(world.materialise("components", layer="M", batch="batch-2"))
    assert metadata["documents_written"] == world.development["assets"].count_documents({}) == 10
    assert "conflicts" not in metadata
