"""Addresses and the taxonomy: every spelling, and nothing that only looks like one."""

import contextlib
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.addresses import (
    AddressError,
    Hfn,
    Mfa,
    is_hfn,
    is_mfa,
    parse_hfn,
    parse_mfa,
)
from asset_registry_pipeline.registry.layers import LAYER_NUMBERS
from asset_registry_pipeline.registry.taxonomy import Taxonomy, UnknownCodeError, from_table
from local_stack.sources.registry import taxonomy as registry_taxonomy
from migration_kit.failures import PermanentError

_number = st.from_regex(r"[0-9]{3}", fullmatch=True)
_sequence = st.from_regex(r"[0-9]{3,6}", fullmatch=True)
_mfas = st.builds(Mfa, st.sampled_from(sorted(LAYER_NUMBERS)), _number, _number, _sequence)
_code = st.from_regex(r"[A-Z][A-Z0-9]{1,4}", fullmatch=True)


@given(_mfas)
def test_an_address_survives_the_way_through_both_of_its_forms(address: Mfa) -> None:
    assert parse_mfa(address.letter) == address
    assert parse_mfa(address.numeric) == address


@given(st.builds(Hfn, st.sampled_from("GSLMWBPTRCENAIFX"), _code, _code, _sequence))
def test_a_name_survives_the_way_through_its_text(name: Hfn) -> None:
    assert parse_hfn(str(name)) == name


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_never_half_read(text: str) -> None:
    for parse in (parse_hfn, parse_mfa):
        with contextlib.suppress(AddressError):
            assert str(parse(text)) == text or is_mfa(text)


@pytest.mark.parametrize(
    "text",
    [
        "G.undefined.undefined.001",
        "S.001.007.01",
        "S.001.007.001\n",
        " S.001.007.001",
        "s.001.007.001",
        "11.001.007.001",
        "S.٠٠١.007.001",  # noqa: RUF001  # Arabic digits
        "",
    ],
)
def test_what_only_looks_like_an_address_is_none(text: str) -> None:
    assert not is_mfa(text)
    with pytest.raises(AddressError):
        parse_mfa(text)


def test_an_address_is_not_taken_for_a_name_although_codes_may_be_digits() -> None:
    assert not is_hfn("S.001.007.001")
    assert is_hfn("L.Y2K.BAS.1000")


def test_a_layer_without_a_number_has_no_numeric_form() -> None:
    with pytest.raises(AddressError, match="no number"):
        _ = parse_mfa("X.001.001.001").numeric


def test_the_registrys_own_example_converts_in_all_directions(taxonomy: Taxonomy) -> None:
    name, address = parse_hfn("S.POP.HPM.001"), parse_mfa("2.001.007.001")
    assert taxonomy.to_mfa(name) == address
    assert address.letter == "S.001.007.001"
    assert taxonomy.to_hfn(address) == name
    assert taxonomy.names_of(name) == ("Pop", "Pop_Hipster_Male_Stars")


@pytest.mark.parametrize("name", ["S.ZZZ.HPM.001", "S.POP.ZZZ.001", "L.POP.HPM.001"])
def test_an_unknown_code_raises_and_is_never_guessed(taxonomy: Taxonomy, name: str) -> None:
    with pytest.raises(UnknownCodeError):
        taxonomy.to_mfa(parse_hfn(name))


@pytest.mark.parametrize("address", ["S.002.007.001", "S.001.001.001"])
def test_an_unknown_number_raises(taxonomy: Taxonomy, address: str) -> None:
    with pytest.raises(UnknownCodeError):
        taxonomy.to_hfn(parse_mfa(address))


REGISTRY = from_table(registry_taxonomy.table(), version="the registry's own")
_places = st.sampled_from(sorted(REGISTRY.places))


def test_every_place_of_the_whole_table_survives_the_round_trip_in_all_three_forms() -> None:
    assert len(REGISTRY.places) == sum(
        len(registry_taxonomy.places(layer)) for layer in registry_taxonomy.table()
    )
    for beginning, place in REGISTRY.places.items():
        name = parse_hfn(f"{beginning}.0042")
        address = REGISTRY.to_mfa(name)
        assert REGISTRY.to_hfn(address) == REGISTRY.to_hfn(parse_mfa(address.numeric)) == name
        assert address.letter == f"{place.address}.0042" == REGISTRY.address_of(str(name))
        assert REGISTRY.names_of(name) == (place.category, place.subcategory)


@given(_places, _sequence)
def test_a_name_converts_to_letter_and_number_and_back_whatever_its_sequence(
    beginning: str, sequence: str
) -> None:
    name = f"{beginning}.{sequence}"
    letter = REGISTRY.address_of(name)
    assert letter is not None
    numeric = parse_mfa(letter).numeric
    assert str(REGISTRY.to_hfn(parse_mfa(numeric))) == name
    assert parse_mfa(numeric).letter == letter


@given(
    st.one_of(
        st.text(max_size=20), st.builds(Hfn, st.sampled_from("GSLMWC"), _code, _code, _sequence).map(str)
    )
)
def test_the_quick_way_to_an_address_says_the_same_as_the_strict_one(text: str) -> None:
    try:
        strict = REGISTRY.to_mfa(parse_hfn(text)).letter
    except (AddressError, UnknownCodeError):
        strict = None
    assert REGISTRY.address_of(text) == strict


@given(st.builds(Hfn, st.sampled_from(sorted(LAYER_NUMBERS)), _code, _code, _sequence))
def test_a_code_that_is_not_in_the_table_raises_in_both_directions(name: Hfn) -> None:
    known = ".".join(str(name).split(".")[:3]) in REGISTRY.places
    if known:
        assert REGISTRY.to_hfn(REGISTRY.to_mfa(name)) == name
    else:
        with pytest.raises(UnknownCodeError):
            REGISTRY.to_mfa(name)
    with pytest.raises(UnknownCodeError):
        REGISTRY.to_hfn(Mfa(name.layer, "999", "999", name.sequence))


@pytest.mark.parametrize("wrong", [{"code": 5, "name": "A"}, {"code": "A1"}, {"name": "A"}, None])
def test_a_code_that_is_no_text_refuses_the_whole_taxonomy(wrong: object) -> None:
    category = {"code": "POP", "name": "Pop", "subcategories": {"001": wrong}}
    with pytest.raises(PermanentError, match="unknown shape"):
        from_table({"S": {"categories": {"001": category}}}, version="1")


def test_a_taxonomy_with_one_code_for_two_numbers_is_refused(request: pytest.FixtureRequest) -> None:
    table = {"S": {"name": "Stars", "categories": {}}}
    category = {"code": "POP", "name": "Pop", "subcategories": {"001": {"code": "A1", "name": "A"}}}
    table["S"]["categories"] = {"001": category, "002": copy.deepcopy(category)}
    with pytest.raises(PermanentError, match="one code for two numbers"):
        from_table(table, version="1")


@pytest.mark.parametrize("table", [{}, {"S": {}}, {"S": {"categories": {"001": None}}}, {"S": None}])
def test_a_taxonomy_of_another_shape_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(PermanentError, match="taxonomy"):
        from_table(table, version="1")
