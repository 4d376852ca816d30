"""The migration's endpoints over HTTP: staging to look at, decisions that go through the gates, the queue, progress."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from bson import ObjectId

from asset_registry_pipeline.desk.api import replies
from asset_registry_pipeline.desk.api.throttle import ReadLimit
from asset_registry_pipeline.desk.api.writing import key_in_store
from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.steps.curation.claiming import claim, release
from asset_registry_pipeline.steps.curation.refreshing import refresh
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.api_world import data, fault
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, desk_over

ASSET = "/api/migration/development/asset"


@pytest.fixture(scope="module")
def world(make_shared_world: Callable[..., World]) -> World:
    """A world whose stars a curator has to look at, each of them, and nobody has yet."""
    world = make_shared_world(layers=dict.fromkeys("SLWMGC", 2) | {"S": 60}, dirt=False)
    world.environment["REGISTRY_DECISIONS"] = ""
    world.use_profile(curation={"components": "required", "songs": "required", "composites": "none"})
    with world.steps() as steps:
        for layer in "SG":
            steps.plan(layer)
            refresh(steps.registry, layer)
    return world


@pytest.fixture(scope="module")
def desk(world: World) -> Iterator[DeskPlace]:
    """A desk for all tests of this module; each decides about assets of its own."""
    with desk_over(world) as place:
        object.__setattr__(place.state, "read_limit", ReadLimit(world.development, reads_a_minute=10_000))
        yield place


@pytest.fixture(scope="module")
def api(desk: DeskPlace) -> Any:
    """A curator's program."""
    return desk.api("cora")


@pytest.fixture(scope="module")
def opened(api: Any) -> Iterator[dict[str, Any]]:
    """The items of the queue, one after the other."""
    return iter(data(api.get("/api/migration/queue/S", params={"limit": 100}))["items"])


@pytest.fixture
def star(opened: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """An item of the queue that no other test asks about."""
    return next(opened)


@pytest.fixture
def decided(star: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """What a program sends to decide about this test's item."""

    def body(**fields: Any) -> dict[str, Any]:
        said = {"id": star["item"], "decision": "approve", "sourceHash": star["sourceHash"], "revision": 0}
        return said | fields

    return body


class TestDecisions:
    """The planned writing endpoints: they decide, and never write an asset."""

    def test_a_decision_is_stored_and_tells_what_will_be_planned_and_where_to_look(
        self, api: Any, star: Any, decided: Any, world: World
    ) -> None:
        answer = api.post(ASSET, json=decided(decision="edit", creatorDescription="A voice of gold."))
        said = data(answer, 202)
        assert said["planned"]["creatorDescription"] == "A voice of gold."
        assert said["revision"] == 1
        assert answer.headers["Location"] == said["follow"]["item"]
        item = data(api.get(answer.headers["Location"]))
        assert item["item"]["state"] == "decided"
        assert item["decision"]["creatorDescription"] == "A voice of gold."
        assert data(api.get(said["follow"]["progress"]))["layer"] == "S"
        assert world.development["assets"].count_documents({}) == 0
        assert (
            world.development["migration_audit"].count_documents({"key": star["key"], "act": "decided"}) == 1
        )

    @pytest.mark.parametrize("by", ["item", "name", "nna_address", "key"])
    def test_an_asset_is_named_by_id_name_address_or_key(
        self, api: Any, star: Any, decided: Any, by: str
    ) -> None:
        assert data(api.post(ASSET, json=decided(id=star[by])), 202)["key"] == star["key"]

    def test_a_source_that_changed_since_is_asked_again(
        self, api: Any, star: Any, decided: Any, world: World
    ) -> None:
        world.staging["assets"].update_one({"name": star["name"]}, {"$set": {"description": "Changed."}})
        error = fault(
            api.post(ASSET, json=decided(creatorDescription="Words that stay.", decision="edit")), 409
        )
        assert error["code"] == "source_changed"
        assert error["details"]["new"]["description"] == "Changed."
        assert "***@" in error["details"]["new"]["registeredBy"]
        assert error["details"]["draft"]["creatorDescription"] == "Words that stay."
        again = decided(sourceHash=error["details"]["sourceHash"])
        assert data(api.post(ASSET, json=again), 202)["revision"] == 1

    def test_what_another_has_claimed_or_decided_stays_theirs(
        self, api: Any, desk: DeskPlace, star: Any, decided: Any
    ) -> None:
        carl = desk.api("carl")
        until = data(carl.post("/api/migration/claims", json={"id": star["item"]}))["until"]
        error = fault(api.post(ASSET, json=decided(decision="reject", reason="Mine")), 409)
        assert error["code"] == "claimed_by_another"
        assert error["details"]["draft"]["reason"] == "Mine"
        assert fault(api.post("/api/migration/claims", json={"id": star["item"]}), 409)
        assert data(carl.put(f"/api/migration/claims/{star['item']}"))["until"] >= until
        assert data(carl.post(ASSET, json=decided()), 202)
        late = api.post(ASSET, json=decided(decision="reject", reason="Mine"))
        assert fault(late, 409)["code"] == "already_decided"

    def test_another_decision_takes_the_place_of_the_one_that_was_seen(
        self, api: Any, star: Any, decided: Any
    ) -> None:
        path = f"{ASSET}/{quote(star['key'], safe='')}"
        first = decided(decision="edit", creatorDescription="First words.")
        body = {name: value for name, value in first.items() if name != "id"}
        assert data(api.put(path, json=body), 202)["revision"] == 1
        second = body | {"creatorDescription": "Second words.", "revision": 1}
        changed = data(api.put(path, json=second), 202)
        item = data(api.get(f"/api/migration/item/{star['item']}"))
        assert item["decision"]["creatorDescription"] == "Second words."
        assert "First words." in [each["decision"]["creatorDescription"] for each in item["history"]]
        assert data(api.put(path, json=second), 202)["repeated"] is True
        assert (
            fault(api.put(path, json=second | {"creatorDescription": "Third."}), 409)["code"]
            == "already_decided"
        )
        back = api.delete(
            f"/api/migration/decisions/{star['item']}", params={"revision": changed["revision"]}
        )
        assert data(back)["item"]["state"] == "open"

    @pytest.mark.parametrize(
        "fields",
        [
            {"decision": "maybe"}, {"sourceHash": "x"}, {"sourceHash": None}, {"revision": -1}, {"revision": "1"},
            {"creatorDescription": "x" * 501, "decision": "edit"}, {"more": 1}, {"decision": "edit"},
            {"creatorDescription": "S.POP.BAS.001", "decision": "edit"}, {"title": {"songName": " "}},
            {"albumArt": {"verdict": "accept"}}, {"facts": {}}, {"facts": {"bpm": 1}},
            {"albumArt": {"verdict": "replace", "url": "http://x.example/a.jpg", "source": "Manual"}},
        ],
    )  # fmt: skip
    def test_a_decision_that_cannot_be_used_is_refused(
        self, api: Any, decided: Any, star: Any, fields: dict[str, Any]
    ) -> None:
        assert fault(api.post(ASSET, json=decided(**fields)), 422)["message"]
        assert data(api.get(f"/api/migration/item/{star['item']}"))["decision"] is None

    def test_what_no_plan_has_asked_about_is_not_found(self, api: Any, decided: Any) -> None:
        for unknown in ("0" * 24, "C.FUL.POP.001", "nobody", "S|x|y"):
            assert fault(api.post(ASSET, json=decided(id=unknown)), 404)["code"] == "not_found"

    def test_a_song_takes_title_picture_and_facts(self, api: Any) -> None:
        song = data(api.get("/api/migration/queue/G"))["items"][0]
        body = {
            "id": song["item"], "decision": "edit", "sourceHash": song["sourceHash"], "revision": 0,
            "creatorDescription": "Anxiety by Doechii.", "title": {"songName": "Anxiety", "artistName": "Doechii"},
            "albumArt": {"verdict": "refuse"}, "facts": {"bpm": 120, "mood": "calm"},
        }  # fmt: skip
        said = data(api.post(ASSET, json=body), 202)["decision"]
        assert said["title"] == {"songName": "Anxiety", "albumName": None, "artistName": "Doechii"}
        assert said["albumArt"]["verdict"] == "refuse"
        assert said["facts"]["bpm"] == 120


class TestRepeated:
    """Requests that come twice."""

    def test_an_equal_one_gets_the_same_answer_and_another_is_refused(
        self, api: Any, desk: DeskPlace, decided: Any
    ) -> None:
        headers, body = {"Idempotency-Key": f"key-{ObjectId()}"}, decided(reason="Once")
        first = api.post(ASSET, json=body, headers=headers)
        again = api.post(ASSET, json=body, headers=headers)
        assert (first.status_code, first.text) == (202, again.text)
        assert (first.headers["Location"], again.headers["Idempotent-Replayed"]) == (
            again.headers["Location"],
            "true",
        )
        assert (
            fault(api.post(ASSET, json=body | {"reason": "Twice"}, headers=headers), 422)["code"]
            == "idempotency_key_reused"
        )
        # The key is its sender's: another person's request is another one.
        assert (
            fault(desk.api("carl").post(ASSET, json=body, headers=headers), 409)["code"] == "already_decided"
        )
        assert fault(api.post(ASSET, json=body, headers={"Idempotency-Key": "x" * 201}), 422)

    def test_two_at_the_same_moment_write_once(
        self, desk: DeskPlace, world: World, decided: Any, star: Any
    ) -> None:
        headers, body = {"Idempotency-Key": f"key-{ObjectId()}"}, decided()
        clients = [desk.api("cora") for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            answers = [*pool.map(lambda each: each.post(ASSET, json=body, headers=headers), clients)]
        assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
        assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
        assert world.development["migration_audit"].count_documents({"key": star["key"]}) == 1

    def test_an_answer_that_was_lost_after_the_write_is_given_again(
        self, api: Any, world: World, decided: Any, star: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        headers, body = {"Idempotency-Key": f"key-{ObjectId()}"}, decided()
        with monkeypatch.context() as patch:
            patch.setattr(replies, "as_response", lambda *_: 1 / 0)
            fault(api.post(ASSET, json=body, headers=headers), 500)
        again = api.post(ASSET, json=body, headers=headers)
        assert data(again, 202)["repeated"] is False
        assert again.headers["Idempotent-Replayed"] == "true"
        assert world.development["migration_audit"].count_documents({"key": star["key"]}) == 1

    def test_one_whose_process_died_before_the_commit_waits_for_the_server_to_end_it_and_is_then_made(
        self, api: Any, world: World, decided: Any, star: Any
    ) -> None:
        key = f"key-{ObjectId()}"
        rows, client = world.development["migration_api_requests"], world.development.client

        def in_vain() -> int:
            return int(client.admin.command("serverStatus")["transactions"]["totalAborted"])

        with client.start_session() as of_the_dead, ThreadPoolExecutor(1) as pool:
            of_the_dead.start_transaction()
            rows.insert_one({"_id": key_in_store("cora", key)}, session=of_the_dead)
            before = in_vain()
            sent = pool.submit(api.post, ASSET, json=decided(), headers={"Idempotency-Key": key})
            while in_vain() == before:
                assert not sent.done()
            assert not sent.done()
            of_the_dead.abort_transaction()  # as the server does after `transactionLifetimeLimitSeconds`
            answer = sent.result(20)
        assert data(answer, 202)["repeated"] is False
        assert "Idempotent-Replayed" not in answer.headers
        assert world.development["migration_audit"].count_documents({"key": star["key"]}) == 1

    def test_one_that_was_refused_may_be_sent_again_with_its_key(
        self, api: Any, decided: Any, world: World
    ) -> None:
        key = f"key-{ObjectId()}"
        assert fault(api.post(ASSET, json=decided(revision=7), headers={"Idempotency-Key": key}), 409)
        assert data(api.post(ASSET, json=decided(), headers={"Idempotency-Key": key}), 202)
        assert (
            world.development["migration_api_requests"].index_information()["at_1"]["expireAfterSeconds"]
            == 86400
        )


class TestQueue:
    """The queue for programs."""

    def test_it_is_paged_without_gaps(self, api: Any) -> None:
        items, after, numbers = [], "", []
        while True:
            page = data(api.get("/api/migration/queue/S", params={"limit": 7, "after": after}))
            items += page["items"]
            numbers.append(page["page"])
            if page["next"] is None:
                break
            after = page["next"]
        assert numbers == [*range(1, len(numbers) + 1)]
        assert len({one["key"] for one in items}) == len(items) == page["total"]

    def test_of_two_who_claim_at_the_same_moment_nobody_gets_the_others(self, desk: DeskPlace) -> None:
        clients = [desk.api("cora"), desk.api("carl")] * 4
        with ThreadPoolExecutor(8) as pool:
            answers = [*pool.map(lambda each: data(each.post("/api/migration/queue/S/claim")), clients)]
        keys = [answer["item"]["key"] for answer in answers]
        assert len({*keys}) == len(keys)
        mine = data(desk.api("carl").get("/api/migration/queue/S", params={"mine": True, "state": "claimed"}))
        assert {one["claimedBy"] for one in mine["items"]} == {"carl"}
        for client, key in zip(clients, keys, strict=True):
            path = f"/api/migration/claims/{quote(key, safe='')}"
            assert data(client.delete(path, params={"note": "Not today"})) is None

    def test_a_claim_that_is_sent_twice_claims_once(self, api: Any) -> None:
        headers = {"Idempotency-Key": f"key-{ObjectId()}"}
        one, same = (api.post("/api/migration/queue/S/claim", headers=headers) for _ in range(2))
        assert one.text == same.text
        key = data(one)["item"]["key"]
        assert data(api.delete(f"/api/migration/claims/{quote(key, safe='')}")) is None

    def test_a_batch_is_approved_as_it_was_previewed(
        self, api: Any, opened: Iterator[dict[str, Any]]
    ) -> None:
        ids = [next(opened)["item"] for _ in range(3)]
        preview = data(api.post("/api/migration/batches", json={"ids": ids}))
        assert {one["item"] for one in preview["items"]} == {*ids}
        approved = data(api.post(f"/api/migration/batches/{preview['token']}"))
        assert len(approved["approved"]) == 3
        assert fault(api.post(f"/api/migration/batches/{'0' * 64}"), 404)

    def test_decisions_go_out_and_come_in_as_csv(self, api: Any, decided: Any) -> None:
        data(api.post(ASSET, json=decided(decision="edit", creatorDescription="=SUM(A1)")), 202)
        out = api.get("/api/migration/decisions", params={"layer": "S"})
        assert out.headers["Content-Type"].startswith("text/csv")
        assert "'=SUM(A1)" in out.text
        csv = {"Content-Type": "text/csv"}
        dry = data(api.post("/api/migration/decisions", content=out.content, headers=csv))
        assert dry["dryRun"] is True
        assert dry["refused"] == []
        assert (dry["added"], dry["replaced"]) == (0, 0)
        assert dry["unchanged"] > 0
        assert fault(api.post("/api/migration/decisions", content=b"a,b\n1,2", headers=csv), 422)
        assert fault(api.post("/api/migration/decisions", content=b"\xff", headers=csv), 400)
        assert fault(api.post("/api/migration/decisions", json={}), 415)

    def test_progress_is_in_the_plans_form(self, api: Any) -> None:
        found = data(api.get("/api/migration/progress"))
        assert [one["layer"] for one in found["items"]] == [*"SLWMGC"]
        assert found["items"][0] == {
            "layer": "S", "totalAssets": 60, "migratedAssets": 0, "failedAssets": 0, "status": "pending",
        }  # fmt: skip
        assert data(api.get("/api/migration/progress/S")) == found["items"][0]
        assert fault(api.get("/api/migration/progress/X"), 422)

    def test_overviews_and_retries_are_there_for_programs(self, api: Any, desk: DeskPlace) -> None:
        assert data(api.post("/api/migration/retry", json={"about": "S"}), 202)["layer"] == "S"
        assert fault(api.post("/api/migration/retry", json={"about": "nothing"}), 404)
        for path in ("held", "errors", "deciders"):
            assert isinstance(data(api.get(f"/api/migration/{path}")), list)
        assert fault(api.get("/api/migration/audit"), 403)
        entries = data(desk.api("ada").get("/api/migration/audit", params={"limit": 5}))["entries"]
        assert entries[0]["actor"] == "cora"

    def test_the_audit_log_shows_no_address_in_what_was_done_either(
        self, desk: DeskPlace, star: dict[str, Any]
    ) -> None:
        registry, now = desk.state.registry, desk.state.clock()
        claim(registry, Actor("jane.doe@label.example", Role.CURATOR), star["key"], now)
        release(registry, Actor("ada", Role.ADMIN), star["key"], None, now)
        answer = desk.api("ada").get("/api/migration/audit", params={"key": star["key"]})
        assert data(answer)["entries"][0]["detail"]["claimed_by"] == "j***@label.example"


WRITES = [
    ("POST", ASSET), ("PUT", f"{ASSET}/x"), ("DELETE", "/api/migration/decisions/x?revision=1"),
    ("POST", "/api/migration/retry"), ("POST", "/api/migration/decisions"), ("POST", "/api/migration/queue/S/claim"),
    ("POST", "/api/migration/claims"), ("PUT", "/api/migration/claims/x"), ("DELETE", "/api/migration/claims/x"),
    ("POST", "/api/migration/batches"), ("POST", f"/api/migration/batches/{'0' * 64}"),
    ("GET", "/api/migration/decisions"), ("GET", "/api/migration/audit"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_an_editor_decides_nothing(desk: DeskPlace, method: str, path: str, star: Any) -> None:
    bodies: dict[str, Any] = {
        ASSET: {"id": star["item"]}, "/api/migration/claims": {"id": star["item"]},
        "/api/migration/retry": {"about": "S"}, "/api/migration/batches": {"layer": "S"},
    }  # fmt: skip
    body = bodies.get(path, {}) | {"decision": "approve", "sourceHash": star["sourceHash"], "revision": 0}
    body = body if path.startswith(ASSET) else bodies.get(path)
    if path.startswith(f"{ASSET}/"):
        body = {name: value for name, value in (body or {}).items() if name != "id"}
    sent: dict[str, Any] = {"json": body} if body else {}
    if (method, path) == ("POST", "/api/migration/decisions"):
        sent = {"content": b"", "headers": {"Content-Type": "text/csv"}}
    assert fault(desk.api("eddi").request(method, path, **sent), 403)["code"] == "forbidden"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing", 404), ("DELETE", "/api/migration/progress", 405), ("GET", "/api/", 404)],
)
def test_what_the_framework_refuses_has_the_envelope_too(
    api: Any, method: str, path: str, status: int
) -> None:
    assert fault(api.request(method, path), status)["message"]
