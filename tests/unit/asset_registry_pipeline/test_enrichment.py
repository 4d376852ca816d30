"""Songs with album art looked up and metadata regenerated: what a plan takes, for what it waits, what it tells."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from asset_registry_pipeline.registry.ai_metadata import RULES_VERSION
from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.registry.enrichment import (
    provider_version,
    time_of_words,
    title_of,
)
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.target_shapes import shape_errors
from asset_registry_pipeline.registry.transform import (
    ALBUM_ART_WAITING,
    ENRICHMENT_WAITING,
    METADATA_FAILED,
    Planned,
    plan_asset,
    words_of,
)
from asset_registry_pipeline.stores.files import load_profile
from tests.unit.asset_registry_pipeline.found_out import ART, found_out

WORDS = "Anxiety by Doechii from Alligator. A slow, smooth hip hop song."
WHEN = datetime(2025, 9, 1, tzinfo=UTC)


@pytest.fixture
def profile() -> Profile:
    return load_profile("default")


def decision(**changes: Any) -> Decision:
    given = {
        "layer": "G", "name": "G.HIP.MOD.001", "nna_address": "G.003.003.001", "source_hash": "hash-1",
        "verdict": Verdict.EDIT, "words": WORDS, "reason": None, "decided_by": "c", "decided_at": WHEN,
    } | changes  # fmt: skip
    return Decision(**given)


@pytest.fixture
def plan(make: Any, profile: Profile) -> Callable[..., Planned]:
    """Plan a song for which everything was found out, but for the changes; `by` changes the profile."""

    def run(about: Decision | None = None, by: Profile = profile, **changes: Any) -> Planned:
        source, about = make.source(make.song()), about or decision()
        return plan_asset(source, [], about, by, found_out(source, about, by, **changes))

    return run


def document(planned: Planned) -> Any:
    assert planned.document is not None, planned
    return planned.document


def test_a_song_goes_with_its_album_art_its_metadata_and_the_length_of_what_was_looked_up(
    plan: Any, profile: Profile, make: Any
) -> None:
    planned = plan()
    made = document(planned)
    assert planned.detail == {}
    assert made["albumArt"] == ART
    assert made["aiMetadata"]["generatedBy"] == "rules"
    assert made["musicMetadata"] == {
        "bpm": None, "key": None, "duration": 173.5, "genre": ["hip-hop"],
        "extractedSongData": {
            "songName": "Anxiety", "albumName": "Alligator", "artistName": "Doechii", "originalInput": WORDS,
        },
    }  # fmt: skip
    assert shape_errors(made, "songs", profile, make.song()) == []


def test_a_song_waits_for_what_nobody_has_found_out_yet(make: Any, profile: Profile) -> None:
    planned = plan_asset(make.source(make.song()), [], decision(), profile)
    assert (planned.disposition, planned.reason) == ("held", ENRICHMENT_WAITING)
    assert planned.detail == {"why": "nobody has made them yet"}


@pytest.mark.parametrize(
    "other",
    [
        {"words": "Other words by Doechii."},
        {"title": SongTitleGiven("Anxiety", None, "Somebody")},
        {"album_art": ArtChoice("refuse")},
        {"album_art": ArtChoice("replace", "https://x.invalid/a.png")},
        {"facts": FactsGiven(bpm=96)},
        {"decided_at": datetime(2025, 9, 2, tzinfo=UTC)},
    ],
)
def test_nothing_stale_goes_with_a_song_whatever_a_curator_has_changed(
    make: Any, profile: Profile, other: dict[str, Any]
) -> None:
    source = make.source(make.song())
    planned = plan_asset(source, [], decision(**other), profile, found_out(source, decision(), profile))
    assert (planned.disposition, planned.reason) == ("held", ENRICHMENT_WAITING)
    assert planned.detail == {"why": "they were made from other words or choices"}


def test_another_provider_or_other_tags_ask_for_new_metadata(make: Any, profile: Profile) -> None:
    source = make.source(make.song())
    found = found_out(source, decision(), profile)
    openai = plan_asset(source, [], decision(), profile, found, provider=provider_version("openai", "m-1"))
    retagged = plan_asset(make.source(make.song(tags=["pop"])), [], decision(), profile, found)
    assert openai.reason == retagged.reason == ENRICHMENT_WAITING
    assert provider_version("", "m-1") == provider_version(" rules", "") == RULES_VERSION
    assert provider_version("openai", "m-1") != provider_version("openai", "m-2")


@pytest.mark.parametrize("state", ["weak", "none", "failed", "locked_out", "off"])
def test_a_picture_that_is_still_to_come_is_told_and_holds_a_song_only_where_the_profile_says_so(
    plan: Any, profile: Profile, state: str
) -> None:
    pending = {"art_state": state, "album_art": None, "art_why": "seen by c@example.invalid"}
    planned = plan(**pending)
    assert document(planned)["albumArt"] is None
    assert planned.detail == {"album_art": state}
    held = plan(by=replace(profile, album_art_pending="hold"), **pending)
    assert (held.disposition, held.reason) == ("held", ALBUM_ART_WAITING)
    assert held.detail == {"album_art": state, "why": "seen by c***@example.invalid"}


def test_a_song_whose_picture_was_refused_goes_without_one_and_waits_for_nobody(
    plan: Any, profile: Profile
) -> None:
    refused = {"art_state": "refused", "album_art": None, "art_by": "curator"}
    about = decision(album_art=ArtChoice("refuse"))
    for by in (profile, replace(profile, album_art_pending="hold")):
        planned = plan(about, by, **refused)
        assert document(planned)["albumArt"] is None
        assert planned.detail == {}


def test_a_picture_that_staging_had_stays_until_another_one_is_settled_or_a_curator_wants_none(
    make: Any, profile: Profile
) -> None:
    source = make.source(make.song(albumArt="https://x.invalid/old.png"))
    states = {"settled": ART, "weak": "https://x.invalid/old.png", "refused": None}
    for state, expected in states.items():
        found = found_out(
            source, decision(), profile, art_state=state, album_art=ART if state == "settled" else None
        )
        assert document(plan_asset(source, [], decision(), profile, found))["albumArt"] == expected


def test_metadata_that_a_provider_could_not_make_holds_the_song_with_the_reason(
    plan: Any, profile: Profile
) -> None:
    failed = {"ai_metadata": None, "ai_state": "failed", "ai_why": "the answer is no JSON"}
    planned = plan(**failed)
    assert (planned.disposition, planned.reason) == ("held", METADATA_FAILED)
    assert planned.detail == {"why": "the answer is no JSON"}
    not_wanted = replace(profile, ai_metadata={**profile.ai_metadata, "songs": "none"})
    assert document(plan(by=not_wanted, **failed))["albumArt"] == ART


def test_facts_that_a_curator_gave_win_and_are_marked_as_theirs_whoever_made_the_metadata(
    plan: Any, profile: Profile, make: Any
) -> None:
    about = decision(facts=FactsGiven(bpm=129, key="Bb minor", mood="Smooth", genre="Hip Hop, Chamber pop"))
    made = document(plan(about))
    metadata = made["aiMetadata"]
    assert (metadata["bpm"], metadata["bpmEstimated"], metadata["key"]) == (129, None, "Bb minor")
    assert (metadata["mood"], metadata["genre"]) == ("smooth", ["hip-hop", "Chamber pop"])
    assert metadata["tempo"] == "slow"
    assert metadata["inputContext"]["additionalContext"]["givenByCurator"] == ["bpm", "key", "mood", "genre"]
    music = made["musicMetadata"]
    assert (music["bpm"], music["key"], music["genre"]) == (129, "Bb minor", ["hip-hop", "Chamber pop"])
    assert shape_errors(made, "songs", profile, make.song()) == []
    assert document(plan(about, ai_metadata=metadata)) == made


def test_a_title_that_a_curator_gave_stands_in_the_place_of_the_whole_parsed_one(plan: Any) -> None:
    about = decision(title=SongTitleGiven("Anxiety (Live)", None, "Doechii & Friends"))
    assert document(plan(about))["musicMetadata"]["extractedSongData"] == {
        "songName": "Anxiety (Live)", "albumName": None, "artistName": "Doechii & Friends", "originalInput": WORDS,
    }  # fmt: skip


def test_words_that_are_only_a_name_leave_the_title_to_the_description(make: Any) -> None:
    body = make.song()
    for words in (None, "", "G.HIP.MOD.001"):
        title = title_of(body, None, words)
        assert (title.song, title.artist, title.original) == ("Anxiety", "Doechii", body["description"])
    assert title_of(make.song(description=None), None, None).song is None


def test_what_is_made_without_a_decision_has_the_time_of_the_document(make: Any, profile: Profile) -> None:
    body = make.song()
    assert time_of_words(body, None) == body["updatedAt"]
    assert time_of_words(body, decision()) == WHEN
    assert words_of(body, None, "songs", load_profile("plan_002")) == body["name"]
    assert words_of(body, decision(), "songs", profile) == WORDS


def test_components_and_composites_never_wait_for_what_is_found_out_about_songs(
    make: Any, profile: Profile
) -> None:
    assert plan_asset(make.source(make.star()), [], None, profile).disposition == "ready"
    assert [profile.wants_enrichment(kind) for kind in ("components", "songs", "composites")] == [
        False, True, False,
    ]  # fmt: skip
    assert not load_profile("plan_001").wants_enrichment("songs")
