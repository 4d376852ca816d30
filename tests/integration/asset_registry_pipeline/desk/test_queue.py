"""The queue's page: what it shows in which order, what is filtered and found, and who gets what by claiming."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from asset_registry_pipeline.desk.pages import queue as queue_page
from tests.integration.asset_registry_pipeline.desk.queue_world import Queue, queue_of, world_of_a_queue

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> {{7*7}}'
HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def queue(make_shared_world: Any) -> Iterator[Queue]:
    """A desk with stars, songs and looks to decide about; one look is described by somebody hostile."""
    world = world_of_a_queue(make_shared_world)
    look = world.staging["assets"].find_one({"layer": "L"})
    world.staging["assets"].update_one(
        {"_id": look["_id"]}, {"$set": {"description": HOSTILE, "tags": [HOSTILE, "needle-of-a-tag"]}}
    )
    with queue_of(world, "S", "G", "L") as opened:
        yield opened


def _labels(page: str) -> list[str]:
    return re.findall(r"data-open[^>]*>([^<]+)</a>", page)


def test_what_blocks_most_composites_comes_first(queue: Queue) -> None:
    items = queue.items("S")

    assert [item.blocks for item in items] == sorted((item.blocks for item in items), reverse=True)
    assert _labels(queue.place.curator.get("/queue?layer=S").text) == [item.label for item in items]


def test_nobody_sees_the_queue_without_logging_in(queue: Queue) -> None:
    answer = queue.place.visitor().get("/queue?layer=S", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fqueue%3Flayer%3DS")


def test_a_layer_is_shown_alone_and_an_unknown_one_counts_as_none(queue: Queue) -> None:
    songs = queue.place.curator.get("/queue?layer=G").text
    assert _labels(songs) == [item.label for item in queue.items("G")]
    everything = queue.place.curator.get("/queue?layer=%3Cscript%3E").text
    assert len(_labels(everything)) == len(queue.items())


def test_an_item_is_found_by_its_name_its_tag_and_words_of_its_description(queue: Queue) -> None:
    (look,) = [item for item in queue.items("L") if "script" in item.hint]
    for text in (look.name, "needle-of", "needle-of-a-tag alert"):
        page = queue.place.curator.get(f"/queue?text={quote(text)}").text
        assert _labels(page) == [look.label], text
    assert "Nothing here" in queue.place.curator.get("/queue?text=nothing-like-this").text


def test_what_somebody_else_wrote_is_shown_as_text(queue: Queue) -> None:
    (look,) = [item for item in queue.items("L") if "script" in item.hint]
    searched = queue.place.curator.get(f"/queue?text={quote(HOSTILE)}").text
    for page in (queue.place.curator.get("/queue?layer=L").text, queue.look(look.key).text, searched):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "49" not in re.findall(r"\{\{.*?\}\}|49(?= *</)", page)
    assert "&lt;script&gt;alert(1)" in queue.look(look.key).text


def test_a_page_leads_to_the_next_until_everything_was_shown_once(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_page, "ON_A_PAGE", 4)
    shown: list[str] = []
    address: str | None = "/queue?layer=S"
    while address:
        page = queue.place.curator.get(address, headers=HTMX).text
        shown += _labels(page)
        following = re.search(r'href="([^"]+after=[^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else None
    assert shown == [item.label for item in queue.items("S")]


def test_htmx_gets_the_list_alone(queue: Queue) -> None:
    part = queue.place.curator.get("/queue?layer=S", headers=HTMX).text
    assert part.lstrip().startswith('<section id="list"')
    assert "<html" not in part


def test_two_curators_who_take_the_next_one_get_different_items(queue: Queue) -> None:
    first, second = queue.items("S")[:2]

    pages = [
        who.post("/queue/next", {"back": "layer=S"}).text
        for who in (queue.place.curator, queue.place.other_curator)
    ]

    assert [item.label in page for item, page in zip((first, second), pages, strict=True)] == [True, True]
    assert all("You have claimed it" in page for page in pages)
    mine = queue.place.curator.get("/queue?mine=yes").text
    assert _labels(mine) == [first.label]
    refused = queue.place.other_curator.post("/queue/claim", {"key": first.key})
    assert refused.status_code == 409
    assert "cora has claimed it until" in refused.text
    for key, who in ((first.key, queue.place.curator), (second.key, queue.place.other_curator)):
        who.post("/queue/item/release", {"key": key})


def test_a_queue_with_nothing_left_says_so(queue: Queue) -> None:
    page = queue.place.curator.post("/queue/next", {"back": "layer=S&text=nothing-like-this"})
    assert "Nothing is left to take here" in page.text
    assert page.url.path == "/queue"


def test_an_editor_looks_and_claims_nothing(queue: Queue) -> None:
    key = queue.a_fresh()
    page = queue.place.editor.get("/queue?layer=S").text
    assert "/queue/claim" not in page
    assert "It takes a curator" in queue.look(key, queue.place.editor).text
    for path, data in (
        ("/queue/claim", {"key": key}),
        ("/queue/next", {}),
        ("/queue/item/decide", {"key": key}),
        ("/queue/batch", {"keys": key}),
    ):
        assert queue.place.editor.post(path, data).status_code == 403, path
    assert queue.items("S")[-1].state == "open"


def test_a_form_of_another_page_claims_nothing(queue: Queue) -> None:
    key = queue.a_fresh()
    forged = queue.place.curator.client.post("/queue/claim", data={"key": key})
    assert forged.status_code == 403
    assert queue.items("S")[-1].key == key


def test_an_item_that_there_is_not_is_told(queue: Queue) -> None:
    assert queue.look("S|no.such|thing").status_code == 404
    assert queue.place.curator.post("/queue/claim", {"key": "\x00"}).status_code == 404
    assert queue.place.curator.get("/queue?after=nonsense").status_code == 422
