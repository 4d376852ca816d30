"""Songs get album art and metadata from stand-ins and a real bucket: once, whatever is killed, refused or broken."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from asset_registry_pipeline.assets.enrichment import art_metadata
from asset_registry_pipeline.registry.decisions import ArtChoice, Decision, FactsGiven
from asset_registry_pipeline.steps import art_report, enrichment
from asset_registry_pipeline.steps.cover_checks import UNCHECKED, UNRECORDED
from asset_registry_pipeline.steps.rollback import Rollback, roll_back
from asset_registry_pipeline.steps.waiting import may_pass
from asset_registry_pipeline.stores.album_art import open_covers
from asset_registry_pipeline.stores.enrichments import EnrichmentStore
from local_stack.music.faults import Fault
from tests.conftest import music_place, s3_place
from tests.integration.asset_registry_pipeline.conftest import covers_from


@pytest.fixture(scope="module")
def migrated(servers: Any, make_shared_world: Any) -> Iterator[Any]:
    """A world whose songs have been enriched and published, for tests that only look at it."""
    with music_place(servers) as music, s3_place(servers) as s3:
        world = make_shared_world(layers={**dict.fromkeys("SLWMC", 2), "G": 3}, dirt=False)
        world.environment |= covers_from(music, s3)
        with world.steps() as opened:
            opened.migrate("G")
        yield world


@pytest.fixture
def steps(musical_world: Any) -> Any:
    with musical_world.steps() as opened:
        yield opened


def enrich(steps: Any) -> enrichment.Enriched:
    return enrichment.enrich(steps.registry, log=lambda _: None)


def standing(world: Any) -> list[dict[str, Any]]:
    """All that is stored of enrichments and covers, but for when it was stored."""
    rows = [*world.development["migration_enrichments"].find().sort("_id", 1)]
    return [{k: v for k, v in row.items() if k not in ("stored_at", "history")} for row in rows] + [
        *world.development["migration_covers"].find().sort("_id", 1)
    ]


def objects(steps: Any) -> dict[str, str]:
    covers = open_covers(steps.registry.settings)
    found = covers._client.list_objects_v2(Bucket=covers.bucket).get("Contents", ())
    return {one["Key"]: f"{one['ETag']} {one['LastModified']}" for one in found}


def decide(steps: Any, key: str, **changes: Any) -> Decision:
    """The song's curator decides once more."""
    recorded = steps.registry.decisions.recorded([key])[key]
    now = recorded.decision.decided_at + timedelta(minutes=1)
    after = replace(recorded.decision, decided_at=now, **changes)
    with steps.registry.development.session() as session:
        session.with_transaction(
            lambda session: steps.registry.decisions.put([(after, recorded)], "ada", now, session)
        )
    return after


def art_of(steps: Any, key: str) -> Any:
    return steps.registry.enrichments.among([key])[key]


def ask_again(world: Any, steps: Any) -> None:
    """Somebody asks for a retry of the layer."""
    plan = steps.registry.ledger.plan("G")
    world.development["migration_retries"].insert_one(
        {"_id": "G", "layer": "G", "by": "ada", "plan": plan.run_id}
    )
    assert steps.registry.curation.retries("G")


def test_songs_with_words_are_settled_unattended_published_and_reconciled(migrated: Any) -> None:
    with migrated.steps() as steps:
        told = art_report.compile_art(steps.registry)
        rows, _ = steps.reconcile("G")
    assert told.counts == {"unattended": told.songs}
    assert (told.processed_share, told.unattended_share, told.goal_reached) == (1.0, 1.0, True)
    assert (told.without_words, told.waiting) == (0, ())
    assert {row["cover"] for row in rows} == {None}
    published = [*migrated.development["assets"].find({"layer": "G"})]
    assert len(published) == told.songs
    for song in published:
        assert song["albumArt"]["url"].endswith("-original.jpg")
        assert song["albumArt"]["source"] in ("iTunes", "MusicBrainz")
        assert song["aiMetadata"]["generatedBy"] == "rules"


def test_a_second_run_asks_nobody_outside_and_writes_nothing(migrated: Any, music: Any) -> None:
    with migrated.steps() as steps:
        before = (music.control.asked(), standing(migrated), objects(steps))
        assert enrich(steps).written == 0
        assert (music.control.asked(), standing(migrated), objects(steps)) == before


def test_covers_that_cannot_be_looked_at_are_not_said_to_be_there(
    migrated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(migrated.environment, "ALBUM_ART_BUCKET", "")
    with migrated.steps() as without:
        rows, _ = without.reconcile("G")
    assert UNCHECKED in {row["cover"] for row in rows}


def test_a_run_killed_anywhere_ends_after_the_next_one_as_if_it_had_not_been(
    musical_world: Any, steps: Any, monkeypatch: Any
) -> None:
    steps.plan("G")
    whole, there = standing(musical_world), objects(steps)
    # Killed after a song was brought into the bucket, before it was recorded.
    for name in ("migration_enrichments", "migration_covers"):
        musical_world.development[name].delete_many({})
    saved = EnrichmentStore.save

    def dies(store: Any, made: Any, before: Any) -> bool:
        if store._enrichments.count_documents({}) == 1:
            raise KeyboardInterrupt
        return saved(store, made, before)

    with monkeypatch.context() as patch:
        patch.setattr(EnrichmentStore, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            enrich(steps)
    enrich(steps)
    assert standing(musical_world) == whole
    assert objects(steps) == there


def test_two_runners_at_once_store_each_song_once(musical_world: Any, steps: Any) -> None:
    steps.plan("G")
    songs = [song for song, _ in enrichment.songs(steps.registry, enrichment.Enriched())]
    musical_world.development["migration_enrichments"].delete_many({})
    with musical_world.steps() as other:
        before = enrichment._enrichment
        turns = iter([True])

        def second_goes_first(song: Any, known: Any, workshop: Any, *, again: bool) -> Any:
            if next(turns, False):
                enrich(other)
            return before(song, known, workshop, again=again)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(enrichment, "_enrichment", second_goes_first)
            enrich(steps)
    rows = [*musical_world.development["migration_enrichments"].find()]
    assert len(rows) == len(songs)
    assert all(row["history"] == [] for row in rows)


FAULTS = {
    "More than 50 megapixels": Fault(1, "bomb", path="/image"),
    "could not be fetched": Fault(2, "hang_up", path="/image"),
    "10.0.0.1": Fault(1, "redirect", path="/image", location="https://10.0.0.1/x.jpg"),
}
"""What goes wrong with a picture, by what its curator is told of it."""


def test_a_picture_that_cannot_be_had_is_its_curators_and_stops_no_other(steps: Any, music: Any) -> None:
    for fault in FAULTS.values():
        music.control.order(fault)
    steps.plan("G")
    told = art_report.compile_art(steps.registry)
    assert told.counts == {"failed": len(FAULTS), "unattended": told.songs - len(FAULTS)}
    for why in FAULTS:
        (waiting,) = (row for row in told.waiting if why in row["why"])
        assert waiting["candidates"] >= 1
    # Published all the same: the default profile does not let composites wait for a picture.
    assert steps.publish("G").accounting.migrated == told.songs


def test_a_lock_out_leaves_the_rest_to_the_next_run_and_is_never_no_match(
    musical_world: Any, steps: Any, music: Any
) -> None:
    music.control.order(Fault(1, status=403, path="/search", retry_after="3600"))
    steps.migrate("G")
    told = art_report.compile_art(steps.registry)
    assert told.counts == {"locked_out": told.songs}
    assert music.control.asked()["search"] == 1
    (worth_a_run,) = may_pass(steps.registry, "G")
    assert worth_a_run.startswith(f"{told.songs} songs lack what another run may get")
    musical_world.development["migration_lookup_lockouts"].delete_many({})
    assert enrich(steps).states == {"unattended": told.songs}
    assert [*may_pass(steps.registry, "G")] == ["more was found out about songs since they were planned"]


def test_a_curator_accepts_replaces_and_refuses(musical_world: Any, steps: Any, music: Any) -> None:
    steps.plan("G")
    first, second, third, fourth = (
        song.key for song, _ in list(enrichment.songs(steps.registry, enrichment.Enriched()))[:4]
    )
    offered = art_of(steps, first).candidates[0]
    accepted = decide(steps, first, album_art=ArtChoice("accept", offered.artwork_url, offered.source))
    other = art_of(steps, second).candidates[0].artwork_url
    decide(steps, second, album_art=ArtChoice("replace", other, "Manual"))
    decide(steps, third, album_art=ArtChoice("refuse"))
    decide(steps, fourth, album_art=ArtChoice("replace", "https://pictures.example/x.jpg", "Manual"))
    asked = music.control.asked()["search"]
    enrich(steps)
    assert music.control.asked()["search"] == asked
    assert (art_of(steps, first).art_state, art_of(steps, first).art_by) == ("settled", "curator")
    month = f"{accepted.decided_at:%Y/%m}"
    assert f"/album-art/{month}/" in art_of(steps, first).album_art["url"]
    replaced = art_of(steps, second).album_art
    assert (replaced["source"], replaced["sourceUrl"]) == ("Manual", other)
    # How long the song is, is known of a look-up that was accepted, and of nothing else.
    assert (art_of(steps, first).duration, art_of(steps, second).duration) == (offered.duration, None)
    assert offered.duration
    assert (art_of(steps, third).art_state, art_of(steps, third).album_art) == ("refused", None)
    assert art_of(steps, fourth).art_state == "failed"
    assert art_of(steps, fourth).art_by == "curator"
    told = art_report.compile_art(steps.registry)
    assert told.counts == {"curated": 2, "refused": 1, "failed": 1}
    # What stood before is kept: a curator may look at it.
    rows = musical_world.development["migration_enrichments"].find({"_id": third})
    assert [row["history"][0]["art_state"] for row in rows] == ["settled"]


def test_without_a_bucket_everything_says_so_and_nothing_fails_and_a_bucket_later_is_used(
    musical_world: Any, music: Any
) -> None:
    bucket = musical_world.environment.pop("ALBUM_ART_BUCKET")
    with musical_world.steps() as without:
        without.plan("G")
        told = art_report.compile_art(without.registry)
        assert told.counts == {"off": told.songs}
        assert {"ALBUM_ART_BUCKET is not set" in row["why"] for row in told.waiting} == {True}
        assert not music.control.asked().get("search")
        assert without.publish("G").accounting.migrated == told.songs
    musical_world.environment["ALBUM_ART_BUCKET"] = bucket
    with musical_world.steps() as later:
        assert enrich(later).states == {"unattended": told.songs}
        later.migrate("G")
    assert (
        musical_world.development["assets"].count_documents({"layer": "G", "albumArt.url": {"$exists": True}})
        == told.songs
    )


def test_a_profile_that_wants_none_asks_nobody(musical_world: Any, music: Any) -> None:
    musical_world.environment["REGISTRY_PROFILE"] = "plan_001"
    musical_world.environment["REGISTRY_DEVELOPMENT_DB"] = musical_world.environment["REGISTRY_STAGING_DB"]
    with musical_world.steps() as steps:
        assert enrich(steps).songs == 0
    assert not music.control.asked()


def test_planted_faults_of_covers_are_found_in_their_songs_and_repaired_when_asked(
    musical_world: Any, steps: Any
) -> None:
    steps.migrate("G")
    covers = open_covers(steps.registry.settings)
    missing, changed, unknown, *_ = musical_world.development["assets"].find({"layer": "G"}).sort("_id", 1)
    recorded = steps.registry.cover_records.among(song["albumArt"]["url"] for song in (missing, changed))
    gone, rotten = (recorded[song["albumArt"]["url"]] for song in (missing, changed))
    covers.remove(gone[2].key)
    covers._client.put_object(Bucket=covers.bucket, Key=rotten[1].key, Body=b"something else")
    musical_world.development["migration_covers"].delete_one({"_id": unknown["albumArt"]["url"]})
    rows, _ = steps.reconcile("G")
    wrong = {row["label"]: row["cover"] for row in rows if row["cover"]}
    assert wrong == {
        missing["name"]: f"{gone[2].key} is missing",
        changed["name"]: f"{rotten[1].key} has other bytes than were written",
        unknown["name"]: UNRECORDED,
    }
    # Somebody asks for these songs again: what is missing is put back, what stands there is nobody's to overwrite.
    covers.remove(rotten[1].key)
    ask_again(musical_world, steps)
    enrich(steps)
    rows, _ = steps.reconcile("G")
    assert {row["cover"] for row in rows} == {None}


def test_a_settled_cover_outlives_other_facts_and_a_retry_that_finds_the_services_shut(
    musical_world: Any, steps: Any, music: Any
) -> None:
    steps.plan("G")
    first, second, *_ = (song.key for song, _ in enrichment.songs(steps.registry, enrichment.Enriched()))
    settled = art_of(steps, first).album_art
    asked = music.control.asked()
    decide(steps, first, facts=FactsGiven(mood="dark"))
    assert enrich(steps).written == 1
    assert (art_of(steps, first).art_state, art_of(steps, first).album_art) == ("settled", settled)
    assert music.control.asked() == asked
    # An object is gone, and the service asks for a pause as somebody wants it put back.
    open_covers(steps.registry.settings).remove(
        steps.registry.cover_records.among([settled["url"]])[settled["url"]][0].key
    )
    ask_again(musical_world, steps)
    music.control.order(Fault(1, status=403, path="/search", retry_after="3600"))
    enrich(steps)
    assert (art_of(steps, first).art_state, art_of(steps, first).album_art) == ("settled", settled)
    assert not art_of(steps, second).again
    (waiting,) = art_report.compile_art(steps.registry).waiting
    assert waiting["why"].startswith(enrichment.NOT_PUT_BACK)
    # The next run puts it back, and nobody has to ask for it once more.
    musical_world.development["migration_retries"].delete_many({})
    musical_world.development["migration_lookup_lockouts"].delete_many({})
    enrich(steps)
    assert (art_of(steps, first).album_art["url"], art_of(steps, first).again) == (settled["url"], False)
    assert art_report.compile_art(steps.registry).waiting == ()


def test_covers_outlive_a_rollback_of_their_songs_which_come_again_without_asking_anybody(
    musical_world: Any, steps: Any, music: Any
) -> None:
    steps.migrate("G")
    assets = musical_world.development["assets"]
    published, there = [*assets.find({"layer": "G"}).sort("_id", 1)], objects(steps)
    lines = list(roll_back(Rollback(steps.registry, "run", dry_run=False), "G"))
    assert all(line.taken for line in lines)
    assert assets.count_documents({"layer": "G"}) == 0
    assert objects(steps) == there
    assert steps.registry.cover_records.count() == (len(published), 3 * len(published))
    asked = music.control.asked()
    steps.migrate("G")
    assert [*assets.find({"layer": "G"}).sort("_id", 1)] == published
    assert (music.control.asked(), objects(steps)) == (asked, there)


def test_the_asset_tells_what_went_unattended_and_what_waits(
    musical_world: Any, steps: Any, music: Any
) -> None:
    music.control.order(Fault(1, "html", path="/image"))
    steps.plan("G")
    told = art_metadata(art_report.compile_art(steps.registry))
    assert told["album_art_failed"] == 1
    assert told["unattended_share"] == told["processed_share"] < 1
    assert "-150x150.jpg" in told["covers"].value
    assert "the picture, or who was asked, could not be had" in told["album_art"].value
    (waiting,) = told["waits_for_a_curator"].records
    assert "text/html" in waiting.data["why"]
    musical_world.development["migration_decisions"].delete_one({"layer": "G"})
    assert art_report.compile_art(steps.registry).without_words == 1
