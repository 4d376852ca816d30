"""Batches and files of decisions: just what was shown is approved, and one bad row or changed item stops no other."""

import csv
import io
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import Verdict
from asset_registry_pipeline.registry.decisions_csv import COLUMNS, read_csv, write_csv
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import LEASE, MOST_IN_A_BATCH, Where
from tests.integration.asset_registry_pipeline.curation.conftest import ADA, ANN, BEN, EVE, refused


def test_a_batch_approves_exactly_what_its_preview_showed_and_names_what_changed_since(
    make_desk: Any,
) -> None:
    desk = make_desk(S=9)
    desk.plan("S")
    claimed, worded, rewritten, taken, lapsed, *free = [one.key for one in desk.queue("S")]
    desk.claim(lapsed, BEN)
    desk.now += LEASE
    desk.claim(claimed, BEN)
    preview = curation.preview_batch(desk.registry, ANN, Where("S"), desk.now)
    assert {one.key for one in preview.items} == {worded, rewritten, taken, *free}
    assert preview.left_out == ()  # what another has is not open, so it is not asked for
    named = curation.preview_batch(desk.registry, ANN, [claimed, lapsed, free[0], "no such"], desk.now)
    assert [one.key for one in named.items] == [lapsed, free[0]]
    assert {one.key: one.why for one in named.left_out} == {
        claimed: "ben has claimed it",
        "no such": "the queue has no such item",
    }

    desk.decide(worded, "Ben's own words.", BEN)
    desk.rewrite(rewritten, description="Another description.")
    desk.claim(taken, BEN)
    with refused("not_found"):
        curation.approve_batch(desk.registry, BEN, preview.token, desk.now)
    done = curation.approve_batch(desk.registry, ANN, preview.token, desk.now)
    assert set(done.approved) == {*free}
    assert {one.key: one.why for one in done.left_out} == {
        worded: "somebody has decided it since",
        rewritten: "it was changed in staging since",
        taken: "ben has claimed it",
    }
    standing = desk.registry.decisions.among([*free, worded])
    assert {standing[key].verdict for key in free} == {Verdict.APPROVE}
    assert standing[worded].words == "Ben's own words."
    told = curation.audit(desk.registry, ADA, key=free[0]).entries
    assert [(one.actor, one.act) for one in told] == [("ann", "approved in a batch")]
    # Sent again after a lost answer it says the same, and stores nothing.
    assert curation.approve_batch(desk.registry, ANN, preview.token, desk.now) == done
    assert len(curation.audit(desk.registry, ADA, key=free[0]).entries) == 1
    # What was taken back meanwhile is not approved by an old preview.
    curation.undo(desk.registry, ADA, free[0], 1, desk.now)
    again = curation.approve_batch(desk.registry, ANN, preview.token, desk.now)
    assert free[0] not in again.approved


def test_a_batch_leaves_out_what_needs_words_and_is_no_larger_than_somebody_can_look_at(desk: Any) -> None:
    songs = [one.key for one in desk.queue("G")]
    preview = curation.preview_batch(desk.registry, ANN, songs, desk.now)
    assert preview.items == ()
    assert {one.why for one in preview.left_out} == {"a song needs its curator's words"}
    with refused("invalid"):
        many = [f"S|{number}|x" for number in range(MOST_IN_A_BATCH + 1)]
        curation.preview_batch(desk.registry, ANN, many, desk.now)
    with refused("forbidden"):
        curation.preview_batch(desk.registry, EVE, songs, desk.now)
    with refused("not_found"):
        curation.approve_batch(desk.registry, ANN, "no such token", desk.now)


def test_decisions_leave_and_come_back_as_csv_to_the_letter_and_formulas_are_escaped(make_desk: Any) -> None:
    desk = make_desk(S=3, G=3)
    desk.plan("S", "G")
    star, *_ = [one.key for one in desk.queue("S")]
    song = desk.queue("G")[0].key
    desk.decide(star, None, verdict=Verdict.REJECT, reason='=HYPERLINK("x")')
    desk.decide(song, '@words, "quoted"\r\nand more')
    text = "".join(curation.export_decisions(desk.registry))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == list(COLUMNS)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert {one.key: one for one in read_csv(text)[0]} == desk.registry.decisions.among([star, song])
    assert "".join(curation.export_decisions(desk.registry, "S")).count("\r\n") == 2
    with refused("invalid"):
        list(curation.export_decisions(desk.registry, "C"))

    desk.world.development["migration_decisions"].delete_many({})
    for dry_run in (True, True, False):
        done = _import(desk, text, dry_run=dry_run)
        assert (done.added, done.unchanged, done.refused) == (2, 0, ())
    assert _import(desk, text).unchanged == 2
    assert {one.key: one for one in read_csv(text)[0]} == desk.registry.decisions.among([star, song])
    (entry,) = [
        one
        for one in curation.audit(desk.registry, ADA).entries
        if one.act == "imported" and one.layer == "S"
    ]
    assert (entry.actor, entry.detail) == ("ann", {"added": 1})


def _import(desk: Any, text: str, *, dry_run: bool = False, actor: Any = ANN) -> Any:
    return curation.import_decisions_text(desk.registry, text, dry_run=dry_run, actor=actor, now=desk.now)


def test_a_bad_row_of_a_file_is_told_and_stops_no_other_and_a_file_that_is_none_is_refused(desk: Any) -> None:
    key, other = desk.another(), desk.another()
    good = desk.decide(key).decision
    curation.undo(desk.registry, ANN, key, 1, desk.now)
    from dataclasses import replace
    from datetime import timedelta

    later = replace(good, decided_at=desk.now + timedelta(hours=1))
    hostile = replace(later, name=desk.row(other)["name"], nna_address=desk.row(other)["nna_address"])
    text = write_csv([later, replace(hostile, words="half \ud83d"), replace(later, name="S.POP.HPM.77777")])
    done = _import(desk, text + "S,broken,row\r\n", dry_run=True)
    assert done.added == 1
    assert sorted(row["why"].split(":")[0] for row in done.refused) == [
        "line 5", "no such asset in staging", "words holds half of a character (a lone surrogate)",
    ]  # fmt: skip
    for broken in ("", "layer,name\r\n", '"', "\0", "PK\x03\x04"):
        with refused("invalid"):
            _import(desk, broken)
    with refused("forbidden"):
        _import(desk, text, actor=EVE)


def test_an_import_by_hand_closes_a_claim_and_who_had_it_is_told(make_desk: Any) -> None:
    desk = make_desk(S=2)
    desk.plan("S")
    key = desk.queue("S")[0].key
    desk.claim(key, BEN)
    draft, row = desk.draft(key, "Ben's words."), desk.row(key)
    from asset_registry_pipeline.registry.decisions import Decision

    decision = Decision(
        "S",
        row["name"],
        row["nna_address"],
        row["source_hash"],
        Verdict.APPROVE,
        None,
        None,
        "file",
        desk.now,
    )
    assert _import(desk, write_csv([decision])).added == 1
    assert desk.row(key)["state"] == "decided"
    with refused("already_decided") as told:
        desk.send(key, draft, BEN)
    assert told[0].draft == draft


@pytest.mark.parametrize("limit", [-1, 0, 10**9])
def test_no_page_is_larger_than_a_page(desk: Any, limit: int) -> None:
    assert 1 <= len(curation.page(desk.registry, Where("S"), None, limit).items) <= 200
