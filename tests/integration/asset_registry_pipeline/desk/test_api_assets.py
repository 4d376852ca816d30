"""The registry's own side over HTTP: reading, registering, changing and searching the assets of development."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, MaxKey, ObjectId, Regex, Timestamp
from bson.code import Code
from bson.raw_bson import RawBSONDocument

from asset_registry_pipeline.stores import codec
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.api_world import data, fault, new, register
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, desk_over

ALBUM_ART = {
    "url": "https://art.example/1.jpg",
    "sourceUrl": None,
    "source": "Manual",
    "quality": "High",
    "uploadedAt": "2026-01-02T03:04:05.678901+00:00",
    "contentType": "image/jpeg",
    "size": 1,
    "dimensions": {"width": 1, "height": 1},
}


@pytest.fixture(scope="module")
def shared(make_shared_world: Callable[..., World]) -> Iterator[DeskPlace]:
    """A desk over one world for all tests of this module; each makes its own assets."""
    with desk_over(make_shared_world(layers=dict.fromkeys("SLWMGC", 12))) as place:
        yield place


@pytest.fixture(scope="module")
def assets(shared: DeskPlace) -> Any:
    """Development's assets, as the database has them."""
    return shared.state.registry.development._database["assets"].with_options(codec.OPTIONS)


@pytest.fixture(scope="module")
def api(shared: DeskPlace) -> Any:
    """A curator's program."""
    return shared.api("cora")


def test_a_registered_asset_is_read_as_it_was_given_with_what_the_registry_adds(
    api: Any, assets: Any
) -> None:
    given = new(
        creatorDescription='Bright & "loud" 🎤', tags=["Pop"], albumArt=ALBUM_ART, description="It shines."
    )
    made = api.post("/api/assets", json=given)
    assert made.status_code == 201, made.text
    found = data(api.get(made.headers["Location"]))
    assert data(made, 201) == found
    assert found | given | {"albumArt": found["albumArt"]} == found
    assert found["albumArt"]["uploadedAt"] == "2026-01-02T03:04:05.678Z"
    assert (found["category"], found["subcategory"], found["aiMetadata"], found["__v"]) == (
        "Pop",
        "Base",
        None,
        0,
    )
    stored = assets.find_one({"_id": ObjectId(found["_id"])})
    assert stored["albumArt"]["uploadedAt"] == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert stored["registeredBy"] == "cora"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"nna_address": "S.001.002.1234"}, "nna_address", "in the taxonomy"),
        ({"layer": "L"}, "nna_address", "layer, name and address do not say the same"),
        ({"name": "S.POP.ZZZ.001"}, "name", "no subcategory with the code 'ZZZ'"),
        ({"name": "S.POP.BAS.1\n"}, "nna_address", "form"),
        ({"category": "Rock"}, "category", "another than the name's code says"),
        ({"subcategory": "BAS"}, "subcategory", "a code where the name of a category belongs"),
        ({"creatorDescription": "x" * 501}, "body.creatorDescription", "500"),
        ({"creatorDescription": "G.POP.BAS.001"}, "creatorDescription", "a name where words belong"),
        ({"albumArt": ALBUM_ART | {"size": -1}}, "body.albumArt.AlbumArt.size", "greater"),
        ({"albumArt": ALBUM_ART | {"more": 1}}, "body.albumArt.AlbumArt.more", "Extra"),
        ({"aiMetadata": {"confidence": 1.5}}, "body.aiMetadata.confidence", "less"),
        ({"aiMetadata": {"0": "{", "1": "}"}}, "body.aiMetadata.0", "Extra"),
        ({"trainingData": "{prompts"}, "trainingData", "a string that should hold a JSON object does not"),
        ({"components": ["S.001.001.001", "L.001.001.001"]}, "components", "only assets of layer C have some"),
        ({"componentAnalysis": {"totalComponents": 2}}, "body.componentAnalysis.layerBreakdown", "required"),
        ({"_id": "5f"}, "_id", "only the registry gives it"),
        ({"registeredBy": "a@b.example"}, "registeredBy", "only the registry gives it"),
        ({"language": "klingon"}, "language", "no such field"),
        ({"$where": "1"}, "$where", "no such field"),
        ({"tags": "pop"}, "body.tags", "list"),
        ({"description": 5}, "body.description", "string"),
    ],
)  # fmt: skip
def test_an_asset_that_breaks_a_rule_is_refused_with_the_field(
    api: Any, assets: Any, fields: dict[str, Any], field: str, words: str
) -> None:
    given = new() | fields
    error = fault(api.post("/api/assets", json=given), 422)
    assert error["code"] == "invalid"
    told = [one["message"] for one in error["details"] if one["field"] == field]
    assert told, error["details"]
    assert any(words in one for one in told), told
    assert assets.count_documents({"name": given["name"]}) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400), (b"[]", 400), (b"null", 400), (b'{"layer":NaN}', 400), (b'{"a":1,"a":2}', 400),
        (b'{"layer":"\xff"}', 400), (b'{"layer":"\\ud800"}', 400), (b'{"size":99999999999999999999}', 400),
        (b'{"x":' + b"9" * 5000 + b"}", 400), (b'{"a\\u0000":1}', 400), (b"", 422),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, 400), (b'{"a":' * 95 + b"1" + b"}" * 95, 400),
        (b'{"description":"' + b"x" * 3_000_000 + b'"}', 413),
    ],
)  # fmt: skip
def test_a_body_that_no_document_could_hold_is_refused_clearly(api: Any, body: bytes, status: int) -> None:
    answer = api.post("/api/assets", content=body, headers={"Content-Type": "application/json"})
    assert fault(answer, status)["message"]


def test_a_body_of_another_type_is_refused(api: Any) -> None:
    answer = api.post("/api/assets", data={"layer": "S"})
    assert fault(answer, 415)["code"] == "unsupported_media_type"


def test_a_name_is_given_once_even_to_two_at_the_same_moment(shared: DeskPlace, assets: Any) -> None:
    given = new()
    clients = [shared.api(name) for name in ("cora", "carl", "ada")] * 2
    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(lambda client: client.post("/api/assets", json=given), clients)]
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert {fault(answer, 409)["code"] for answer in answers if answer.status_code == 409} == {"taken"}
    assert assets.count_documents({"name": given["name"]}) == 1


def test_a_name_that_staging_has_comes_by_the_migration_only(api: Any, shared: DeskPlace) -> None:
    (raw,) = shared.state.registry.staging.page("S", skip=0, limit=1)
    source = codec.decode(raw)
    given = {"layer": "S", "name": source["name"], "nna_address": source["nna_address"]}
    error = fault(api.post("/api/assets", json=given), 409)
    assert error["code"] == "reserved"
    assert "/api/migration/development/asset" in error["message"]


def test_a_composite_is_built_from_components_that_development_has(api: Any) -> None:
    star, look = (data(register(api, layer, tags=["Pop"]), 201) for layer in "SL")
    made = data(register(api, "C", components=[star["nna_address"], look["name"]]), 201)
    analysis = made["componentAnalysis"]
    assert analysis["totalComponents"] == 2
    assert analysis["layerBreakdown"] == {"G": 0, "S": 1, "L": 1, "M": 0, "W": 0}
    assert analysis["compatibilityScore"] is None


@pytest.mark.parametrize(
    ("components", "words"),
    [
        (["{star}", "W.001.001.999"], "W.001.001.999: not in staging"),
        (["{star}"], "1 components, 2 to 10 allowed"),
        (["{star}", "{star}"], "the same component twice"),
        (["{star}", "{name}"], "the same component twice"),
        (["{star}", "C.001.001.001"], "a composite inside a composite"),
        ([], "0 components"),
    ],
)
def test_a_composite_whose_references_lead_nowhere_is_refused(
    api: Any, components: list[str], words: str
) -> None:
    star = data(register(api), 201)
    listed = [one.format(star=star["nna_address"], name=star["name"]) for one in components]
    error = fault(api.post("/api/assets", json=new("C", components=listed)), 422)
    assert words in error["message"]


def test_a_composite_is_built_from_what_its_name_says(api: Any) -> None:
    star, look, other = (data(register(api, layer), 201)["nna_address"] for layer in "SLS")
    given = new("C", components=[star, look])
    differs = given | {"name": f"{given['name']}:{star}:{other}"}
    assert "list different components" in fault(api.post("/api/assets", json=differs), 422)["message"]
    agrees = given | {"name": f"{given['name']}:{look}:{star}", "components": []}
    assert data(api.post("/api/assets", json=agrees), 201)["componentAnalysis"]["totalComponents"] == 2


def test_only_the_version_that_was_read_can_be_changed(api: Any, assets: Any) -> None:
    made = register(api)
    path, read = made.headers["Location"], made.headers["ETag"]
    words = {"creatorDescription": "First"}
    assert fault(api.patch(path, json=words), 428)["code"] == "precondition_required"
    assert fault(api.patch(path, json=words, headers={"If-Match": "*"}), 428)
    changed = api.patch(path, json=words, headers={"If-Match": read})
    assert data(changed)["creatorDescription"] == "First"
    late = api.patch(path, json={"creatorDescription": "Second"}, headers={"If-Match": read})
    assert fault(late, 412)["code"] == "precondition_failed"
    assert late.headers["ETag"] == changed.headers["ETag"] == api.get(path).headers["ETag"]
    assert fault(api.patch(path, json=words, headers={"If-Match": f"W/{late.headers['ETag']}"}), 412)
    assert assets.find_one({"name": data(made, 201)["name"]})["creatorDescription"] == "First"


def test_of_many_changes_of_one_version_at_the_same_moment_one_is_made(shared: DeskPlace, api: Any) -> None:
    made = register(api)
    path, headers = made.headers["Location"], {"If-Match": made.headers["ETag"]}

    def change(number: int) -> Any:
        return shared.api("carl").patch(
            path, json={"creatorDescription": f"Number {number}"}, headers=headers
        )

    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(change, range(6))]
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 5]
    won = next(answer for answer in answers if answer.status_code == 200)
    found = data(api.get(path))
    assert found == data(won)
    assert found["__v"] == 1


def test_what_a_change_does_not_name_stays_byte_for_byte(api: Any, assets: Any) -> None:
    strange = {"a": Decimal128("1.10"), "b": [Int64(5), 5, 5.0], "c": Timestamp(1, 2)}
    identifier = ObjectId()
    assets.insert_one({"_id": identifier, **new(), "strange": strange, "__v": Int64(7)})
    path = f"/api/assets/{identifier}"
    read = api.get(path).headers["ETag"]
    assert data(api.patch(path, json={"tags": ["x"]}, headers={"If-Match": read}))["tags"] == ["x"]
    stored = assets.find_one({"_id": identifier})
    assert codec.same_bytes(stored["strange"], strange)
    assert codec.same_bytes(stored["__v"], Int64(8))


def test_put_takes_an_asset_as_it_was_read_and_empties_what_is_left_out(shared: DeskPlace) -> None:
    api = shared.api("cora")
    made = register(api, description="Old", creatorDescription="Words", albumArt="https://art.example/a.jpg")
    path = made.headers["Location"]
    same = api.put(path, json=data(made, 201), headers={"If-Match": made.headers["ETag"]})
    assert same.headers["ETag"] == made.headers["ETag"]
    identity = {name: data(made, 201)[name] for name in ("layer", "name", "nna_address")}
    shorter = api.put(path, json=identity, headers={"If-Match": made.headers["ETag"]})
    found = data(shorter)
    assert (found["description"], found["creatorDescription"], found["albumArt"]) == (None, None, None)
    assert found["updatedAt"] > found["createdAt"]
    for changed in ({"name": new()["name"]}, {"updatedAt": "2020-01-01T00:00:00Z"}, {"_id": "6" * 24}):
        answer = api.put(path, json=found | changed, headers={"If-Match": shorter.headers["ETag"]})
        assert [*changed] == [one["field"] for one in fault(answer, 422)["details"]]


def test_an_asset_is_not_deleted(api: Any) -> None:
    path = register(api).headers["Location"]
    assert fault(api.delete(path), 405)
    assert data(api.get(path))


def test_nobody_is_shown_an_address_and_what_is_sent_back_as_read_changes_none(
    shared: DeskPlace, api: Any, assets: Any
) -> None:
    identifier, words = ObjectId(), "Ask jane.doe@label.example"
    addresses = {"registeredBy": "jane.doe@label.example", "contacts": {"jane.doe@label.example": words}}
    assets.insert_one({"_id": identifier, **new(), **addresses, "description": words, "tags": ["a"]})
    path = f"/api/assets/{identifier}"
    assert "jane.doe" not in shared.api("eddi").get(path).text
    assert "jane.doe" not in api.get("/api/assets/search", params={"tags": "a", "limit": 100}).text
    read = api.get(path)
    shown = data(read)
    assert (shown["registeredBy"], shown["contacts"]) == (
        "j***@label.example",
        {"j***@label.example": "Ask j***@label.example"},
    )
    # What a curator may change has to be sent back as it is, or its mask would be stored in its place.
    assert shown["description"] == words
    changed = api.put(path, json=shown | {"tags": ["b"]}, headers={"If-Match": read.headers["ETag"]})
    assert data(changed)["tags"] == ["b"]
    stored = assets.find_one({"_id": identifier})
    assert {name: stored[name] for name in addresses} == addresses
    assert stored["description"] == words


def test_what_is_wrong_is_told_without_addresses(api: Any, assets: Any) -> None:
    named = new() | {"name": "jane.doe@label.example"}
    identifier = assets.insert_one(named).inserted_id
    read = api.get(f"/api/assets/{identifier}").headers["ETag"]
    answer = api.patch(f"/api/assets/{identifier}", json={"name": new()["name"]}, headers={"If-Match": read})
    assert "never changes" in fault(answer, 422)["details"][0]["message"]
    assert "jane" not in answer.text


def test_editors_read_and_do_not_write(shared: DeskPlace, api: Any) -> None:
    editor, path = shared.api("eddi"), register(api).headers["Location"]
    read = {"If-Match": editor.get(path).headers["ETag"]}
    for answer in (
        editor.post("/api/assets", json=new()),
        editor.patch(path, json={"tags": []}, headers=read),
        editor.put(path, json=new(), headers=read),
    ):
        assert fault(answer, 403)["code"] == "forbidden"


def test_without_a_token_nothing_is_told_not_even_what_is_wrong(shared: DeskPlace) -> None:
    stranger = shared.visitor().client
    for method, path in (
        ("get", "/api/assets/x"),
        ("post", "/api/assets"),
        ("get", "/api/assets/search?page=x"),
    ):
        answer = stranger.request(method, path, content=b"{" if method == "post" else None)
        assert fault(answer, 401)["code"] == "unauthorized"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


STRANGE: dict[str, Any] = {
    "decimal": Decimal128("1.5"), "binary": Binary(b"\x00\xff"), "regex": Regex("a.*", "i"), "stamp": Timestamp(1, 2),
    "code": Code("f()", {"x": ObjectId("6" * 24)}), "max": MaxKey(), "nan": float("nan"), "endless": float("-inf"),
    "large": Int64(2**62), "nested": {"$ne": [{"a.b": None}]}, "empty": {"": ""},
}  # fmt: skip


@pytest.mark.parametrize(
    ("identifier", "written"),
    [
        (5, "int:5"), (Int64(6), "Int64:6"), ("by name", "str:'by name'"), ("a/b?c#d", "str:'a/b?c#d'"),
        ("7" * 24, f"str:'{'7' * 24}'"), (1.5, "float:1.5"), (None, "NoneType:None"), (True, "bool:True"),
        ({"a": 1}, "dict:{'a': 1}"), ("it's", 'str:"it\'s"'),
    ],
)  # fmt: skip
def test_an_asset_with_an_unusual_id_and_values_is_read_and_changed(
    api: Any, assets: Any, identifier: Any, written: str
) -> None:
    from urllib.parse import quote

    assets.insert_one({"_id": identifier, **new(), **STRANGE})
    path = f"/api/assets/{quote(written, safe='')}"
    answer = api.get(path)
    found = data(answer)
    assert found["_id"] == written
    assert found["decimal"] == {"$numberDecimal": "1.5"}
    assert found["nan"] == {"$numberDouble": "NaN"}
    assert found["code"] == {"$code": "f()", "$scope": {"x": {"$oid": "6" * 24}}}
    assert found["large"] == 2**62
    changed = api.patch(path, json={"tags": ["new"]}, headers={"If-Match": answer.headers["ETag"]})
    assert data(changed)["tags"] == ["new"]
    assert assets.find_one({"_id": identifier})["tags"] == ["new"]


@pytest.mark.parametrize(
    "identifier", ["x", "6" * 24, "int:", "str:'", "int:05", "dict:{", "a/b", "%00", "é", "[" * 250]
)
def test_an_id_that_nothing_has_is_not_found(api: Any, identifier: str) -> None:
    assert fault(api.get(f"/api/assets/{identifier}"), 404)["code"] == "not_found"


def test_a_document_that_cannot_be_decoded_is_named_and_not_sent(api: Any, assets: Any) -> None:
    raw = bytearray(codec.encode({"_id": ObjectId(), "name": "broken-name-x", "text": "zz"}))
    raw[raw.index(b"zz") : raw.index(b"zz") + 2] = b"\xff\xfe"
    assets.insert_one(RawBSONDocument(bytes(raw)))
    assert fault(api.get(f"/api/assets/{codec.item_of(bytes(raw))}"), 409)["code"] == "unreadable"
    listed = data(api.get("/api/assets/search", params={"limit": 100}))
    assert codec.item_of(bytes(raw)) in [one["_id"] for one in listed["items"]]


def test_a_very_large_document_is_read_and_refused_to_be_changed(api: Any, assets: Any) -> None:
    identifier = ObjectId()
    assets.insert_one({"_id": identifier, **new(), "description": "x" * 16_500_000, "tags": ["t"] * 5_000})
    path = f"/api/assets/{identifier}"
    answer = api.get(path)
    assert len(data(answer)["description"]) == 16_500_000
    for change in ({"tags": []}, {"description": "short"}):
        refused = api.patch(path, json=change, headers={"If-Match": answer.headers["ETag"]})
        assert fault(refused, 413)["code"] == "too_large"
    assert len(api.get("/api/assets/search", params={"tags": "t"}).content) < 100_000
    assets.delete_one({"_id": identifier})
