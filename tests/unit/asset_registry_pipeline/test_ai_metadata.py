"""What the rules read from a creator's words, and what wins: facts, estimates, and what a curator gave."""

from datetime import UTC, datetime
from itertools import combinations
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.aggregation import (
    FEATURE_FIELDS,
    Features,
    compatibility,
    features_of,
)
from asset_registry_pipeline.registry.ai_metadata import (
    RULES_VERSION,
    beats_in,
    made_by_rules,
    only_stated_beats,
    read_facts,
    with_facts,
)
from asset_registry_pipeline.registry.decisions import FactsGiven

WHEN = datetime(2025, 9, 1, tzinfo=UTC)
WORDS = "A slow hip hop track at 96 BPM in A minor, smooth."


def made(words: str, tags: tuple[str, ...] = ("pop",), given: FactsGiven | None = None) -> dict[str, Any]:
    return made_by_rules(words, tags, layer="G", made_at=WHEN, given=given)


def test_only_what_a_text_states_becomes_a_fact() -> None:
    facts = read_facts(WORDS, ["Pop", "pop", "G7"])
    assert (facts.bpm, facts.key, facts.tempo, facts.mood) == (96, "A minor", "slow", "smooth")
    assert (facts.bpm_estimated, facts.energy) == (None, "low")
    assert facts.genre == ("hip-hop", "pop")
    assert facts.tags == ("pop", "g7")
    assert facts.coverage == 1.0


@pytest.mark.parametrize(
    ("text", "bpm"),
    [
        ("at 60 BPM", 60), ("at 200bpm", 200), ("96 beats per minute", 96), ("128 beats a minute", 128),
        ("BPM: 96", 96), ("bpm 96, dark", 96), ("BPM of 120.5", 120.5), ("97.5 BPM", 97.5), ("BPM=140.", 140),
        ("loud at 250 BPM, 125 BPM felt", 125), ("about 90 BPM, or exactly 92 BPM", 92),
    ],
)  # fmt: skip
def test_a_tempo_that_is_stated_from_60_to_200_is_a_fact(text: str, bpm: float) -> None:
    assert beats_in(text) == (bpm, None)


@pytest.mark.parametrize(
    "text",
    ["at 59 BPM", "at 201 bpm", "1200 BPM", "BPM 1996", "BPM unknown", "in 1996", "1,120 BPM", "x96 BPM", ""],
)
def test_a_number_that_is_no_tempo_is_none(text: str) -> None:
    assert beats_in(text) == (None, None)


@pytest.mark.parametrize(
    ("text", "bpm"),
    [
        ("about 120 BPM", 120), ("around 96 bpm", 96), ("~128 BPM", 128), ("approximately 100 beats per minute", 100),
        ("90-100 BPM", 95), ("90 \u2013 95 BPM", 92.5), ("BPM: 120 to 130", 125), ("BPM is about 80", 80),
    ],
)  # fmt: skip
def test_a_tempo_that_is_hedged_or_a_range_is_an_estimate(text: str, bpm: float) -> None:
    assert beats_in(text) == (None, bpm)


@pytest.mark.parametrize(
    ("text", "bpm"),
    [("a slow song", 70), ("mid-tempo", 105), ("Upbeat!", 120), ("a fast one", 140), ("laid-back", 85),
     ("a song", None)],
)  # fmt: skip
def test_a_tempo_word_gives_an_estimate_beside_the_fact_and_never_a_fact(text: str, bpm: int | None) -> None:
    metadata = made(text)
    assert (metadata["bpm"], metadata["bpmEstimated"]) == (None, bpm)
    stated = made(f"{text} at 96 BPM")
    assert (stated["bpm"], stated["bpmEstimated"]) == (96, None)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("in A minor", "A minor"), ("in the key of F# major", "F# major"), ("key: E\u266d min", "Eb minor"),
        ("Key is B flat Major", "Bb major"), ("96 BPM, A minor", "A minor"), ("in C-sharp minor.", "C# minor"),
        ("D MAJOR all through", "D major"), ("A# minor", "A# minor"), ("dark (A minor)", "A minor"),
        ("A minor hit of the summer", None), ("A major success", None), ("in a minor way", None),
        ("DE major", None), ("H minor", None), ("", None),
    ],
)  # fmt: skip
def test_a_key_is_read_in_the_ways_that_people_write_it_and_a_minor_hit_is_none(
    text: str, key: str | None
) -> None:
    assert read_facts(text).key == key


@pytest.mark.parametrize(
    ("text", "genre"),
    [
        ("Hip hop and R&B", ("hip-hop", "r&b")), ("HipHop", ("hip-hop",)), ("k-pop", ("k-pop",)),
        ("popular bedrock rapport", ()), ("synthwave/techno", ("techno", "synthwave")),
    ],
)  # fmt: skip
def test_genres_are_whole_words_of_the_vocabulary(text: str, genre: tuple[str, ...]) -> None:
    assert read_facts(text).genre == genre


@pytest.mark.parametrize(
    "title",
    [
        "Rock with You by Michael Jackson", "Happy - Slow Jazz - Metal", "Disco Inferno by The Trammps from Fast Funk",
        "Don\u2019t Stop (Country) by Soul Asylum", "Sad! by Pop Evil in Techno",
    ],
)  # fmt: skip
def test_what_a_song_is_called_says_nothing_of_how_it_sounds(title: str) -> None:
    silent, told = read_facts(f"{title}. It is here."), read_facts(f"{title}. A happy, slow salsa.")
    assert (silent.genre, silent.mood, silent.tempo, silent.energy) == ((), None, None, None)
    assert (told.genre, told.mood, told.tempo, told.energy) == (("salsa",), "happy", "slow", "low")


def test_a_description_without_a_title_is_read_whole() -> None:
    assert read_facts("A slow jazz song by the sea").tempo == "slow"
    assert read_facts("Smooth hip-hop - 96 bpm").genre == ("hip-hop",)


def test_metadata_of_the_rules_says_who_made_it_and_from_what() -> None:
    assert made(WORDS, ("Pop", "G7")) == {
        "generatedBy": "rules", "generationStrategy": "text-rules", "processingTime": 0,
        "inputContext": {
            "creatorDescription": WORDS, "layerStrategy": "G", "additionalContext": {"tags": ["pop", "g7"]},
        },
        "confidence": 1.0, "generatedAt": WHEN, "version": RULES_VERSION, "generatedDescription": WORDS,
        "mood": "smooth", "genre": ["hip-hop", "pop"], "tempo": "slow", "key": "A minor", "duration": None, "bpm": 96,
        "tags": ["pop", "g7"], "bpmEstimated": None, "energy": "low",
    }  # fmt: skip


def test_what_a_curator_gave_wins_over_the_words_and_is_marked_as_theirs() -> None:
    metadata = made(WORDS, given=FactsGiven(bpm=140, tempo="Fast", genre="Hip Hop; live, HIPHOP"))
    assert (metadata["bpm"], metadata["tempo"], metadata["energy"]) == (140, "fast", "high")
    assert metadata["genre"] == ["Hip Hop; live", "hip-hop"]
    assert (metadata["key"], metadata["mood"]) == ("A minor", "smooth")
    assert metadata["inputContext"]["additionalContext"] == {
        "tags": ["pop"], "givenByCurator": ["bpm", "genre", "tempo"],
    }  # fmt: skip
    assert metadata["generatedBy"] == "rules"


def test_an_estimate_ends_where_a_curator_states_the_tempo() -> None:
    assert made("a slow song")["bpmEstimated"] == 70
    stated = made("a slow song", given=FactsGiven(bpm=66))
    assert (stated["bpm"], stated["bpmEstimated"]) == (66, None)


_FACTS = ("bpm", "key", "mood", "genre", "tempo")
_GIVEN = {"bpm": 99, "key": "Am", "mood": "happy", "genre": "Jazz, own", "tempo": "Slow and steady"}


@pytest.mark.parametrize("names", [names for n in (1, 2, 5) for names in combinations(_FACTS, n)])
def test_given_facts_replace_just_themselves_and_a_second_time_nothing_more(names: tuple[str, ...]) -> None:
    facts = FactsGiven(**{name: _GIVEN[name] for name in names})  # type: ignore[arg-type]
    before, after = made(WORDS), made(WORDS, given=facts)
    assert with_facts(after, facts) == after
    changed = {name for name in before if before[name] != after[name]}
    assert changed - {"energy", "inputContext"} == {*names}


def test_a_context_of_any_shape_takes_the_mark_and_loses_nothing() -> None:
    facts = FactsGiven(key="Am")
    for context, kept in ((None, {}), ("free text", {"context": "free text"}), ({"a": 1}, {"a": 1})):
        marked = with_facts({"inputContext": {"additionalContext": context}}, facts)
        assert marked["inputContext"]["additionalContext"] == {**kept, "givenByCurator": ["key"]}
    assert with_facts({"bpm": 1}, None) == {"bpm": 1}


@pytest.mark.parametrize(
    ("words", "claimed", "expected"),
    [
        ("a song at 96 BPM", {"bpm": 128}, (96, None)),
        ("a slow song", {"bpm": 128}, (None, 128)),
        ("a slow song", {"bpm": None, "bpmEstimated": 75}, (None, 75)),
        ("about 90 BPM", {}, (None, 90)),
        ("a song", {"bpm": 0}, (None, None)),
    ],
)
def test_a_tempo_that_a_model_claims_and_the_words_do_not_state_is_its_estimate(
    words: str, claimed: dict[str, Any], expected: tuple[float | None, float | None]
) -> None:
    metadata = only_stated_beats(claimed, words)
    assert (metadata["bpm"], metadata["bpmEstimated"]) == expected


def test_components_are_compared_by_a_tempo_that_is_known_and_never_by_an_estimate() -> None:
    def song(words: str) -> Features:
        return features_of({"layer": "G", "tags": ["pop"], "aiMetadata": made(words)})

    stated, estimated = song("smooth pop at 96 BPM"), song("smooth, slow pop")
    assert estimated.bpm is None
    assert compatibility([stated, stated]) == 1.0
    assert compatibility([stated, estimated]) is None
    assert "aiMetadata.bpmEstimated" not in FEATURE_FIELDS
    assert features_of({"layer": "G", "aiMetadata": {"bpm": True}}).bpm is None


@given(st.text(max_size=200), st.lists(st.text(max_size=10), max_size=5))
def test_no_text_makes_the_rules_fail(text: str, tags: list[str]) -> None:
    metadata = made_by_rules(text, tags, layer="G", made_at=WHEN)
    assert metadata["bpm"] is None or 60 <= metadata["bpm"] <= 200
    assert metadata["bpm"] is None or metadata["bpmEstimated"] is None
    assert 0 <= metadata["confidence"] <= 1


@pytest.mark.parametrize("unit", ["12-", "120 ", "bpm ", "about ", "in A ", "~", "120 to ", "key: B flat "])
def test_ten_thousand_characters_are_read_at_once(unit: str) -> None:
    began = perf_counter()
    read_facts(unit * (10_000 // len(unit)))
    assert perf_counter() - began < 0.5
