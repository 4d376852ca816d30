"""Markup planted wherever somebody else's words can stand: no page takes any of it for its own."""

from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.decisions_csv import write_csv
from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import Where
from asset_registry_pipeline.stores.progress import Progress, Status
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, desk_over

PLANTED = """<planted>'" planted="1" {{7*7}}</script><script>planted()</script><!--"""
_TEXTS = ("description", "source", "registeredBy")


class Found(HTMLParser):
    """Elements and attributes that a page took for its own."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.planted: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "planted" or "planted" in names or (tag == "script" and "src" not in names):
            self.planted.append(str(self.get_starttag_text()))
        self.planted += [str(value) for name, value in attrs if name.startswith("on")]
        self.planted += [
            str(value)
            for name, value in attrs
            if name in ("href", "src") and (value or "").startswith("javascript:")
        ]

    def handle_comment(self, data: str) -> None:
        self.planted.append(data)

    def handle_data(self, data: str) -> None:
        if "49 " in data and "{{7*7}}" not in data and "planted" in data:
            self.planted.append(data)


@pytest.fixture(scope="module")
def planted(make_shared_world: Callable[..., World]) -> Iterator[DeskPlace]:
    """A registry in which every text of staging, of decisions and of progress holds markup."""
    world = make_shared_world()
    for layer in MIGRATED_LAYERS:
        for number, one in enumerate(list(world.staging["assets"].find({"layer": layer}))):
            changes: dict[str, Any] = {name: f"{PLANTED} {one.get(name)}" for name in _TEXTS}
            changes |= {"tags": [PLANTED, "pop"], "gcpStorageUrl": f"javascript:planted()//{PLANTED}"}
            if number % 3 == 0:
                changes |= {
                    "rights": PLANTED,
                    "category": PLANTED,
                    PLANTED.replace(".", "").replace("$", ""): PLANTED,
                }
            if number == 1:
                changes |= {"name": f"{PLANTED} {one['name']}"}
            world.staging["assets"].update_one({"_id": one["_id"]}, {"$set": changes})
    with desk_over(world) as desk:
        with world.steps() as steps:
            for layer in ("S", "G"):
                steps.migrate(layer)
                curation.refresh(desk.state.registry, layer)
        desk.state.registry.progress.save(Progress("S", 9, 1, 0, Status.IN_PROGRESS, PLANTED))
        yield desk


def test_no_page_takes_planted_words_for_its_own(planted: DeskPlace) -> None:
    ada, registry, now = planted.admin, planted.state.registry, planted.state.clock()
    waiting = curation.page(registry, Where(), limit=200, now=now).items
    songs = [one for one in waiting if one.layer == "G"]
    for one in songs[:2]:
        claimed = ada.post("/queue/item/claim", {"key": one.key})
        assert claimed.status_code == 200
    some = {one.layer + one.asks[0]: one for one in waiting if one.asks}

    pages = ["/", "/deciders", "/audit", "/decisions", "/queue", "/queue?layer=S", "/queue?state=claimed"]
    pages += [f"/queue?text={PLANTED}", f"/{PLANTED}", f"/audit?key={PLANTED}", f"/queue?asks={PLANTED}"]
    shown = [ada.get(page) for page in pages]
    assert "&lt;planted&gt;" in shown[0].text.partition('id="failed"')[2]
    shown += [ada.get("/queue/item", params={"key": one.key}) for one in [*some.values(), *songs[:2]]]

    for answer in shown:
        assert answer.status_code in (200, 404, 422), (str(answer.url), answer.text[:500])
        assert Found(answer.text).planted == [], str(answer.url)
    assert sum("&lt;planted&gt;" in answer.text for answer in shown) >= 6


def test_no_preview_of_a_file_takes_its_words_for_its_own(planted: DeskPlace) -> None:
    registry, now = planted.state.registry, planted.state.clock()
    one = curation.page(registry, Where(layer="S"), now=now).items[0]
    rows = [
        Decision(
            "S", one.name, one.nna_address, one.source_hash, Verdict.EDIT, PLANTED, PLANTED, PLANTED, now
        ),
        Decision("S", PLANTED, PLANTED, PLANTED, Verdict.APPROVE, None, None, PLANTED, now),
    ]
    text = write_csv(rows) + f"{PLANTED},x\r\n"

    preview = planted.curator.client.post(
        "/decisions/import",
        data={"csrf_token": planted.curator.csrf},
        files={"file": (f"{PLANTED}.csv", text.encode())},
    )

    assert preview.status_code == 200
    assert Found(preview.text).planted == []
    assert "&lt;planted&gt;" in preview.text
