"""Mapping files: what is read, and that nothing malformed is read as something."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.failures import PermanentError
from nabo_pipeline.media.mappings import assemble, parse_chats, parse_services, parse_users
from nabo_pipeline.stores.mapping_files import read_mappings

IDS = st.uuids(version=4).map(str)


def users(mapping, total=None):
    return json.dumps(
        {"metadata": {"total_mappings": len(mapping) if total is None else total}, "mapping": mapping}
    )


def services(*rows, successful=None):
    done = sum(bool(row.get("success")) for row in rows)
    count = done if successful is None else successful
    return json.dumps({"metadata": {"successful_creations": count}, "results": list(rows)})


ROW = {"original_id": "s1", "supabase_id": "s1", "title": "Klipp", "stylist_id": "p1", "success": True}


@given(st.dictionaries(IDS, IDS, min_size=1, max_size=20))
def test_every_mapping_that_is_written_is_read(mapping):
    assert parse_users(users(mapping)) == mapping


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_name(text):
    for parse, name in ((parse_users, "user-id-mapping.json"), (parse_services, "services-created.json")):
        refused = None
        try:
            parse(text)
        except PermanentError as error:
            refused = error.item
        assert refused in (None, name)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "malformed"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "malformed"),
        ("{}", "'mapping'"),
        (users({}), "holds 0 mappings"),
        (users({"a": "b"}, total=2), "total_mappings"),
        (users({"a": "a"}), "the entry of 'a'"),
        (users({"a": None}), "the entry of 'a'"),
        ('{"metadata": {}, "mapping": {"a": "b", "a": "c"}}', "twice"),
    ],
)
def test_a_wrong_user_mapping_is_refused_with_its_name(text, why):
    with pytest.raises(PermanentError, match=r"user-id-mapping\.json") as refused:
        parse_users(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (services(), "holds 0 mappings"),
        (services(ROW, successful=2), "successful_creations"),
        (services(ROW, ROW), "twice"),
        (services({**ROW, "stylist_id": ""}), "stylist_id"),
        (services({"original_id": "x"}), "a result is"),
    ],
)
def test_a_wrong_service_mapping_is_refused_with_its_name(text, why):
    with pytest.raises(PermanentError, match=r"services-created\.json") as refused:
        parse_services(text)
    assert why in str(refused.value)


def test_a_service_that_failed_to_migrate_has_no_mapping():
    failed = {"original_id": "s2", "success": False, "error": "no stylist"}
    assert set(parse_services(services(ROW, failed))) == {"s1"}


def test_a_missing_file_is_named():
    with pytest.raises(PermanentError, match=r"user-id-mapping.json: the mapping file is missing"):
        assemble(lambda name: None)


def test_a_file_that_cannot_be_read_is_named_and_not_taken_for_missing(tmp_path):
    (tmp_path / "user-id-mapping.json").write_bytes(b"bl\xe5b\xe6r")
    (tmp_path / "services-created.json").mkdir()
    for name in ("user-id-mapping.json", "services-created.json"):
        with pytest.raises(PermanentError, match=f"{name}: the mapping file cannot be read"):
            read_mappings(tmp_path)
        (tmp_path / "user-id-mapping.json").write_text(users({"a": "n"}))


def test_old_ids_that_share_a_new_one_are_known():
    texts = {
        "user-id-mapping.json": users({"a": "n", "b": "n", "c": "m"}),
        "services-created.json": services(
            ROW, {**ROW, "original_id": "s2"}, {**ROW, "supabase_id": "s3", "original_id": "s3"}
        ),
    }
    found = assemble(texts.get)
    assert found.shared_users == {"a", "b"}
    assert found.shared_services == {"s1", "s2"}


def test_chats_need_both_files():
    texts = {
        "user-id-mapping.json": users({"a": "n"}), "services-created.json": services(ROW), "chats-created.json": "{}",
    }  # fmt: skip
    with pytest.raises(PermanentError, match=r"chats-extracted.json"):
        assemble(texts.get)


def test_an_image_message_leads_from_its_file_to_its_sender():
    created = {
        "created_chats": [{"id": "c1"}],
        "created_messages": [{"id": "m1", "chat_id": "c1", "sender_id": "p1"}],
    }
    extracted = {
        "imageMessages": [{"message": {"id": "m1", "message": "https://host/a.jpg"}, "chat_id": "c1"}]
    }
    chats, images, shared = parse_chats(json.dumps(created), json.dumps(extracted))
    assert chats == {"c1"}
    assert images["c1", "a.jpg"].sender_id == "p1"
    assert shared == frozenset()


def test_a_file_that_two_messages_show_is_known_and_changes_the_fingerprint():
    messages = [{"id": name, "chat_id": "c1", "sender_id": f"by {name}"} for name in ("m1", "m2")]
    created = json.dumps({"created_chats": [{"id": "c1"}], "created_messages": messages})

    def read(*shown):
        rows = [{"message": {"id": one, "message": "a.jpg"}, "chat_id": "c1"} for one in shown]
        texts = {
            "user-id-mapping.json": users({"a": "n"}), "services-created.json": services(ROW),
            "chats-created.json": created, "chats-extracted.json": json.dumps({"imageMessages": rows}),
        }  # fmt: skip
        return assemble(texts.get)

    # The same message told twice is one message; one that was not migrated shows nothing.
    assert read("m1", "m1", "m3").shared_images == frozenset()
    assert read("m1", "m2").shared_images == {("c1", "a.jpg")}
    assert read("m1", "m2").fingerprint != read("m1").fingerprint


def test_the_fingerprint_follows_the_mapping():
    texts = {"user-id-mapping.json": users({"a": "n"}), "services-created.json": services(ROW)}
    other = texts | {"user-id-mapping.json": users({"a": "m"})}
    assert (
        assemble(texts.get).fingerprint == assemble(texts.get).fingerprint != assemble(other.get).fingerprint
    )
