"""What the suites are told of a new document: which of its fields are other than the source's, and how it differs."""

from dataclasses import replace
from typing import Any

import pytest

from asset_registry_pipeline.registry.answers import changed_fields
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.stores.codec import same_bytes
from asset_registry_pipeline.stores.files import load_profile

PROFILE = load_profile("default")
SOURCE = SourceDocument(
    "1", "S", "0" * 64, 1, {"_id": 1, "layer": "S", "tags": ["a"], "__v": 2, "rights": "{}"}
)


def _asked_of_the_bytes(one: Any, other: Any) -> bool:
    raise AssertionError(f"{one!r} and {other!r} are one value: their bytes need not be asked")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tags": ["a"]}, []),
        ({"tags": ["b"]}, ["tags"]),
        ({"__v": 2.0}, ["__v"]),
        ({"extra": None}, ["extra"]),
        ({"rights": {}, "creatorDescription": "new", "components": []}, []),
    ],
)
def test_a_field_is_untouched_where_it_would_be_stored_as_the_same_bytes(
    changes: dict[str, Any], told: list[str]
) -> None:
    document = {**(SOURCE.body or {}), **changes}
    assert changed_fields(SOURCE, document, PROFILE, same_bytes) == told


def test_a_field_that_is_gone_is_a_changed_one() -> None:
    assert changed_fields(SOURCE, {"_id": 1, "layer": "S", "tags": ["a"]}, PROFILE, same_bytes) == ["__v"]


def test_the_bytes_are_asked_only_of_values_that_are_not_the_very_same() -> None:
    assert changed_fields(SOURCE, dict(SOURCE.body or {}), PROFILE, _asked_of_the_bytes) == []


def test_the_storage_url_may_change_only_by_a_profile_that_rewrites_it() -> None:
    before = replace(SOURCE, body={"gcpStorageUrl": "old"})
    rewriting = replace(PROFILE, rewrite_bucket="new")
    assert changed_fields(before, {"gcpStorageUrl": "new"}, PROFILE, same_bytes) == ["gcpStorageUrl"]
    assert changed_fields(before, {"gcpStorageUrl": "new"}, rewriting, same_bytes) == []
