"""What Supabase Storage keeps and gives back, through the real client."""

import hashlib
import io

import httpx
import pytest

_PNG = {"content-type": "image/png"}
_ALLOWED = "A-Z a_z!0.9/-*'()/ &$@=;:+,"


def test_what_is_uploaded_comes_back_byte_for_byte(bucket):
    content = bytes(range(256)) * 4000 + b"\r\n--boundary\r\n"
    bucket.upload("folder/blob.bin", content, {"content-type": "application/octet-stream"})
    assert hashlib.sha256(bucket.download("folder/blob.bin")).digest() == hashlib.sha256(content).digest()


def test_an_empty_object_is_an_object(bucket):
    bucket.upload("empty", b"", _PNG)
    assert bucket.download("empty") == b""
    assert bucket.info("empty")["size"] == 0


def test_a_file_and_a_stream_are_uploaded_like_bytes(bucket, tmp_path):
    path = tmp_path / "cat.png"
    path.write_bytes(b"picture" * 1000)
    bucket.upload("path", path, _PNG)
    with path.open("rb") as file:
        bucket.upload("file", file, _PNG)
    bucket.upload("buffer", io.BufferedReader(io.BytesIO(path.read_bytes())), _PNG)
    assert {bucket.download(name) for name in ("path", "file", "buffer")} == {path.read_bytes()}


def test_every_allowed_character_may_stand_in_a_key(bucket):
    bucket.upload(_ALLOWED, b"x", _PNG)
    assert bucket.download(_ALLOWED) == b"x"
    assert len(bucket.remove([_ALLOWED])) == 1


def test_an_upload_names_the_bucket_and_the_key(bucket):
    answer = bucket.upload("folder/cat.png", b"x", _PNG)
    assert (answer.path, answer.full_path) == ("folder/cat.png", f"{bucket.id}/folder/cat.png")


def test_the_type_is_what_the_uploader_says_not_what_the_bytes_are(bucket):
    bucket.upload("cat.png", b"this is no picture", _PNG)
    assert bucket.info("cat.png")["content_type"] == "image/png"


def test_the_default_type_is_plain_text(bucket):
    bucket.upload("cat.png", b"\x89PNG")
    assert bucket.info("cat.png")["content_type"] == "text/plain"


def test_info_tells_size_type_caching_and_own_metadata(bucket):
    bucket.upload("cat.png", b"12345", {**_PNG, "cache-control": "60", "metadata": {"source": "backup"}})
    info = bucket.info("cat.png")
    assert (info["name"], info["bucket_id"], info["size"]) == ("cat.png", bucket.id, 5)
    assert (info["content_type"], info["cache_control"]) == ("image/png", "max-age=60")
    assert info["metadata"] == {"source": "backup"}
    assert {"id", "version", "etag", "created_at", "last_modified"} <= set(info)


def test_an_upsert_replaces_the_content_and_keeps_the_object(bucket):
    bucket.upload("cat.png", b"old", _PNG)
    before = bucket.info("cat.png")
    bucket.upload("cat.png", b"newer", {**_PNG, "upsert": "true"})
    after = bucket.info("cat.png")
    assert bucket.download("cat.png") == b"newer"
    assert (after["id"], after["size"]) == (before["id"], 5)
    assert after["version"] != before["version"]


def test_an_update_replaces_the_content_too(bucket):
    bucket.upload("cat.png", b"old", _PNG)
    bucket.update("cat.png", b"new", _PNG)
    assert bucket.download("cat.png") == b"new"


def test_the_body_alone_is_an_upload_as_well(service, bucket):
    answer = service.ask(
        "POST", f"/object/{bucket.id}/raw.png", content=b"raw", headers={**_PNG, "cache-control": "max-age=5"}
    )
    assert answer.status_code == 200
    assert answer.json()["Key"] == f"{bucket.id}/raw.png"
    assert bucket.download("raw.png") == b"raw"
    assert bucket.info("raw.png")["cache_control"] == "max-age=5"


def test_a_part_of_an_object_can_be_read(service, bucket):
    bucket.upload("digits", b"0123456789")
    path = f"/object/{bucket.id}/digits"
    for wish, part, place in [("0-3", b"0123", "0-3"), ("7-", b"789", "7-9"), ("-2", b"89", "8-9")]:
        answer = service.ask("GET", path, headers={"range": f"bytes={wish}"})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"] == f"bytes {place}/10"


def test_head_tells_length_and_type_without_a_body(service, bucket):
    bucket.upload("cat.png", b"12345", _PNG)
    answer = service.ask("HEAD", f"/object/{bucket.id}/cat.png")
    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["content-length"], answer.headers["content-type"]) == ("5", "image/png")
    assert answer.headers["etag"]
    assert service.ask("HEAD", f"/object/{bucket.id}/nothing").status_code == 400


def test_a_public_bucket_is_open_to_everybody_and_a_private_one_to_nobody(service, new_bucket):
    public = service.client().from_(new_bucket(public=True))
    private = service.client().from_(new_bucket(public=False))
    for bucket in (public, private):
        bucket.upload("folder/cat 1.png", b"x", _PNG)
    answer = httpx.get(public.get_public_url("folder/cat 1.png").rstrip("?"))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"x", "image/png")
    refused = httpx.get(private.get_public_url("folder/cat 1.png").rstrip("?"))
    assert (refused.status_code, refused.json()["statusCode"]) == (400, "404")


def test_a_signed_url_opens_its_object_to_everybody(bucket):
    bucket.upload("folder/cat 1.png", b"x", _PNG)
    assert httpx.get(bucket.create_signed_url("folder/cat 1.png", 60)["signedURL"]).content == b"x"
    found, missing = bucket.create_signed_urls(["folder/cat 1.png", "nothing"], 60)
    assert httpx.get(found["signedURL"]).content == b"x"
    assert found["error"] is None
    assert missing["error"]


def test_a_signed_url_may_name_the_download(bucket):
    bucket.upload("cat.png", b"x", _PNG)
    url = bucket.create_signed_url("cat.png", 60, {"download": "my cat.png"})["signedURL"]
    assert "my%20cat.png" in httpx.get(url).headers["content-disposition"]


def test_a_signed_upload_url_takes_one_object(bucket):
    signed = bucket.create_signed_upload_url("cat.png")
    bucket.upload_to_signed_url("cat.png", signed["token"], b"signed", _PNG)
    assert bucket.download("cat.png") == b"signed"


def test_a_moved_object_is_the_same_under_another_key(bucket):
    bucket.upload("old", b"x", _PNG)
    identity = bucket.info("old")["id"]
    assert bucket.move("old", "folder/new")["message"] == "Successfully moved"
    assert bucket.exists("old") is False
    assert bucket.download("folder/new") == b"x"
    assert bucket.info("folder/new")["id"] == identity


def test_a_copy_is_an_object_of_its_own(bucket):
    bucket.upload("one", b"x", _PNG)
    assert bucket.copy("one", "two")["Key"] == f"{bucket.id}/two"
    bucket.remove(["one"])
    assert bucket.download("two") == b"x"
    assert bucket.info("two")["content_type"] == "image/png"


def test_removing_tells_what_was_there_and_is_silent_about_the_rest(bucket):
    bucket.upload("one", b"1")
    bucket.upload("two", b"2")
    assert {gone["name"] for gone in bucket.remove(["one", "nothing", "two"])} == {"one", "two"}
    assert bucket.remove(["one"]) == []
    assert bucket.list() == []


def test_a_bucket_tells_its_limits(service, new_bucket):
    name = new_bucket(public=True, file_size_limit=2_000_000, allowed_mime_types=["image/jpeg", "image/png"])
    bucket = service.client().get_bucket(name)
    assert (bucket.id, bucket.name, bucket.public) == (name, name, True)
    assert (bucket.file_size_limit, bucket.allowed_mime_types) == (2_000_000, ["image/jpeg", "image/png"])
    assert name in {each.id for each in service.client().list_buckets()}


def test_an_updated_bucket_keeps_what_was_not_changed(service, new_bucket):
    name = new_bucket(public=False, file_size_limit=1000)
    service.client().update_bucket(name, {"public": True})
    bucket = service.client().get_bucket(name)
    assert (bucket.public, bucket.file_size_limit) == (True, 1000)


def test_an_emptied_bucket_can_be_removed(service):
    storage = service.client()
    storage.create_bucket("contract-short-lived")
    storage.from_("contract-short-lived").upload("a/b", b"x")
    storage.empty_bucket("contract-short-lived")
    assert storage.delete_bucket("contract-short-lived")["message"] == "Successfully deleted"
    assert "contract-short-lived" not in {bucket.id for bucket in storage.list_buckets()}


@pytest.mark.parametrize("options", [_PNG, {**_PNG, "upsert": "true"}])
def test_the_options_of_one_upload_serve_the_next(bucket, options):
    given = dict(options)
    bucket.upload("one", b"1", dict(given))
    bucket.upload("two", b"2", dict(given))
    assert bucket.info("two")["content_type"] == "image/png"


def test_a_download_may_be_asked_for_by_an_address_that_no_cache_knows(bucket):
    bucket.upload("cat.png", b"123", dict(_PNG))
    assert bucket.download("cat.png", query_params={"asked": "now"}) == b"123"
