"""What was found out about songs, as stored and as plan and reconciliation see it: both the same, and nothing stale."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from asset_registry_pipeline.registry.ai_metadata import made_by_rules
from asset_registry_pipeline.registry.enrichment import Enrichment, inputs_of, time_of_words
from asset_registry_pipeline.registry.song_matches import ArtCandidate
from asset_registry_pipeline.registry.transform import ENRICHMENT_WAITING, words_of
from asset_registry_pipeline.steps import apply
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.steps.waiting import may_pass
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.failures import PermanentError

CANDIDATE = ArtCandidate(
    "Anxiety", "Doechii", "Anxiety", "https://is1-ssl.mzstatic.com/600x600bb.jpg", "High", "iTunes", 0.97, True,
    "Same song and artist", 173.5,
)  # fmt: skip


def art(made_at: Any) -> dict[str, Any]:
    return {
        "url": "https://art.invalid/500.jpg", "sourceUrl": CANDIDATE.artwork_url, "source": "iTunes", "quality": "High",
        "uploadedAt": made_at, "contentType": "image/jpeg", "size": 40_000,
        "dimensions": {"width": 600, "height": 600},
    }  # fmt: skip


def found_out(registry: Registry) -> list[Enrichment]:
    """Everything about every song that somebody decided about."""
    found = []
    sources = list(registry.staging.read("G"))
    decisions = registry.decisions.among([decision_key(source) for source in sources])
    for source in sources:
        about, body = decisions.get(decision_key(source)), source.body or {}
        if about is None:
            continue
        words, made_at = words_of(body, about, "songs", registry.profile), time_of_words(body, about)
        found.append(
            Enrichment(
                key=about.key,
                inputs=inputs_of(source, about, words, registry.metadata_provider),
                album_art=art(made_at),
                art_state="settled",
                art_by="unattended",
                art_why=CANDIDATE.why,
                candidates=(CANDIDATE,),
                ai_metadata=made_by_rules(words or "", body["tags"], layer="G", made_at=made_at),
                ai_state="made",
                ai_why="",
                duration=CANDIDATE.duration,
            )
        )
    return found


@pytest.fixture
def looked_up(world: Any, steps: Any) -> Iterator[Any]:
    """The stages of a world whose profile has songs looked up and regenerated."""
    packaged = steps.registry.profile
    world.use_profile(
        expected=dict(packaged.expected),
        album_art={**packaged.album_art, "songs": "looked_up"},
        ai_metadata={**packaged.ai_metadata, "songs": "regenerated"},
    )
    with world.steps() as own:
        yield own


def one_song() -> Enrichment:
    return Enrichment(
        key="G|n|a", inputs="i", album_art=art(datetime(2025, 9, 1, 10, tzinfo=UTC)), art_state="settled",
        art_by="curator", art_why="", candidates=(CANDIDATE,), ai_metadata={"bpm": 96, "tags": ["a"]},
        ai_state="made", ai_why="",
    )  # fmt: skip


def test_an_enrichment_is_stored_once_and_replaced_only_where_it_is_the_one_that_was_read(
    registry: Registry,
) -> None:
    store, first = registry.enrichments, one_song()
    empty = store.digest()
    assert [store.save(first, None), store.save(first, None)] == [True, False]
    assert store.among(["G|n|a", "G|other|a"]) == {"G|n|a": first}
    standing = store.digest()
    second = replace(first, art_state="refused", album_art=None, candidates=())
    assert [store.save(second, first), store.save(replace(second, inputs="x"), first)] == [True, False]
    assert store.among([first.key]) == {first.key: second}
    assert len({empty, standing, store.digest()}) == 3


def test_an_earlier_enrichment_moves_into_the_history(world: Any, registry: Registry) -> None:
    first = one_song()
    registry.enrichments.save(first, None)
    registry.enrichments.save(replace(first, art_why="changed"), first)
    (row,) = world.development["migration_enrichments"].find()
    assert [before["art_why"] for before in row["history"]] == [""]


def test_songs_wait_for_what_is_found_out_about_them_and_then_go_with_it(world: Any, looked_up: Any) -> None:
    planning = looked_up.plan("G")
    waiting = planning.reasons[ENRICHMENT_WAITING]
    assert waiting == len(found_out(looked_up.registry)) - 1, "all but the one that was rejected"
    for one in found_out(looked_up.registry):
        assert looked_up.registry.enrichments.save(one, None)
    with pytest.raises(PermanentError, match="changed since: enrichments"):
        looked_up.publish("G")
    assert looked_up.migrate("G").written == waiting
    rows, _ = looked_up.reconcile("G")
    assert [row for row in rows if row["content"] or row["outcome"] or row["presence"]] == []
    published = list(world.development["assets"].find({"layer": "G"}))
    assert {song["albumArt"]["url"] for song in published} == {"https://art.invalid/500.jpg"}
    assert {song["musicMetadata"]["duration"] for song in published} == {173.5}


def test_a_picture_that_is_settled_later_reaches_the_song_and_reconciliation_knows(
    world: Any, looked_up: Any
) -> None:
    looked_up.plan("G")
    store = looked_up.registry.enrichments
    weak = [
        replace(one, album_art=None, art_state="weak", art_by=None) for one in found_out(looked_up.registry)
    ]
    for one in weak:
        store.save(one, None)
    planning = looked_up.plan("G")
    assert apply.load_staged(looked_up.registry, "G").album_art_pending == planning.dispositions["ready"] > 0
    looked_up.publish("G")
    song = world.development["assets"].find_one({"layer": "G"})
    assert song["albumArt"] is None
    about = next(one for one in weak if f"|{song['name']}|" in one.key)
    store.save(replace(about, album_art=art(song["aiMetadata"]["generatedAt"]), art_state="settled"), about)

    assert [*may_pass(looked_up.registry, "G")] == ["more was found out about songs since they were planned"]
    rows, _ = looked_up.reconcile("G")
    assert [row["label"] for row in rows if row["content"]] == [song["name"]], "no longer what it should be"
    assert looked_up.migrate("G", batch="batch-2").written == 1
    assert world.development["assets"].find_one({"_id": song["_id"]})["albumArt"]["source"] == "iTunes"
    assert looked_up.migrate("G", batch="batch-3").written == 0
    assert [*may_pass(looked_up.registry, "G")] == []


@contextmanager
def with_provider(world: Any, looked_up: Any) -> Iterator[Any]:
    settings = replace(world.settings(), ai_provider="openai", openai_model="another")
    yield replace(looked_up, registry=replace(looked_up.registry, settings=settings))


def test_another_provider_makes_a_plan_stale_and_songs_wait_for_its_metadata(
    world: Any, looked_up: Any
) -> None:
    looked_up.plan("G")
    for one in found_out(looked_up.registry):
        looked_up.registry.enrichments.save(one, None)
    assert ENRICHMENT_WAITING not in looked_up.plan("G").reasons
    with with_provider(world, looked_up) as other:
        with pytest.raises(PermanentError, match="changed since: enrichments"):
            other.publish("G")
        assert other.plan("G").reasons[ENRICHMENT_WAITING] > 0
