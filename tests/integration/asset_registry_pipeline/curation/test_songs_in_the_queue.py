"""Songs in the queue: words first, then what was found out by them, until a curator has settled what is in doubt."""

from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import ArtChoice, Verdict
from asset_registry_pipeline.registry.enrichment import Enrichment, inputs_of
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.stores import codec
from tests.integration.asset_registry_pipeline.curation.conftest import ANN, BEN, refused

METADATA = {"generatedBy": "rules", "generationStrategy": "rules", "confidence": 0.5, "version": "1"}


def _found_out(desk: Any, key: str, *, art: str = "settled", metadata: bool = True) -> None:
    """What a run finds out about a song by the decision that stands."""
    raw = codec.encode(desk.world.staging["assets"].find_one({"_id": desk.row(key)["identifier"]}))
    source = codec.read_source(raw, "G")
    decision = desk.registry.decisions.among([key])[key]
    store = desk.registry.enrichments
    made = Enrichment(
        key, inputs_of(source, decision, decision.words, desk.registry.metadata_provider), None, art, None,
        "two candidates of another artist", (), METADATA if metadata else None,
        "made" if metadata else "failed", "" if metadata else "the answer was no JSON",
    )  # fmt: skip
    assert store.save(made, store.among([key]).get(key))


def _decided_song(desk: Any) -> str:
    desk.plan("G")
    key = str(desk.queue("G")[0].key)
    desk.decide(key, "Anti-Hero by Taylor Swift.")
    desk.plan("G")
    # Waiting for what is found out by the words: nothing for a person to do.
    assert desk.row(key)["state"] == "decided"
    return key


@pytest.mark.parametrize("art", ["weak", "failed"])
def test_doubtful_album_art_is_asked_for_until_a_curator_settles_it(make_desk: Any, art: str) -> None:
    desk = make_desk(G=3)
    key = _decided_song(desk)
    _found_out(desk, key, art=art)
    desk.plan("G")
    (asked,) = desk.queue("G", asks="album_art")
    assert (asked.key, asked.revision) == (key, 1)
    assert desk.view(key).enrichment.art_why == "two candidates of another artist"

    desk.decide(key, "Anti-Hero by Taylor Swift.", BEN, album_art=ArtChoice("refuse"))
    for _ in range(2):  # by the plan from before, and by one that waits for the refusal to be taken in
        curation.refresh(desk.registry, "G")
        assert desk.row(key)["state"] == "decided"
        desk.steps.plan("G")
    _found_out(desk, key, art="refused")
    desk.plan("G")
    assert desk.row(key)["state"] == "decided"
    assert desk.queue("G", asks="album_art") == []
    assert [one.decision.album_art for one in desk.view(key).history] == [None]


def test_a_decision_is_not_taken_back_while_somebody_else_works_on_what_it_left_open(make_desk: Any) -> None:
    desk = make_desk(G=3)
    key = _decided_song(desk)
    _found_out(desk, key, art="weak")
    desk.plan("G")
    desk.claim(key, BEN)

    with refused("claimed_by_another") as told:
        curation.undo(desk.registry, ANN, key, 1, desk.now)

    assert "ben has claimed it" in told[0].reason
    row = desk.row(key)
    assert (row["state"], row["claimed_by"]) == ("claimed", "ben")
    assert desk.view(key).decision.words == "Anti-Hero by Taylor Swift."
    curation.undo(desk.registry, BEN, key, 1, desk.now)
    row = desk.row(key)
    assert row["state"] == "open"
    assert not {"claimed_by", "claimed_at", "lease_until", "seen"} & row.keys()


def test_metadata_that_could_not_be_made_is_asked_for_with_the_reason(make_desk: Any) -> None:
    desk = make_desk(G=3)
    key = _decided_song(desk)
    _found_out(desk, key, metadata=False)
    desk.plan("G")
    (asked,) = desk.queue("G", asks="ai_metadata")
    assert (asked.key, asked.error) == (key, "the answer was no JSON")
    desk.decide(key, None, verdict=Verdict.EXCLUDE, reason="no song")
    curation.refresh(desk.registry, "G")
    assert desk.row(key)["state"] == "decided"


@pytest.mark.parametrize("art", ["settled", "locked_out"])
def test_what_is_settled_or_will_be_looked_up_by_the_next_run_is_not_asked(make_desk: Any, art: str) -> None:
    desk = make_desk(G=3)
    key = _decided_song(desk)
    _found_out(desk, key, art=art)
    desk.plan("G")
    assert desk.row(key)["state"] == "decided"
