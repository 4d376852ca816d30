"""Searching development's assets over HTTP, before the text index is there and with it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asset_registry_pipeline.stores import codec
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.api_world import data, fault, register
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, desk_over


@pytest.fixture(scope="module")
def shared(make_shared_world: Callable[..., World]) -> Iterator[DeskPlace]:
    """A desk over one world for all tests of this module; each makes its own assets."""
    with desk_over(make_shared_world(layers=dict.fromkeys("SLWMGC", 2), dirt=False)) as place:
        yield place


@pytest.fixture(scope="module")
def assets(shared: DeskPlace) -> Any:
    """Development's assets, as the database has them."""
    return shared.state.registry.development._database["assets"].with_options(codec.OPTIONS)


@pytest.fixture(scope="module")
def api(shared: DeskPlace) -> Any:
    """A curator's program."""
    return shared.api("cora")


def found(api: Any, **asked: Any) -> list[str]:
    return [one["name"] for one in data(api.get("/api/assets/search", params=asked))["items"]]


@pytest.fixture(params=["scan", "index"])
def how(request: Any, shared: DeskPlace, assets: Any) -> Iterator[str]:
    if request.param == "index":
        registry = shared.state.registry
        registry.development.begin_text_index(registry.settings.development_uri)
        registry.development.await_indexes()
    yield request.param
    if request.param == "index":
        assets.drop_index("migration_text")


def test_words_are_found_in_what_the_creator_said(api: Any, how: str) -> None:
    word = f"xylophone{how}"
    made = data(register(api, creatorDescription=f"A {word}, and a fiddle"), 201)
    assert found(api, q=word) == [made["name"]]
    answer = api.get("/api/assets/search", params={"q": word.upper()})
    assert answer.headers["X-Search"] == how
    assert data(answer)["total"] == 1
    assert found(api, q=word, layer="L") == []


@pytest.mark.parametrize("q", ["(((", "$where", "a" * 200, '"', "-", "\x00", "*", "...", "{$ne:1}", "-xyz"])
def test_no_words_break_it(api: Any, how: str, q: str) -> None:
    assert api.get("/api/assets/search", params={"q": q}).status_code == 200


def test_filters_hold_together(api: Any) -> None:
    with_art = data(register(api, tags=["filters", "a"], albumArt="https://art.example/a.jpg"), 201)
    without = data(register(api, tags=["filters", "b"]), 201)
    look = data(register(api, "L", tags=["filters"]), 201)
    names = [one["name"] for one in (with_art, without, look)]
    assert found(api, tags="filters") == names
    assert found(api, tags=["filters", "a"]) == [names[0]]
    assert found(api, tags="filters", hasAlbumArt=True) == [names[0]]
    assert found(api, tags="filters", hasAlbumArt=False) == names[1:]
    assert found(api, tags="filters", layer="L") == [names[2]]
    assert found(api, tags="filters", category="Pop", subcategory="Base") == names[:2]


def test_pages_hold_every_asset_once(api: Any) -> None:
    names = [data(register(api, tags=["paged"]), 201)["name"] for _ in range(5)]
    pages = [
        data(api.get("/api/assets/search", params={"tags": "paged", "limit": 2, "page": n}))
        for n in (1, 2, 3, 4)
    ]
    assert [one["name"] for page in pages for one in page["items"]] == names
    assert {(page["total"], page["totalPages"], page["limit"]) for page in pages} == {(5, 3, 2)}
    assert [page["page"] for page in pages] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "asked",
    ["limit=0", "limit=101", "page=0", "page=10001", "page=9000&limit=100", "layer=SS", "hasAlbumArt=x"],
)
def test_what_cannot_be_asked_is_refused(api: Any, asked: str) -> None:
    assert fault(api.get(f"/api/assets/search?{asked}"), 422)
