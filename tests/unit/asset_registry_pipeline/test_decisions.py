"""Curators' decisions as CSV: every word comes back, formulas are escaped, a bad row stops no other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.decisions import COLUMNS, Decision, Verdict, read_csv, write_csv
from asset_registry_pipeline.stores.files import load_decisions
from migration_kit.failures import PermanentError

_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: bool(text.strip())
)
_words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(
    lambda text: bool(text.strip())
)
_decisions = st.builds(
    Decision,
    layer=st.sampled_from("GSLWM"),
    name=_text.map(str.strip).filter(bool),
    nna_address=_text.map(str.strip).filter(bool),
    source_hash=st.just("hash"),
    verdict=st.just(Verdict.EDIT),
    words=_words,
    reason=st.none() | _words,
    decided_by=_text.map(str.strip).filter(bool),
    decided_at=st.integers(0, 10**11).map(
        lambda ms: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    ),
)


@given(st.lists(_decisions, max_size=5, unique_by=lambda decision: decision.key))
def test_decisions_survive_the_way_through_csv(decisions: list[Decision]) -> None:
    read, refused = read_csv(write_csv(decisions))
    assert read == tuple(decisions)
    assert not refused


def row(**changes: str) -> str:
    cells = {
        "layer": "G", "name": "G.HIP.MOD.001", "nna_address": "G.003.003.001", "source_hash": "hash",
        "decision": "edit", "creatorDescription": "Words.", "reason": "", "decided_by": "c@example.invalid",
        "decided_at": "2025-09-01T10:00:00+00:00",
    } | changes  # fmt: skip
    return ",".join(f'"{cells[column]}"' for column in COLUMNS) + "\n"


HEADER = ",".join(COLUMNS) + "\n"


def test_the_ends_of_lines_within_words_stay_as_they_are_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_bytes(
        (HEADER + row(creatorDescription="One.\r\nTwo.\rThree.\n")).replace("\n", "\r\n").encode()
    )
    (decision,), _ = load_decisions(str(path))
    assert decision.words == "One.\r\r\nTwo.\rThree.\r\n"


def test_a_row_with_more_cells_than_columns_is_refused_instead_of_losing_words() -> None:
    cut = row().replace('"Words."', "Words, and more")
    decisions, (refused,) = read_csv(HEADER + cut + row(name="G.HIP.MOD.002"))
    assert "more cells than columns" in refused.why
    assert [decision.name for decision in decisions] == ["G.HIP.MOD.002"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (row(creatorDescription="x").replace('"x"', '"x') + row(name="G.HIP.MOD.002"), "line 2"),
        (row(reason="").removesuffix('"\n') + "\n", "unexpected end of data"),
        (row(creatorDescription="x" * 200_000), "field larger than field limit"),
    ],
)
def test_a_file_whose_rows_cannot_be_told_apart_is_refused_and_none_is_lost_in_another(
    text: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(HEADER + text)
    with pytest.raises(PermanentError, match=told) as refused:
        load_decisions(str(path))
    assert "REGISTRY_DECISIONS" in str(refused.value.remedy)


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", "'=1+1"])
def test_a_cell_that_looks_like_a_formula_is_escaped_and_comes_back(start: str) -> None:
    (decision,), _ = read_csv(HEADER + row())
    changed = Decision(**{**decision.__dict__, "words": start})
    text = write_csv([changed])
    assert f",'{start}" in text
    assert read_csv(text)[0] == (changed,)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": " "}, "name are empty"),
        ({"source_hash": ""}, "source_hash are empty"),
        ({"decision": "perhaps"}, "not one of approve, edit, reject, test, exclude"),
        ({"creatorDescription": "  "}, "an edit without words"),
        ({"decided_at": "yesterday"}, "not ISO 8601"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_its_neighbours_are_read(
    changes: dict[str, str], why: str
) -> None:
    read, refused = read_csv(HEADER + row(**changes) + row(name="G.HIP.MOD.002"))
    assert [decision.name for decision in read] == ["G.HIP.MOD.002"]
    assert refused[0].line == 2
    assert why in refused[0].why


def test_the_same_asset_decided_twice_differently_keeps_the_first_and_tells() -> None:
    read, refused = read_csv(HEADER + row() + row(creatorDescription="Other words.") + row())
    assert [decision.words for decision in read] == ["Words."]
    assert [bad.line for bad in refused] == [3]


def test_a_missing_column_is_an_error_for_the_whole_file() -> None:
    with pytest.raises(ValueError, match="source_hash"):
        read_csv("layer,name,nna_address,decision,decided_by,decided_at\n")


def test_an_approval_with_blank_words_has_none() -> None:
    (read,), refused = read_csv(f"{','.join(COLUMNS)}\n{row(decision='approve', creatorDescription='  ')}\n")
    assert read.words is None
    assert refused == ()
