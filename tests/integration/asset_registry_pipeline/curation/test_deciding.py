"""Decisions: stored before they are acknowledged, refused with their words, taken back without losing any."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import ArtChoice, FactsGiven, SongTitleGiven, Verdict
from asset_registry_pipeline.registry.transform import WAITING
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import Draft
from asset_registry_pipeline.steps.directory import open_components
from tests.integration.asset_registry_pipeline.curation.conftest import ADA, ANN, BEN, EVE, refused

TITLE = SongTitleGiven("Anti-Hero", "Midnights", "Taylor Swift")


def test_a_decision_stands_with_its_item_and_the_audit_log_once_it_is_acknowledged(desk: Any) -> None:
    key = desk.another("G")
    art, facts = ArtChoice("refuse"), FactsGiven(bpm=97, mood="wistful")
    done = desk.decide(key, "Anti-Hero by Taylor Swift.", title=TITLE, album_art=art, facts=facts)
    view = desk.view(key)
    assert (done.revision, done.repeated, view.decision) == (1, False, done.decision)
    assert (view.decision.title, view.decision.album_art, view.decision.facts) == (TITLE, art, facts)
    assert (view.item.state, view.item.verdict, view.item.decided_by) == ("decided", "edit", "ann")
    assert view.item.claimed_by is None
    assert "seen" not in desk.row(key)
    (told,) = curation.audit(desk.registry, ADA, key=key).entries
    assert (told.actor, told.act, told.detail["verdict"]) == ("ann", "decided", "edit")
    assert "Anti-Hero" not in str(told)


def test_the_same_decision_sent_again_after_a_lost_answer_is_acknowledged_and_stored_once(desk: Any) -> None:
    key = desk.another()
    desk.claim(key)
    draft = desk.draft(key)
    first = desk.send(key, draft)
    desk.now += timedelta(minutes=1)
    again = desk.send(key, draft)
    assert (again.repeated, again.decision, again.revision) == (True, first.decision, 1)
    assert len(curation.audit(desk.registry, ADA, key=key).entries) == 1
    with refused("already_decided") as told:
        desk.send(key, desk.draft(key, "Other words."))
    assert told[0].draft.words == "Other words."
    with refused("already_decided"):
        desk.claim(key, BEN)


def test_what_was_changed_in_staging_while_it_was_claimed_is_asked_again_with_the_difference(
    desk: Any,
) -> None:
    key = desk.another()
    before = desk.view(key).source["description"]
    desk.claim(key)
    draft = desk.draft(key)
    desk.rewrite(key, description="Written anew by somebody@example.invalid.")
    with refused("source_changed") as told:
        desk.send(key, draft)
    error = told[0]
    assert error.draft == draft
    assert error.old["description"] == before
    assert error.new["description"] == "Written anew by s***@example.invalid."
    assert desk.registry.decisions.among([key]) == {}

    # It changes once more: the difference is to what was shown last.
    desk.rewrite(key, description="Written a third time.")
    seen = Draft(draft.verdict, error.new_hash, draft.revision, draft.words)
    with refused("source_changed") as told:
        desk.send(key, seen)
    assert told[0].old["description"] == error.new["description"]
    done = desk.send(key, Draft(draft.verdict, told[0].new_hash, draft.revision, draft.words))
    assert done.decision.words == draft.words
    assert desk.view(key).source_hash == done.decision.source_hash


def test_a_decision_about_what_left_staging_is_too_late_and_its_words_come_back(desk: Any) -> None:
    key = desk.another()
    desk.claim(key)
    draft = desk.draft(key)
    desk.world.staging["assets"].update_one(
        {"_id": desk.row(key)["identifier"]}, {"$set": {"name": f"{desk.row(key)['name']}9"}}
    )
    with refused("too_late") as told:
        desk.send(key, draft)
    assert told[0].draft == draft


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("x" * 501, "501 characters"),
        ("x" * 10_000_000, "10000000 characters"),
        ("half of a \ud83d character", "lone surrogate"),
        ("a NUL \0 in it", "NUL"),
        ("S.POP.HPM.001", "a name where words belong"),
    ],
    ids=["long", "10 MB", "surrogate", "NUL", "name"],
)
def test_words_that_cannot_be_used_are_refused_and_handed_back(desk: Any, words: str, why: str) -> None:
    key = desk.another()
    desk.claim(key)
    with refused("invalid") as told:
        desk.send(key, desk.draft(key, words))
    assert why in told[0].reason
    assert told[0].draft.words == words
    assert desk.view(key).item.claimed_by == "ann"
    curation.release(desk.registry, ANN, key, None, desk.now)


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script>",
        "=HYPERLINK(0)",
        "'=1+1",
        "$set: {a: 1}",
        "\r\nline\u2028two\t",
        "ﬀ 🎵\u200d",
    ],
)
def test_words_of_any_other_kind_are_kept_to_the_letter(desk: Any, words: str) -> None:
    key = desk.another()
    desk.decide(key, words, reason="$where")
    assert desk.view(key).decision.words == words
    exported = "".join(curation.export_decisions(desk.registry, "S"))
    curation.undo(desk.registry, ANN, key, 1, desk.now)
    assert curation.import_decisions_text(
        desk.registry, exported, dry_run=True, actor=ANN, now=desk.now
    ).refused == ({"name": desk.row(key)["name"], "why": _taken_back(desk)},)


def _taken_back(desk: Any) -> str:
    at = f"{desk.now:%Y-%m-%d %H:%M}"
    return f"what was decided was taken back at {at}, and this is from before; decide it anew"


@pytest.mark.parametrize(
    ("layer", "draft", "why"),
    [
        ("S", {"verdict": Verdict.EDIT}, "an edit needs words"),
        ("S", {"verdict": Verdict.REJECT}, "to reject it, a reason is needed"),
        ("S", {"verdict": Verdict.TEST, "reason": "  "}, "to test it, a reason is needed"),
        ("S", {"words": "w", "title": TITLE}, "only a song has a title"),
        ("S", {"words": "w", "reason": "x" * 2_001}, "the reason has 2,001 characters"),
        ("G", {"verdict": Verdict.APPROVE}, "a song needs its curator's words"),
    ],
)
def test_a_draft_that_says_too_little_or_too_much_is_refused(
    desk: Any, layer: str, draft: dict[str, Any], why: str
) -> None:
    key = desk.another(layer)
    desk.claim(key)
    with refused("invalid") as told:
        desk.send(key, desk.draft(key, draft.pop("words", None), **draft))
    assert why in told[0].reason
    with refused("forbidden"):
        desk.send(key, desk.draft(key), EVE)
    curation.release(desk.registry, ANN, key, None, desk.now)


def test_a_decision_that_is_taken_back_stays_in_the_history_and_its_item_is_open_again(desk: Any) -> None:
    key = desk.another()
    first = desk.decide(key, "First words.").decision
    with refused("already_decided"):
        curation.undo(desk.registry, BEN, key, 7, desk.now)
    undone = curation.undo(desk.registry, BEN, key, 1, desk.now)
    assert (undone.decision, undone.revision, undone.item.state) == (first, 2, "open")
    with refused("too_late"):
        curation.undo(desk.registry, BEN, key, 2, desk.now)
    view = desk.view(key)
    assert (view.decision, view.revision, view.item.verdict) == (None, 2, None)

    second = desk.decide(key, "Second words.", BEN).decision
    view = desk.view(key)
    assert (view.decision, view.revision) == (second, 3)
    (ended,) = view.history
    assert (ended.decision, ended.revision, ended.ended_by, ended.how) == (first, 1, "ben", "undone")
    told = [one.act for one in curation.audit(desk.registry, ADA, key=key).entries]
    assert told == ["decided", "undone", "decided"]


def test_a_draft_that_saw_a_decision_that_was_taken_back_meanwhile_is_asked_again(desk: Any) -> None:
    key = desk.another()
    desk.decide(key, "First words.")
    curation.undo(desk.registry, ANN, key, 1, desk.now)
    desk.claim(key, BEN)
    stale = Draft(Verdict.EDIT, desk.view(key).source_hash, 1, "Ben's words.")
    with refused("already_decided") as told:
        desk.send(key, stale, BEN)
    assert "was taken back meanwhile" in told[0].reason
    assert told[0].draft == stale


def test_what_was_published_by_a_decision_that_is_taken_back_stays_until_somebody_decides_again(
    make_desk: Any,
) -> None:
    desk = make_desk(S=3)
    desk.plan("S")
    keys = [one.key for one in desk.queue("S")]
    for key in keys:
        desk.decide(key, "First words.")
    desk.plan("S")
    assert desk.queue("S") == []
    desk.steps.publish("S")
    assets, item = desk.world.development["assets"], desk.row(keys[0])["identifier"]
    published = assets.find_one({"_id": item})
    assert published["creatorDescription"] == "First words."

    curation.undo(desk.registry, ANN, keys[0], 1, desk.now)
    desk.plan("S")
    (asked,) = desk.queue("S")
    assert (asked.key, asked.asks) == (keys[0], ("required",))
    done = desk.steps.publish("S", batch="batch-2")
    # Not quarantined: one that is decided anew must not keep its layer from passing.
    assert (done.over_the_limit, done.accounting.quarantined) == (False, {})
    assert assets.find_one({"_id": item}) == published
    outcome = desk.world.outcome(item)
    assert (outcome["state"], outcome["reason"], outcome["detail"]["stays"]) == ("held", WAITING, True)
    # Its composites still stand upon it, whatever they wait for.
    address = published["nna_address"]
    for barrier in ("all_components", "own_components"):
        profile = replace(desk.registry.profile, barrier=barrier)
        components = open_components(replace(desk.registry, profile=profile))
        assert components.there([address])[address].item == str(item)
    _, tally = desk.steps.reconcile("S")
    assert all(row["outcome"] is None and row["presence"] is None for row in desk.steps.reconcile("S")[0]), (
        tally
    )

    desk.decide(keys[0], "Second words.", BEN)
    desk.plan("S")
    desk.steps.publish("S", batch="batch-3")
    assert assets.find_one({"_id": item})["creatorDescription"] == "Second words."
    assert desk.world.outcome(item)["state"] == "migrated"
