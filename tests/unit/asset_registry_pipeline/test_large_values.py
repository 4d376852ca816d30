"""Values of any size: each ends with an outcome of its own document, and what is told of it stays short."""

from typing import Any

import pytest

from asset_registry_pipeline.registry import composites
from asset_registry_pipeline.registry.documents import MAXIMUM_SIZE
from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.stores import codec
from migration_kit.failures import PermanentError


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "S.POP.HPM." + "1" * 9_000, "nna_address": "S.001.007." + "1" * 9_000},
        {"nna_address": "1" * 9_000},
    ],
)
def test_a_name_or_an_address_of_thousands_of_characters_is_none(
    make: Any, taxonomy: Taxonomy, changes: dict[str, str]
) -> None:
    found = inspect(make.source(make.star(**changes)), taxonomy)
    (told,) = [one.detail for one in found if one.kind == "malformed_address"]
    assert "9,0" in told
    assert "4,000 at most" in told


def test_a_composite_whose_name_is_padded_is_quarantined(make: Any, taxonomy: Taxonomy) -> None:
    document = make.composite(["S.001.007.001", "G.003.003.001"], name="C.FUL.POP.125:" + ":" * 9_000)
    assert "malformed_address" in {finding.kind for finding in inspect(make.source(document), taxonomy)}


@pytest.mark.parametrize("entry", ["S.POP." + "x" * 9_000, {"name": "S.POP." + "x" * 9_000}])
def test_a_long_reference_is_looked_up_whole_told_in_short_and_not_remembered(entry: Any) -> None:
    before = composites._listed_before.cache_info().currsize, composites._from_text.cache_info().currsize
    (reference,) = composites.read_components([entry])
    assert len(reference.key) == 9_006
    assert len(reference.written) == 200
    assert before == (
        composites._listed_before.cache_info().currsize,
        composites._from_text.cache_info().currsize,
    )


def test_a_document_that_leaves_no_room_for_its_id_beside_it_cannot_be_staged() -> None:
    fits = {"_id": 1, "text": "x" * (MAXIMUM_SIZE - 100)}
    assert len(codec.encode(fits)) < MAXIMUM_SIZE
    with pytest.raises(PermanentError, match=r"bytes, .* at most"):
        codec.encode({**fits, "_id": "x" * 100, "text": "x" * (MAXIMUM_SIZE - 200)})
