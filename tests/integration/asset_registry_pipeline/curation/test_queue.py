"""The queue: what a plan asks comes in, what blocks most comes first, and what people did is never undone by it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.asking import ALBUM_ART, REQUIRED
from asset_registry_pipeline.steps.curation.blocking import count_blocked
from asset_registry_pipeline.steps.curation.model import LEASE, Refreshed, Where
from asset_registry_pipeline.stores import codec
from tests.integration.asset_registry_pipeline.curation.conftest import ANN, BEN, refused


def test_what_a_plan_asks_comes_in_once_and_what_blocks_most_comes_first(make_desk: Any) -> None:
    desk = make_desk(S=8, C=12)
    desk.steps.plan("S")
    assert curation.refresh(desk.registry, "S") == Refreshed(asked=8, written=8, withdrawn=0)
    found = desk.queue("S")
    assert [one.blocks for one in found] == sorted((one.blocks for one in found), reverse=True)
    assert {one.asks for one in found} == {("required",)}
    stored = list(desk.world.development["migration_queue"].find())
    assert curation.refresh(desk.registry, "S") == Refreshed(asked=8, written=0, withdrawn=0)
    assert list(desk.world.development["migration_queue"].find()) == stored


def test_an_item_blocks_the_composites_that_refer_to_it_in_whatever_form(make_desk: Any) -> None:
    desk = make_desk(S=7, L=2)
    assets = desk.world.staging["assets"]
    assets.delete_many({"layer": "C"})
    *stars, unused = assets.find({"layer": "S"})
    look = assets.find_one({"layer": "L"})
    forms = [
        lambda star: star["nna_address"],
        lambda star: f"2{star['nna_address'][1:]}",
        lambda star: star["name"],
        lambda star: str(star["_id"]),
        lambda star: {"nnaAddress": star["nna_address"], "name": star["name"]},
        lambda star: f"[{star['nna_address']}+{look['name']}].mp4",
    ]

    def compose(number: int, *components: Any) -> None:
        own = {"layer": "C", "name": f"C.FUL.POP.{number:03}:x", "nna_address": f"C.001.001.{number:03}"}
        assets.insert_one(own | {"components": list(components)})

    for number, (star, form) in enumerate(zip(stars, forms, strict=True), 1):
        written = form(star)
        compose(number, written, *([] if "+" in str(written) else [look["nna_address"]]))
    compose(90, unused["nna_address"], unused["nna_address"])  # broken: it waits for nobody
    desk.plan("S", "L")
    assert {one.name: one.blocks for one in desk.queue("S")} == {
        **{star["name"]: 1 for star in stars},
        unused["name"]: 0,
    }
    (blocking,) = [one for one in desk.queue("L") if one.name == look["name"]]
    assert blocking.blocks == len(forms)
    told = [desk.view(one.key).composites for one in desk.queue("S") if one.blocks]
    assert sorted(told) == [(f"C.FUL.POP.{number:03}",) for number in range(1, len(forms) + 1)]
    # Counted anew only when composites have changed.
    assert not count_blocked(desk.registry)
    compose(91, look["nna_address"], unused["name"])
    curation.refresh(desk.registry, "S")
    assert {one.blocks for one in desk.queue("S")} == {1}


def test_a_refresh_leaves_claims_and_decisions_that_were_made_since_the_plan(make_desk: Any) -> None:
    desk = make_desk(S=5)
    desk.plan("S")
    claimed, decided, undone, lapsed, _ = keys = [one.key for one in desk.queue("S")]
    desk.claim(lapsed, BEN)
    desk.now += LEASE
    desk.claim(claimed)
    desk.decide(decided)
    desk.decide(undone)
    curation.undo(desk.registry, ANN, undone, 1, desk.now)
    for _ in range(2):  # of the plan from before, and of one that knows the decision
        curation.refresh(desk.registry, "S")
        assert (desk.row(claimed)["claimed_by"], desk.row(claimed)["state"]) == ("ann", "claimed")
        assert (desk.row(decided)["state"], desk.row(decided)["decided_by"]) == ("decided", "ann")
        assert {one.key for one in desk.queue("S")} == {*keys} - {claimed, decided}
        desk.steps.plan("S")


def test_whoever_is_quicker_than_a_refresh_wins_and_the_refresh_goes_by_what_stands_then(
    make_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(S=3)
    desk.plan("S")
    claimed, decided, _ = [one.key for one in desk.queue("S")]
    draft_of = {key: desk.draft(key) for key in (claimed, decided)}
    desk.claim(decided)
    desk.world.staging["assets"].insert_one(
        {"layer": "C", "name": "C.FUL.POP.009:x", "nna_address": "C.001.001.009"}
        | {"components": [desk.row(one)["nna_address"] for one in (claimed, decided)]}
    )
    honest, done = desk.registry.queue.write, []

    def after_others(new: Any, changes: Any) -> set[str]:
        if not done:  # between the refresh's look and its write
            done.append(True)
            desk.claim(claimed)
            desk.send(decided, draft_of[decided])
        return honest(new, changes)

    monkeypatch.setattr(desk.registry.queue, "write", after_others)
    curation.refresh(desk.registry, "S")
    assert done
    assert (desk.row(claimed)["state"], desk.row(claimed)["claimed_by"]) == ("claimed", "ann")
    assert desk.row(decided)["state"] == "decided"
    assert desk.registry.decisions.among([decided])[decided].words == draft_of[decided].words


def test_what_the_plan_asks_no_more_is_withdrawn_and_whoever_has_claimed_it_is_told_when_they_decide(
    make_desk: Any,
) -> None:
    desk = make_desk(S=3)
    desk.plan("S")
    claimed, free, _ = [one.key for one in desk.queue("S")]
    desk.claim(claimed)
    draft = desk.draft(claimed)
    desk.world.use_profile(
        expected="source", curation={"components": "none", "songs": "required", "composites": "none"}
    )
    with desk.world.steps() as changed:
        changed.plan("S")
        assert curation.refresh(changed.registry, "S") == Refreshed(asked=0, written=0, withdrawn=3)
    assert (desk.row(free)["state"], desk.row(claimed)["state"]) == ("withdrawn", "claimed")
    with refused("too_late") as told:
        desk.send(claimed, draft)
    assert told[0].draft == draft
    with refused("too_late"):
        desk.claim(free)
    curation.release(desk.registry, ANN, claimed, None, desk.now)
    assert desk.row(claimed)["state"] == "withdrawn"
    # Asked again, they are all back.
    desk.plan("S")
    assert {claimed, free} <= {one.key for one in desk.queue("S")}


def test_what_a_curator_decided_is_asked_again_when_staging_changes_and_the_new_answer_stands(
    make_desk: Any,
) -> None:
    desk = make_desk(S=2)
    desk.plan("S")
    key = desk.queue("S")[0].key
    desk.decide(key, "About the first version.")
    desk.rewrite(key, description="The second version.")
    desk.plan("S")
    (asked,) = [one for one in desk.queue("S") if one.key == key]
    assert (asked.asks, asked.revision) == (("source_changed",), 1)
    assert desk.view(key).decision.words == "About the first version."
    desk.decide(key, "About the second version.", BEN)
    curation.refresh(desk.registry, "S")
    assert desk.row(key)["state"] == "decided"
    desk.plan("S")
    assert desk.row(key)["state"] == "decided"
    assert [one.decision.words for one in desk.view(key).history] == ["About the first version."]


def test_words_of_a_file_that_cannot_be_used_are_asked_for_again_with_the_reason(make_desk: Any) -> None:
    desk = make_desk(S=2)
    desk.plan("S")
    item = desk.queue("S")[0]
    decision = Decision(
        "S", item.name, item.nna_address, item.source_hash, Verdict.EDIT, "x" * 501, None, "file", desk.now
    )
    _import(desk, decision)
    assert desk.row(item.key)["state"] == "decided"
    desk.plan("S")
    (asked,) = [one for one in desk.queue("S") if one.key == item.key]
    assert (asked.asks, asked.error) == (("unusable_words",), "501 characters, 500 allowed")
    desk.decide(item.key, "Short words.")
    desk.plan("S")
    assert desk.row(item.key)["state"] == "decided"


def _import(desk: Any, *decisions: Decision) -> Any:
    from asset_registry_pipeline.registry.decisions_csv import write_csv

    return curation.import_decisions_text(
        desk.registry, write_csv(decisions), dry_run=False, actor=ANN, now=desk.now
    )


def test_a_decision_that_nobody_was_asked_for_is_seen_as_decided_and_can_be_taken_back(
    make_desk: Any,
) -> None:
    desk = make_desk(S=2)
    raw = codec.encode(desk.world.staging["assets"].find_one({"layer": "S"}))
    source = codec.read_source(raw, "S")
    body = source.body
    decision = Decision(
        "S", body["name"], body["nna_address"], source.source_hash, Verdict.EDIT, "w", None, "file", desk.now
    )
    assert _import(desk, decision).added == 1
    desk.plan("S")
    assert curation.refresh(desk.registry, "S").written == 0
    row = desk.row(decision.key)
    assert (row["state"], row["asks"], row["decided_by"]) == ("decided", [], "file")
    assert curation.undo(desk.registry, ANN, decision.key, 1, desk.now).item.asks == ("taken_back",)
    desk.decide(decision.key, "Other words.")
    assert desk.view(decision.key).decision.words == "Other words."


def test_refreshes_and_curators_at_once_come_to_what_the_curators_did(make_desk: Any) -> None:
    desk = make_desk(S=30, C=10)
    desk.plan("S")
    keys = [one.key for one in desk.queue("S")]

    def decide(key: str) -> str:
        desk.claim(key)
        desk.send(key, replace(desk.draft(key), words=f"Words about {key}."))
        return key

    with ThreadPoolExecutor(4) as pool:
        refreshes = [pool.submit(curation.refresh, desk.registry, "S") for _ in range(4)]
        decided = [*pool.map(decide, keys[:20])]
        for each in refreshes:
            each.result()
    curation.refresh(desk.registry, "S")
    assert {one.key for one in desk.queue("S", state="decided")} == {*decided}
    assert {one.key for one in desk.queue("S")} == {*keys[20:]}
    standing = desk.registry.decisions.among(keys)
    assert {key: one.words for key, one in standing.items()} == {
        key: f"Words about {key}." for key in decided
    }


def test_pages_follow_each_other_without_a_gap_whatever_is_done_meanwhile(desk: Any) -> None:
    every = [one.key for one in desk.queue("S")]
    seen, after = [], None
    while True:
        page = curation.page(desk.registry, Where("S"), after, 7)
        seen += [one.key for one in page.items]
        after = page.next
        if after is None:
            break
    assert seen == every
    assert curation.page(desk.registry, Where("S"), None, 7).total_hint == len(every)
    for nonsense in ("x", "eyJ9", "W10=", "WzEsMl0=", "\ud800"):
        with refused("invalid"):
            curation.page(desk.registry, Where("S"), nonsense, 7)
    with refused("invalid"):
        desk.queue("S", state="anything")


def test_items_are_found_by_words_of_their_name_address_category_and_description(desk: Any) -> None:
    item = desk.queue("S")[3]
    body = desk.world.staging["assets"].find_one({"name": item.name})
    for text in (item.name, item.name.lower(), item.nna_address, f"{body['category']} {item.name[:9]}"):
        assert item.key in [one.key for one in desk.queue("S", text=text)], text
    assert desk.queue("S", text="no-such-word-anywhere") == []
    assert desk.queue("S", text=".*") == desk.queue("S")
    assert desk.queue("S", text=f"{item.name} no-such-word") == []


def test_nobody_sees_an_email_address(desk: Any) -> None:
    view = desk.view(desk.queue("G")[0].key)
    assert "@" in str(view.source)
    assert view.source["registeredBy"].startswith("c***@")


def test_every_reason_that_a_queue_gives_is_one_that_somebody_can_filter_by(desk: Any) -> None:
    assert desk.queue("S", asks=REQUIRED) == desk.queue("S")
    assert desk.queue(asks=REQUIRED) == desk.queue()
    assert desk.queue("S", asks=ALBUM_ART) == []
