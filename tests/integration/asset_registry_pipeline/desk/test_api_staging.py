"""Looking at staging over HTTP: read only, e-mail addresses masked, not too often."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson import Binary, ObjectId
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.desk.api.throttle import ReadLimit
from asset_registry_pipeline.steps.sources import decision_key
from asset_registry_pipeline.stores import codec
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.api_world import data, fault
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, desk_over


@pytest.fixture(scope="module")
def world(make_shared_world: Callable[..., World]) -> World:
    """A world of a few stars."""
    return make_shared_world(layers=dict.fromkeys("SLWMGC", 2) | {"S": 60}, dirt=False)


@pytest.fixture(scope="module")
def desk(world: World) -> Iterator[DeskPlace]:
    """A desk at which staging may be read as often as tests do."""
    with desk_over(world) as place:
        object.__setattr__(place.state, "read_limit", ReadLimit(world.development, reads_a_minute=10_000))
        yield place


@pytest.fixture(scope="module")
def api(desk: DeskPlace) -> Any:
    """A curator's program."""
    return desk.api("cora")


def test_a_layer_is_paged_through_with_every_address_masked_and_nothing_written(
    desk: DeskPlace, world: World
) -> None:
    client = desk.api("eddi")
    before = world.client.admin.command("top")["totals"]
    pages = [
        data(client.get("/api/migration/staging/assets/S", params={"limit": 25, "offset": offset}))
        for offset in (0, 25, 50, 75)
    ]
    after = world.client.admin.command("top")["totals"]
    items = [one for page in pages for one in page["items"]]
    assert len({one["id"] for one in items}) == 60
    assert [(page["page"], page["total"], page["totalPages"]) for page in pages] == [
        (number, 60, 3) for number in (1, 2, 3, 4)
    ]
    assert all("***@" in one["asset"]["registeredBy"] for one in items)
    assert "curator0" not in client.get("/api/migration/staging/assets/S").text
    own = [name for name in after if name.startswith(f"{world.staging.name}.")]
    for name in own:
        for act in ("insert", "update", "remove", "writeLock"):
            was = before.get(name, {}).get(act, {}).get("count", 0)
            assert after[name][act]["count"] == was, (name, act)


def test_one_document_is_read_with_the_hash_that_a_decision_has_to_name(api: Any, desk: DeskPlace) -> None:
    source = next(desk.state.registry.staging.read("S"))
    found = data(api.get(f"/api/migration/staging/asset/{source.item}"))
    assert (found["sourceHash"], found["key"]) == (source.source_hash, decision_key(source))
    assert found["asset"]["name"] == source.label


def test_what_cannot_be_shown_is_said_and_its_neighbours_are_shown(api: Any, world: World) -> None:
    identifiers = [ObjectId() for _ in range(3)]
    clean = {"layer": "W", "name": "W.x", "registeredBy": "someone@label.example"}
    raw = bytearray(codec.encode({"_id": identifiers[1], **clean, "description": "zz"}))
    raw[raw.index(b"zz") : raw.index(b"zz") + 2] = b"\xff\xfe"
    world.staging["assets"].insert_many(
        [
            {
                "_id": identifiers[0],
                **clean,
                "name": "W.y",
                "description": "x" * 300_000,
                "nna_address": "1",
            },
            RawBSONDocument(bytes(raw)),
            {
                "_id": identifiers[2],
                **clean,
                "name": "W.z",
                "deep": {"a": [Binary(b"1")]},
                "nna_address": "3",
            },
        ]
    )
    found = {one["id"]: one for one in data(api.get("/api/migration/staging/assets/W"))["items"]}
    large, broken, strange = (found[str(one)] for one in identifiers)
    assert "too many for a list" in large["why"]
    assert large["asset"] is None
    assert "utf-8" in broken["why"]
    assert strange["asset"]["deep"] == {"a": [{"$binary": {"base64": "MQ==", "subType": "00"}}]}
    alone = data(api.get(f"/api/migration/staging/asset/{identifiers[0]}"))
    assert len(alone["asset"]["description"]) == 300_000
    assert data(api.get(f"/api/migration/staging/asset/{identifiers[1]}"))["asset"] is None
    world.staging["assets"].delete_many({"_id": {"$in": identifiers}})


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("assets/X", 422), ("assets/S?limit=0", 422), ("assets/S?limit=101", 422), ("assets/S?offset=-1", 422),
        (f"assets/S?offset={10**30}", 422), ("assets/", 404), ("assets", 404), ("asset/x", 404),
        ("asset/" + "0" * 24, 404), ("asset/" + "x" * 1000, 422),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(api: Any, path: str, status: int) -> None:
    assert fault(api.get(f"/api/migration/staging/{path}"), status)


def test_it_cannot_be_read_too_often_over_all_processes(world: World) -> None:
    with desk_over(world) as one, desk_over(world) as another:
        for place in (one, another):
            object.__setattr__(place.state, "read_limit", ReadLimit(world.development, reads_a_minute=3))
        clients = [one.api("carl"), another.api("carl")] * 3
        with ThreadPoolExecutor(6) as pool:
            answers = [*pool.map(lambda each: each.get("/api/migration/staging/assets/S"), clients)]
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429, 429, 429]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert fault(refused, 429)["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert one.api("ada").get("/api/migration/staging/assets/S").status_code == 200
