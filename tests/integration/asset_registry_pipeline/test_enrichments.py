"""What was found out about songs, as stored and as plan and reconciliation see it: both the same, and nothing stale."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from asset_registry_pipeline.registry.enrichment import Enrichment
from asset_registry_pipeline.registry.song_matches import ArtCandidate
from asset_registry_pipeline.registry.transform import ENRICHMENT_WAITING
from asset_registry_pipeline.steps import apply, decisions, enrichment, inventory, plan
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


def standing(registry: Registry) -> list[Enrichment]:
    """What is stored of all songs."""
    keys = [decision_key(source) for source in registry.staging.read("G")]
    return list(registry.enrichments.among(keys).values())


def settle(registry: Registry, one: Enrichment) -> None:
    """As if a picture had been found and taken since."""
    made_at = (one.ai_metadata or {})["generatedAt"]
    settled = replace(
        one,
        album_art=art(made_at),
        art_state="settled",
        art_by="unattended",
        candidates=(CANDIDATE,),
        duration=173.5,
    )
    assert registry.enrichments.save(settled, one)


def plan_alone(steps: Any) -> Any:
    """Plan the songs without finding anything out about them."""
    inventory.take(steps.registry, "G", run_id="run", batch="batch-1")
    decisions.import_decisions(steps.registry, "G")
    return plan.make(steps.registry, "G", run_id="run")


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


def test_songs_wait_for_what_is_found_out_about_them_and_then_go_with_it(world: Any, steps: Any) -> None:
    waiting = plan_alone(steps).reasons[ENRICHMENT_WAITING]
    assert waiting > 0
    enrichment.enrich(steps.registry, log=lambda _: None)
    for one in standing(steps.registry):
        settle(steps.registry, one)
    with pytest.raises(PermanentError, match="changed since: enrichments"):
        steps.publish("G")
    assert ENRICHMENT_WAITING not in plan_alone(steps).reasons
    assert steps.publish("G").written == waiting
    rows, _ = steps.reconcile("G")
    assert [row for row in rows if row["content"] or row["outcome"] or row["presence"]] == []
    published = list(world.development["assets"].find({"layer": "G"}))
    assert {song["albumArt"]["url"] for song in published} == {"https://art.invalid/500.jpg"}
    assert {song["musicMetadata"]["duration"] for song in published} == {173.5}


def test_a_picture_that_is_settled_later_reaches_the_song_and_reconciliation_knows(
    world: Any, steps: Any
) -> None:
    planning = steps.plan("G")
    assert apply.load_staged(steps.registry, "G").album_art_pending == planning.dispositions["ready"] > 0
    steps.publish("G")
    song = world.development["assets"].find_one({"layer": "G"})
    assert song["albumArt"] is None
    settle(
        steps.registry,
        next(one for one in standing(steps.registry) if f"|{song['name']}|" in one.key),
    )

    assert [*may_pass(steps.registry, "G")] == ["more was found out about songs since they were planned"]
    rows, _ = steps.reconcile("G")
    assert [row["label"] for row in rows if row["content"]] == [song["name"]], "no longer what it should be"
    assert steps.migrate("G", batch="batch-2").written == 1
    assert world.development["assets"].find_one({"_id": song["_id"]})["albumArt"]["source"] == "iTunes"
    assert steps.migrate("G", batch="batch-3").written == 0
    assert [*may_pass(steps.registry, "G")] == []


def test_another_provider_makes_a_plan_stale_and_songs_wait_for_its_metadata(world: Any, steps: Any) -> None:
    assert ENRICHMENT_WAITING not in steps.plan("G").reasons
    settings = replace(world.settings(), ai_provider="openai", openai_model="another")
    other = replace(steps, registry=replace(steps.registry, settings=settings))
    with pytest.raises(PermanentError, match="changed since: enrichments"):
        other.publish("G")
    assert plan_alone(other).reasons[ENRICHMENT_WAITING] > 0
