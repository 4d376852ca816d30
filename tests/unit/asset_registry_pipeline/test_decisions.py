"""Curators' decisions as CSV: every word comes back, formulas are escaped, a bad row stops no other."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    ArtVerdict,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.registry.decisions_csv import COLUMNS, SONG_COLUMNS, read_csv, write_csv
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

_part = _words.map(lambda text: text[:500]).filter(lambda text: bool(text.strip()))
_maybe = st.none() | _part
_urls = st.from_regex(r"https://[a-z0-9.:\[\]-]{1,30}(/[!-~]{0,30})?", fullmatch=True)
_art = (
    st.just(ArtChoice("refuse"))
    | st.builds(ArtChoice, st.just("accept"), _urls, st.sampled_from(["iTunes", "MusicBrainz"]))
    | st.builds(ArtChoice, st.just("replace"), _urls, st.sampled_from([None, "Manual", "AI Generated"]))
)
_facts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"bpm": st.none() | st.integers(20, 400), **dict.fromkeys(("key", "mood", "genre", "tempo"), _maybe)}
).filter(lambda given: any(value is not None for value in given.values()))
_song_decisions = st.builds(
    replace,
    _decisions,
    layer=st.just("G"),
    title=st.none() | st.builds(SongTitleGiven, _part, _maybe, _maybe),
    album_art=st.none() | _art,
    facts=st.none() | _facts.map(lambda given: FactsGiven(**given)),
)


@given(st.lists(_decisions | _song_decisions, max_size=5, unique_by=lambda decision: decision.key))
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
    return ",".join(f'"{cells.get(column, "")}"' for column in COLUMNS) + "\n"


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


def test_a_file_from_before_songs_had_columns_is_read_as_it_was() -> None:
    old = [column for column in COLUMNS if column not in SONG_COLUMNS]
    cells = row().removesuffix("\n").split(",")[: len(old)]
    ((decision,), refused) = read_csv(",".join(old) + "\n" + ",".join(cells) + "\n")
    assert (decision.words, decision.title, decision.album_art, decision.facts) == (
        "Words.",
        None,
        None,
        None,
    )
    assert refused == ()


def test_what_a_curator_says_of_a_song_is_read_from_its_own_columns() -> None:
    said = {
        "songName": "Anxiety", "artistName": "Doechii", "albumArt": " https://x.invalid/a.png ", "bpm": "129",
        "genre": "hip-hop, pop",
    }  # fmt: skip
    (decision,), _ = read_csv(HEADER + row(**said))
    assert decision.title == SongTitleGiven("Anxiety", None, "Doechii")
    assert decision.album_art == ArtChoice(ArtVerdict.REPLACE, "https://x.invalid/a.png")
    assert decision.facts == FactsGiven(bpm=129, genre="hip-hop, pop")
    assert decision.facts.given == ("bpm", "genre")
    accepted = row(albumArt="https://is1-ssl.mzstatic.com/a.jpg", albumArtSource="iTunes")
    (decision,), _ = read_csv(HEADER + accepted)
    assert (decision.title, decision.facts) == (None, None)
    assert decision.album_art == ArtChoice("accept", "https://is1-ssl.mzstatic.com/a.jpg", "iTunes")
    (decision,), _ = read_csv(HEADER + row(albumArt="Refuse"))
    assert decision.album_art == ArtChoice("refuse")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ({"layer": "S", "bpm": "96"}, "bpm: only a song has"),
        ({"layer": "W", "albumArt": "refuse", "songName": "x"}, "songName, albumArt: only a song has"),
        ({"albumName": "Midnights"}, "a title needs the name of the song"),
        ({"songName": "x" * 501}, "song has over 500 characters"),
        ({"albumArt": "http://x.invalid/a.png"}, "neither `refuse` nor an https URL"),
        ({"albumArt": "https://user:word@x.invalid/"}, "neither `refuse` nor an https URL"),
        ({"albumArt": "https://x.invalid/a b"}, "neither `refuse` nor an https URL"),
        ({"albumArt": "accept"}, "neither `refuse` nor an https URL"),
        ({"albumArt": "refuse", "albumArtSource": "iTunes"}, "not both"),
        ({"albumArt": "https://x.invalid/", "albumArtSource": "Internet"}, "expects Manual, AI Generated"),
        ({"albumArtSource": "Manual"}, "albumArtSource without albumArt"),
        ({"bpm": "fast"}, "bpm 'fast' is no whole number"),
        ({"bpm": "19"}, "bpm 19 is not a whole number from 20 to 400"),
        ({"bpm": "401"}, "bpm 401 is not a whole number from 20 to 400"),
    ],
)
def test_what_cannot_be_said_of_a_song_refuses_its_row_alone(cells: dict[str, str], why: str) -> None:
    read, (refused,) = read_csv(HEADER + row(**cells) + row(name="G.HIP.MOD.002"))
    assert [decision.name for decision in read] == ["G.HIP.MOD.002"]
    assert (refused.line, why in refused.why) == (2, True), refused.why


@pytest.mark.parametrize(
    "given",
    [
        {"verdict": "accept", "url": "https://x.invalid/a.png"},
        {"verdict": "accept", "url": "https://x.invalid/a.png", "source": "Manual"},
        {"verdict": "accept"},
        {"verdict": "replace"},
        {"verdict": "perhaps", "url": "https://x.invalid/a.png"},
    ],
)
def test_a_choice_of_album_art_that_does_not_say_which_picture_is_none(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"album art|ArtVerdict"):
        ArtChoice(**given)
    with pytest.raises(ValueError, match="no fact is given"):
        FactsGiven()
