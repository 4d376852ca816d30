"""Profiles: each choice is a named one, everything else is refused with what to do, and what some choices mean."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.registry.transform import plan_asset
from asset_registry_pipeline.stores.files import load_profile
from migration_kit.failures import PermanentError


def shapes(of_metadata: Any) -> dict[str, Any]:
    """The target shapes of the default, but for a component's aiMetadata."""
    fields = {"albumArt": "none", "aiMetadata": of_metadata}
    songs = {"albumArt": "none", "aiMetadata": "full", "musicMetadata": "object"}
    return {"components": fields, "songs": songs, "composites": {**fields, "componentAnalysis": "object"}}


@pytest.mark.parametrize("name", ["default", "plan_000", "plan_001", "plan_002", ""])
def test_every_profile_that_comes_with_the_package_is_valid(name: str) -> None:
    assert load_profile(name).name == (name or "default")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"curation": "required"}, "curation needs one strategy"),
        ({"barrier": "no_components"}, "no_components"),
        (
            {"cascade": {"reject": "hold", "test": "exclude"}},
            "cascade needs one strategy for each of reject, test",
        ),
        ({"cascade": {"reject": "ignore", "test": "hold", "exclude": "hold"}}, "'ignore' is not one of hold"),
        ({"expected": "guess"}, "expected needs"),
        ({"ai_metadata": {"components": "guess", "songs": "none", "composites": "none"}}, "'guess'"),
        ({"mode": "move"}, "mode is 'move'"),
        ({"tolerance": 2}, "tolerance is 2"),
        ({"storage_url": "drop"}, "storage_url"),
        ({"expected": {"S": 1}}, "expected needs"),
        ({"surprise": 1}, "surprise"),
        ({1: 1}, "missing or unknown: 1"),
        ({"expected": dict.fromkeys("SLWMGC", -1)}, "expected needs"),
        ({"expected": dict.fromkeys("SLWMGC", True)}, "expected needs"),
        ({"storage_url": {"rewrite": ""}}, "storage_url"),
        ({"storage_url": {"rewrite": "a bucket/of mine"}}, "storage_url"),
        ({"target_shapes": {"components": {}}}, "target_shapes needs the fields of each"),
        (
            {"target_shapes": shapes("full") | {"songs": {"albumArt": "none"}}},
            "songs needs albumArt, aiMetadata",
        ),
        ({"target_shapes": shapes("surprise")}, "'surprise'"),
        ({"target_shapes": shapes([])}, "of full, simple, marker"),
    ],
)
def test_a_profile_that_names_what_does_not_exist_is_refused(
    tmp_path: Any, change: dict[Any, Any], told: str
) -> None:
    from importlib.resources import files

    text = files("asset_registry_pipeline.profiles").joinpath("default.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(text) | change))
    with pytest.raises(PermanentError, match=told):
        load_profile(str(path))


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PermanentError, match="default, plan_000"):
        load_profile("plan_999")


def test_a_storage_url_is_rewritten_only_by_a_profile_that_says_so(
    make: Any, taxonomy: Taxonomy, tmp_path: Any
) -> None:
    from importlib.resources import files

    text = files("asset_registry_pipeline.profiles").joinpath("default.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(
        yaml.safe_dump(yaml.safe_load(text) | {"storage_url": {"rewrite": "nna_registry_assets_dev"}})
    )
    source = make.source(make.star())
    planned = plan_asset(source, inspect(source, taxonomy), None, load_profile(str(path)))
    assert planned.document is not None
    assert "/nna_registry_assets_dev/S/POP/" in planned.document["gcpStorageUrl"]


def test_a_count_is_off_by_more_than_the_tolerance_and_where_more_is_fine_only_when_it_is_less() -> None:
    about = replace(load_profile("plan_000"), expected={"S": 100, "W": 100}, tolerance=0.1)
    assert [about.as_expected("S", n) for n in (89, 90, 110, 111)] == [False, True, True, False]
    at_least = replace(about, counts="at_least")
    assert [at_least.as_expected("S", n) for n in (89, 90, 1000)] == [False, True, True]
    assert about.as_expected("SW", 220)
    assert not about.as_expected("SW", 221)
    assert load_profile("default").as_expected("S", 5)
