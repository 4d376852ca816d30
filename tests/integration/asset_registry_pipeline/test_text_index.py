"""The text index of a large first publishing: made behind the composites, told meanwhile, demanded at the end."""

from threading import Thread
from typing import Any

import pytest

from asset_registry_pipeline.steps import text_index, verify
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.indexes import TEXT, TEXT_INDEX


def _problems(registry: Registry, layer: str) -> tuple[dict[str, str], str]:
    tally = verify.Tally()
    return dict(verify.index_rows(registry, layer, tally)), tally.text_index


def _long_texts() -> list[str]:
    """Texts that a server takes seconds to build an index of."""
    return [" ".join(f"w{number}x{word}" for word in range(400)) for number in range(3_000)]


def test_where_many_composites_are_to_come_the_text_index_is_made_behind_them_and_demanded_of_them(
    world: Any, steps: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_index, "MANY", 10)
    steps.plan("C")
    for layer in "SLWMG":
        steps.migrate(layer)
    assert TEXT_INDEX not in registry.development.indexes()
    problems, told = _problems(registry, "S")
    assert told == text_index.WITH_COMPOSITES
    assert TEXT_INDEX not in problems
    assert {*problems.values()} == {"none"}
    # Of composites it is demanded, whatever has been published.
    assert _problems(registry, "C")[0][TEXT_INDEX] == "missing"

    steps.migrate("C")
    for layer in "SC":
        problems, told = _problems(registry, layer)
        assert told == text_index.THERE
        assert problems[TEXT_INDEX] == "none"
    # From now on it is there to be missed, and comes back with any layer.
    world.development["assets"].drop_index(TEXT_INDEX)
    assert _problems(registry, "S")[0][TEXT_INDEX] == "missing"
    steps.publish("S", batch="batch-2")
    assert _problems(registry, "S")[0][TEXT_INDEX] == "none"


def test_a_text_index_that_is_being_built_is_told_and_waited_for_by_composites(
    world: Any, registry: Registry
) -> None:
    registry.development.ensure_indexes()
    world.development["assets"].insert_many(
        [
            {"name": f"{n}", "nna_address": f"{n}", "layer": "S", "description": one}
            for n, one in enumerate(_long_texts())
        ]
    )
    building = Thread(
        target=world.development["assets"].create_index,
        args=(list(TEXT.keys),),
        kwargs={"name": TEXT.name, **TEXT.options},
    )
    building.start()
    while building.is_alive() and not registry.development.being_built():
        pass
    problems, told = _problems(registry, "S")
    assert told == text_index.BEING_BUILT
    assert TEXT_INDEX not in problems
    problems, told = _problems(registry, "C")
    assert told == text_index.THERE
    assert problems[TEXT_INDEX] == "none"
    assert registry.development.being_built() == frozenset()
    building.join()


def test_the_server_goes_on_building_the_text_index_when_nobody_waits_for_it(
    world: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asset_registry_pipeline.stores.development._MOMENT_SECONDS", 0.5)
    world.development["assets"].insert_many([{"description": one} for one in _long_texts()])
    registry.development.begin_text_index(registry.settings.development_uri)
    assert registry.development.being_built() == {TEXT_INDEX}
    registry.development.begin_text_index(registry.settings.development_uri)
    registry.development.await_indexes()
    assert TEXT_INDEX not in registry.development.missing_indexes()
