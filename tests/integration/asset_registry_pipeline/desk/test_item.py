"""One item at the desk: deciding, taking back, and what becomes of words where something came between."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import Verdict
from asset_registry_pipeline.steps import curation
from tests.integration.asset_registry_pipeline.desk.queue_world import (
    Queue,
    form_of,
    queue_of,
    world_of_a_queue,
)

HTMX = {"HX-Request": "true"}
WORDS = "  Words of a curator: \u00e9 \U0001f600 <b>&amp;</b>\n\nand a second line. "


@pytest.fixture(scope="module")
def queue(make_shared_world: Any) -> Iterator[Queue]:
    """A desk with stars to decide about; each test takes one that nobody has touched."""
    with queue_of(world_of_a_queue(make_shared_world), "S") as opened:
        yield opened


def test_an_item_shows_what_would_change_and_masks_peoples_addresses(queue: Queue) -> None:
    key = queue.a_fresh()
    page = queue.look(key).text

    assert "[removed: " in page or "Fields that change" in page
    assert "creatorDescription" in page
    source = queue.world.staging["assets"].find_one({"name": key.split("|")[1]})
    assert source["registeredBy"] not in page
    assert source["registeredBy"].partition("@")[2] in page
    assert f'<img class="asset" src="{source["gcpStorageUrl"]}"' in page


def test_an_approval_as_it_is_stores_no_words_of_the_migrations_own(queue: Queue) -> None:
    key = queue.a_fresh()
    queue.claimed(key)

    page = queue.decide(key).text

    decision = queue.decision(key)
    assert (decision.verdict, decision.words, decision.decided_by) == (Verdict.APPROVE, None, "cora")
    assert "Approved: " in page
    assert "It is stored" in page


def test_words_are_stored_as_they_were_typed(queue: Queue) -> None:
    key = queue.a_fresh()
    queue.claimed(key)

    # A browser sends the ends of lines as two characters.
    queue.decide(key, words=WORDS.replace("\n", "\r\n"))

    assert queue.decision(key).words == WORDS
    assert queue.decision(key).verdict is Verdict.EDIT
    shown = form_of_undone(queue, key)
    assert shown["words"] == WORDS


def form_of_undone(queue: Queue, key: str) -> dict[str, str]:
    """Take the decision back, and what the form then begins with."""
    revision = curation.item(queue.registry, key).revision
    page = queue.place.curator.post("/queue/item/undo", {"key": key, "revision": str(revision)}).text
    assert "The decision was taken back" in page
    queue.place.curator.post("/queue/item/release", {"key": key})
    return form_of(page)


@pytest.mark.parametrize("verdict", ["reject", "test", "exclude"])
def test_an_item_is_left_behind_with_a_reason_alone(queue: Queue, verdict: str) -> None:
    key = queue.a_fresh()
    queue.claimed(key)

    refused = queue.decide(key, act=verdict, words="Words that must stay.", reason=" ")
    assert refused.status_code == 422
    assert "say why" in refused.text
    assert form_of(refused.text)["words"] == "Words that must stay."
    assert queue.decision(key) is None

    queue.decide(key, act=verdict, reason="It shows somebody else.")
    assert queue.decision(key).verdict == verdict
    assert queue.decision(key).reason == "It shows somebody else."


def test_the_next_item_comes_at_once_with_a_way_to_undo_the_last(queue: Queue) -> None:
    first = queue.items("S")[0]
    queue.claimed(first.key)

    page = queue.decide(first.key, onward="yes", back="layer=S").text

    following = queue.items("S", state="claimed")
    assert [item.claimed_by for item in following] == ["cora"]
    assert f"<h1>{following[0].label}</h1>" in page
    assert "Approved: <a href=" in page
    assert first.label in page

    bar = re.search(r'<section class="notice good settled".*?</section>', page, re.DOTALL)
    assert bar
    hidden = dict(re.findall(r'name="(key|revision|back)" value="([^"]*)"', bar[0]))
    back = queue.place.curator.post(
        "/queue/item/undo", {name: unescape(value) for name, value in hidden.items()}
    )
    assert queue.decision(first.key) is None
    assert f"<h1>{first.label}</h1>" in back.text
    for key in (first.key, following[0].key):
        queue.place.curator.post("/queue/item/release", {"key": key})


def test_undoing_a_decision_that_another_has_replaced_is_refused(queue: Queue) -> None:
    key = queue.a_fresh()
    queue.claimed(key)
    queue.decide(key)

    again = queue.place.other_curator.post("/queue/item/undo", {"key": key, "revision": "7"})

    assert again.status_code == 409
    assert queue.decision(key) is not None


def test_words_sent_after_the_lease_are_kept_and_stored_once_it_is_claimed_again(queue: Queue) -> None:
    key = queue.a_fresh()
    form = form_of(queue.claimed(key))
    with queue.later(minutes=16):
        late = queue.place.curator.post("/queue/item/decide", {**form, "words": WORDS})
        assert late.status_code == 409
        assert "your claim on it has run out" in late.text
        assert form_of(late.text)["words"] == WORDS
        assert queue.decision(key) is None

        again = queue.place.curator.post("/queue/item/claim", form_of(late.text))
        assert "Yours until" in again.text
        assert form_of(again.text)["words"] == WORDS

        queue.place.curator.post("/queue/item/decide", form_of(again.text))
    assert queue.decision(key).words == WORDS


def test_words_of_who_lost_the_item_to_another_are_handed_back(queue: Queue) -> None:
    key = queue.a_fresh()
    form = form_of(queue.claimed(key))
    with queue.later(minutes=16):
        queue.claimed(key, queue.place.other_curator)
        late = queue.place.curator.post("/queue/item/decide", {**form, "words": WORDS})
        again = queue.place.curator.post("/queue/item/claim", form_of(late.text))
        queue.decide(key, queue.place.other_curator, words="The other's words.")
        too_late = queue.place.curator.post("/queue/item/decide", form_of(again.text))

    assert [answer.status_code for answer in (late, again, too_late)] == [409, 409, 409]
    for answer in (late, again, too_late):
        assert form_of(answer.text)["words"] == WORDS
    assert "carl" in too_late.text
    assert queue.decision(key).words == "The other's words."


def test_a_source_that_changed_is_shown_and_the_words_are_stored_when_they_are_sent_again(
    queue: Queue,
) -> None:
    key = queue.a_fresh()
    form = form_of(queue.claimed(key))
    queue.change_in_staging(key, description="A description that somebody has corrected since.")

    refused = queue.place.curator.post("/queue/item/decide", {**form, "words": WORDS})

    assert refused.status_code == 409
    assert "it was changed in staging since you looked at it" in refused.text
    assert "What changed in staging since you looked" in refused.text
    assert "corrected since." in refused.text
    assert form_of(refused.text)["words"] == WORDS
    assert queue.decision(key) is None

    queue.place.curator.post("/queue/item/decide", form_of(refused.text))
    assert queue.decision(key).words == WORDS


def test_words_that_nobody_touched_follow_the_changed_source(queue: Queue) -> None:
    key = queue.a_fresh()
    form = form_of(queue.claimed(key))
    queue.change_in_staging(key, description="A corrected description of the star.")

    refused = queue.place.curator.post("/queue/item/decide", form)

    assert form_of(refused.text)["words"] == "A corrected description of the star."
    queue.place.curator.post("/queue/item/decide", form_of(refused.text))
    assert (queue.decision(key).verdict, queue.decision(key).words) == (Verdict.APPROVE, None)


def test_a_decision_sent_twice_is_stored_once(queue: Queue) -> None:
    key = queue.a_fresh()
    form = {**form_of(queue.claimed(key)), "words": WORDS}

    answers = [queue.place.curator.post("/queue/item/decide", form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert curation.item(queue.registry, key).revision == 1


def test_too_many_characters_are_told_beside_their_field(queue: Queue) -> None:
    key = queue.a_fresh()
    queue.claimed(key)

    refused = queue.decide(key, words="\U0001f600" * 501)

    assert refused.status_code == 422
    assert "501 characters, 500 at most" in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert form_of(refused.text)["words"] == "\U0001f600" * 501
    assert queue.decide(key, words="\U0001f600" * 500).status_code == 200


def test_what_is_returned_to_the_queue_keeps_its_note_for_who_takes_it_next(queue: Queue) -> None:
    key = queue.a_fresh()
    form = form_of(queue.claimed(key))

    queue.place.curator.post("/queue/item/release", {**form, "note": "Ask the <band> first."})

    assert queue.items("S")[-1].state == "open"
    assert "Ask the &lt;band&gt; first." in queue.claimed(key, queue.place.other_curator)
    assert queue.place.curator.post("/queue/item/release", {"key": key}).status_code == 403
    queue.place.admin.post("/queue/item/release", {"key": key})
    assert queue.items("S")[-1].state == "open"


def test_a_lease_is_renewed(queue: Queue) -> None:
    key = queue.a_fresh()
    queue.claimed(key)
    before = curation.item(queue.registry, key).item.lease_until
    with queue.later(minutes=10):
        part = queue.place.curator.post("/queue/item/renew", {"key": key}, headers=HTMX)
    after = curation.item(queue.registry, key).item.lease_until
    assert before
    assert after
    assert (after - before).total_seconds() > 590
    assert part.text.startswith('<div id="lease"')
    assert f"{after:%H:%M} UTC" in part.text
    queue.place.curator.post("/queue/item/release", {"key": key})


def test_htmx_is_led_on_after_a_decision_and_gets_the_item_again_where_it_was_refused(queue: Queue) -> None:
    key = queue.a_fresh()
    form = form_of(queue.claimed(key))

    refused = queue.place.curator.post("/queue/item/decide", {**form, "act": "reject"}, headers=HTMX)
    assert refused.status_code == 422
    assert refused.text.lstrip().startswith('<div id="item"')

    done = queue.place.curator.post("/queue/item/decide", form, headers=HTMX)
    assert done.status_code == 204
    assert "done=" in done.headers["hx-redirect"]


def test_the_difference_follows_the_words_that_are_typed(queue: Queue) -> None:
    key = queue.a_fresh()
    form = form_of(queue.claimed(key))

    part = queue.place.curator.post(
        "/queue/item/difference", {**form, "words": "<i>Other</i> words"}, headers=HTMX
    ).text

    assert "&lt;i&gt;Other&lt;/i&gt; words" in part
    assert "<del>" in part
    assert "[added: " in part
    queue.place.curator.post("/queue/item/release", {"key": key})


@pytest.mark.parametrize("act", ["undo", "<b>", ""])
def test_a_verdict_that_there_is_not_is_refused(queue: Queue, act: str) -> None:
    key = queue.a_fresh()
    queue.claimed(key)
    answer = queue.decide(key, act=act or "none", words=WORDS)
    assert answer.status_code == 422
    assert form_of(answer.text)["words"] == WORDS
    queue.place.curator.post("/queue/item/release", {"key": key})


def test_a_batch_is_previewed_and_approved_without_what_changed_since(queue: Queue) -> None:
    keys = [item.key for item in queue.items("S")[-4:]]
    queue.claimed(keys[0], queue.place.other_curator)

    preview = queue.place.curator.post("/queue/batch", {"keys": keys, "back": "layer=S"}).text
    assert "Approve 3 items?" in preview
    assert "Left out (1)" in preview
    assert all(queue.decision(key) is None for key in keys)

    queue.change_in_staging(keys[1], description="Changed between preview and approval.")
    token = re.search(r'name="token" value="([^"]+)"', preview)
    assert token
    done = queue.place.curator.post("/queue/batch/approve", {"token": token[1], "back": "layer=S"}).text

    assert "2 items approved" in done
    assert "it was changed in staging since" in done
    assert [queue.decision(key) is not None for key in keys] == [False, False, True, True]
    stolen = queue.place.other_curator.post("/queue/batch/approve", {"token": token[1]})
    assert stolen.status_code == 404
    queue.place.other_curator.post("/queue/item/release", {"key": keys[0]})


def test_a_batch_of_nothing_is_told(queue: Queue) -> None:
    assert "No item is chosen" in queue.place.curator.post("/queue/batch", {}).text


def test_all_that_is_shown_can_be_previewed_at_once(queue: Queue) -> None:
    waiting = len(queue.items("S"))
    assert waiting
    preview = queue.place.curator.post("/queue/batch", {"all": "yes", "back": "layer=S"}).text
    told = re.findall(r"Approve (\d+) items?\?|Left out \((\d+)\)", preview)
    assert sum(int(number) for pair in told for number in pair if number) == waiting
    assert told[0][0]
