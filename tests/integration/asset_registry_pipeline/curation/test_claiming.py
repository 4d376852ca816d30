"""Claims: nobody gets what another has, a lease ends by the clock that is handed in, and words are never lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import LEASE, Where
from tests.integration.asset_registry_pipeline.curation.conftest import ADA, ANN, BEN, EVE, refused


def test_of_curators_who_all_take_the_next_item_no_two_ever_get_the_same(make_desk: Any) -> None:
    desk = make_desk(S=40, C=20)
    desk.plan("S")
    asked = {one.key for one in desk.queue("S")}

    def take_all(number: int) -> list[str]:
        who, got = Actor(f"curator {number}", Role.CURATOR), []
        while (claim := curation.claim_next(desk.registry, who, Where("S"), desk.now)) is not None:
            got.append(claim.item.key)
        return got

    with ThreadPoolExecutor(8) as pool:
        taken = [key for got in pool.map(take_all, range(8)) for key in got]
    assert sorted(taken) == sorted(asked)
    assert {one.state for one in desk.queue("S", state="claimed")} == {"claimed"}


def test_the_next_item_is_the_one_that_blocks_most_of_those_that_are_asked_for(desk: Any) -> None:
    first = desk.queue("S")[0]
    claim = curation.claim_next(desk.registry, ANN, Where("S"), desk.now)
    desk.taken.add(first.key)
    assert claim.item.key == first.key
    assert claim.until == desk.now + LEASE
    assert first.key in [one.key for one in desk.queue("S", mine="ann")]
    assert curation.claim_next(desk.registry, ANN, Where("S", asks="no such reason"), desk.now) is None


def test_what_another_has_claimed_is_refused_and_ones_own_claim_is_renewed(desk: Any) -> None:
    key = desk.another()
    desk.claim(key, ANN)
    with refused("claimed_by_another") as told:
        desk.claim(key, BEN)
    assert "ann has claimed it until 12:15 UTC" in str(told[0])
    with refused("claimed_by_another"):
        curation.renew(desk.registry, BEN, key, desk.now)
    later = desk.now + timedelta(minutes=10)
    assert curation.renew(desk.registry, ANN, key, later).until == later + LEASE
    assert curation.claim(desk.registry, ANN, key, later).until == later + LEASE


def test_a_lease_that_ran_out_goes_to_another_and_the_first_one_gets_their_words_back(desk: Any) -> None:
    key = desk.another()
    desk.claim(key, ANN)
    draft, over = desk.draft(key, "Ann's words, half an hour of them."), desk.now + LEASE
    with refused("lease_over"):
        curation.renew(desk.registry, ANN, key, over)
    assert key in [one.key for one in curation.page(desk.registry, Where("S"), None, 200, now=over).items]
    with refused("lease_over") as told:
        curation.decide(desk.registry, ANN, key, draft, over)
    assert told[0].draft == draft

    assert curation.claim(desk.registry, BEN, key, over).item.claimed_by == "ben"
    with refused("claimed_by_another") as told:
        curation.decide(desk.registry, ANN, key, draft, over)
    assert told[0].draft.words == "Ann's words, half an hour of them."
    assert desk.registry.decisions.among([key]) == {}


def test_what_is_given_back_is_open_again_with_its_note_and_only_an_admin_gives_back_for_others(
    desk: Any,
) -> None:
    key = desk.another()
    desk.claim(key, ANN)
    with refused("forbidden"):
        curation.release(desk.registry, BEN, key, None, desk.now)
    with refused("invalid"):
        curation.release(desk.registry, ANN, key, "x" * 501, desk.now)
    curation.release(desk.registry, ANN, key, "the recording $is unclear", desk.now)
    item = desk.view(key).item
    assert (item.state, item.note, item.claimed_by) == ("open", "the recording $is unclear", None)

    desk.claim(key, BEN)
    curation.release(desk.registry, ADA, key, None, desk.now)
    assert desk.view(key).item.state == "open"
    curation.release(desk.registry, ADA, key, None, desk.now)  # nobody has it: nothing to do
    told = curation.audit(desk.registry, ADA, key=key).entries
    assert [(one.actor, one.act, one.detail["claimed_by"]) for one in told] == [
        ("ada", "released", "ben"),
        ("ann", "released", "ann"),
    ]


def test_what_was_decided_meanwhile_is_not_said_to_be_back_in_the_queue(desk: Any) -> None:
    key = desk.another()
    desk.decide(key, "Ben's words.", BEN)

    with refused("already_decided") as told:
        curation.release(desk.registry, ANN, key, "the recording is unclear", desk.now)

    assert "ben has decided it" in told[0].reason
    assert desk.view(key).item.state == "decided"


def test_who_is_a_curator_no_more_keeps_no_claim_alive_and_gives_none_back(desk: Any) -> None:
    key = desk.another()
    until = desk.claim(key, Actor("eve", Role.CURATOR)).until

    with refused("forbidden"):
        curation.renew(desk.registry, EVE, key, desk.now)
    with refused("forbidden"):
        curation.release(desk.registry, EVE, key, None, desk.now)

    assert (desk.row(key)["state"], desk.row(key)["lease_until"]) == ("claimed", until)
    curation.release(desk.registry, ADA, key, None, desk.now)


@pytest.mark.parametrize("key", ["S|no such|asset", "", "S|\0|x", "x" * 100_000])
def test_what_is_not_in_the_queue_is_not_found(desk: Any, key: str) -> None:
    with refused("not_found"):
        desk.claim(key)
    with refused("not_found"):
        desk.view(key)


def test_an_editor_looks_and_claims_nothing(desk: Any) -> None:
    key = desk.another()
    with refused("forbidden") as told:
        desk.claim(key, EVE)
    assert "eve is editor, and to claim takes curator" in str(told[0])
    with refused("forbidden"):
        curation.claim_next(desk.registry, EVE, Where("S"), desk.now)
    assert desk.view(key).item.state == "open"
