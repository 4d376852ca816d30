"""The queue's page: what it shows in which order, what is filtered and found, and who gets what by claiming."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.asset_registry_pipeline.desk.queue_world import Queue, queue_over


@pytest.fixture
def queue(make_world: Any) -> Iterator[Queue]:
    """A desk with stars and songs to decide about."""
    with queue_over(make_world) as opened:
        yield opened


def test_the_queue_is_shown_with_what_blocks_most_first(queue: Queue) -> None:
    page = queue.place.curator.get("/queue?layer=S").text
    items = queue.items("S")

    assert [item.blocks for item in items] == sorted((item.blocks for item in items), reverse=True)
    places = [page.index(f">{item.label}</a>") for item in items]
    assert places == sorted(places)
    assert "6 items" in page


def test_an_item_page_opens(queue: Queue) -> None:
    for layer in "SG":
        page = queue.look(queue.key(layer))
        assert page.status_code == 200, page.text
        assert "Claim it" in page.text
        held = queue.claimed(queue.key(layer))
        assert "Yours until" in held
