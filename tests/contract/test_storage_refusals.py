"""How Supabase Storage refuses: each status, error and message a migration meets, through the real client."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from storage3.exceptions import StorageApiError

_PNG = {"content-type": "image/png"}


def _refusal(call, *arguments, **options) -> tuple[str, str, str]:
    """Status, error and message the client raises; the status must be text."""
    with pytest.raises(StorageApiError) as refusal:
        call(*arguments, **options)
    assert isinstance(refusal.value.status, str)
    return refusal.value.status, refusal.value.code, refusal.value.message


def test_a_refusal_is_http_400_with_the_true_status_in_the_body(service, new_bucket):
    answer = service.ask("GET", f"/object/{new_bucket()}/nothing")
    assert answer.status_code == 400
    body = answer.json()
    assert (body["statusCode"], body["error"], body["message"]) == ("404", "not_found", "Object not found")


def test_a_second_upload_of_a_key_is_a_duplicate(bucket):
    bucket.upload("cat.png", b"first", _PNG)
    assert _refusal(bucket.upload, "cat.png", b"second", _PNG) == (
        *("409", "Duplicate", "The resource already exists"),
    )
    assert bucket.download("cat.png") == b"first"


def test_of_uploads_of_one_key_at_once_one_wins_and_the_others_are_duplicates(service, bucket):
    def upload(number: int) -> str:
        try:
            service.client().from_(bucket.id).upload("cat.png", b"%d" % number * 200_000, _PNG)
        except StorageApiError as refusal:
            return refusal.status
        return "200"

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(upload, range(6)))

    assert answers == ["200", *["409"] * 5]
    assert len(set(bucket.download("cat.png"))) == 1  # no mixture of two uploads


def test_of_two_uploads_of_one_key_that_overlap_the_slower_is_a_duplicate(service, bucket):
    slower, faster = (service.begin_upload(f"/object/{bucket.id}/cat", size=200_000) for _ in range(2))
    slower.send(b"1" * 100_000)
    faster.send(b"2" * 200_000)
    assert faster.getresponse().status == 200
    slower.send(b"1" * 100_000)
    refused = slower.getresponse()
    assert (refused.status, json.loads(refused.read())["statusCode"]) == (400, "409")
    assert bucket.download("cat") == b"2" * 200_000


@pytest.mark.parametrize("limit", [2_000_000, "2MB"])
def test_a_bucket_takes_exactly_its_limit_and_not_a_byte_more(service, new_bucket, limit):
    name = new_bucket(file_size_limit=limit)
    assert service.client().get_bucket(name).file_size_limit == 2_000_000
    bucket = service.client().from_(name)
    bucket.upload("exact", b"x" * 2_000_000)
    too_large = ("413", "Payload too large", "The object exceeded the maximum allowed size")
    assert _refusal(bucket.upload, "over", b"x" * 2_000_001) == too_large
    assert [entry["name"] for entry in bucket.list()] == ["exact"]


def test_nothing_is_left_of_an_object_that_a_too_large_one_should_have_replaced(service, new_bucket):
    bucket = service.client().from_(new_bucket(file_size_limit=1000))
    bucket.upload("cat", b"old")
    with pytest.raises(StorageApiError):
        bucket.upload("cat", b"x" * 1001, {"upsert": "true"})
    assert bucket.download("cat") == b"old"


def test_the_project_takes_50_mib_and_not_a_byte_more(bucket):
    limit = 50 * 1024 * 1024
    bucket.upload("exact", b"x" * limit)
    assert _refusal(bucket.upload, "over", b"x" * (limit + 1))[0] == "413"


def test_a_bucket_cannot_allow_more_than_the_project(service):
    wish = {"file_size_limit": "60MB"}
    refusal = _refusal(service.client().create_bucket, "contract-too-much", options=wish)
    assert refusal[:2] == ("413", "Payload too large")


def test_a_type_the_bucket_does_not_allow_is_refused(service, new_bucket):
    bucket = service.client().from_(new_bucket(allowed_mime_types=["image/png", "image/jpeg"]))
    bucket.upload("cat.png", b"x", _PNG)
    assert _refusal(bucket.upload, "cat.gif", b"x", {"content-type": "image/gif"}) == (
        *("415", "invalid_mime_type", "mime type image/gif is not supported"),
    )


def test_an_upload_without_a_content_type_is_text_and_refused_by_a_bucket_of_pictures(service, new_bucket):
    bucket = service.client().from_(new_bucket(allowed_mime_types=["image/*"]))
    assert _refusal(bucket.upload, "cat.png", b"x")[2] == "mime type text/plain is not supported"


@pytest.mark.parametrize(
    "odd", ["æ", "日", "%25", "#", "[", "]", "{", "}", "\\", "|", "~", "^", "<", ">", "`", '"', "\n"]
)
def test_a_key_with_an_odd_character_is_refused(bucket, odd):
    status, error, message = _refusal(bucket.upload, f"folder/a{odd}b.png", b"x", _PNG)
    assert (status, error) == ("400", "InvalidKey")
    assert message.startswith("Invalid key: folder/a")


def test_a_file_name_over_255_bytes_is_a_failure_of_the_server(bucket):
    assert _refusal(bucket.upload, "a" * 256, b"x", _PNG)[0] == "500"
    bucket.upload("a" * 200, b"x", _PNG)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'--b\r\nContent-Disposition: form-data; name="cacheControl"\r\n\r\n3600\r\n--b--\r\n',
        b"--b\r\nContent-Disposition: form-data; na",
    ],
)
def test_a_form_without_a_file_is_refused(service, bucket, body):
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = service.ask("POST", f"/object/{bucket.id}/cat", content=body, headers=headers)
    assert (answer.status_code, answer.json()["statusCode"]) == (400, "400")
    assert bucket.exists("cat") is False


def test_a_missing_object_is_not_found(bucket):
    missing = ("404", "not_found", "Object not found")
    assert _refusal(bucket.download, "nothing") == missing
    assert _refusal(bucket.info, "nothing") == missing
    assert bucket.exists("nothing") is False
    assert _refusal(bucket.create_signed_url, "nothing", 60)[0] == "404"
    assert _refusal(bucket.move, "nothing", "other")[0] == "404"
    assert _refusal(bucket.copy, "nothing", "other")[0] == "404"


def test_a_missing_bucket_is_not_found(service):
    storage, missing = service.client(), ("404", "Bucket not found", "Bucket not found")
    nowhere = storage.from_("contract-nowhere")
    assert _refusal(storage.get_bucket, "contract-nowhere") == missing
    assert _refusal(nowhere.upload, "cat.png", b"x", _PNG) == missing
    assert _refusal(nowhere.download, "cat.png") == missing
    assert _refusal(storage.update_bucket, "contract-nowhere", {"public": True})[0] == "404"
    assert _refusal(storage.delete_bucket, "contract-nowhere")[0] == "404"


def test_a_missing_bucket_lists_as_empty(service):
    assert service.client().from_("contract-nowhere").list() == []


def test_a_key_signed_with_another_secret_is_refused(service, new_bucket):
    name = new_bucket()
    wrong = service.client(service.forged_key)
    refused = ("403", "Unauthorized", "signature verification failed")
    assert _refusal(wrong.list_buckets) == refused
    assert _refusal(wrong.get_bucket, name) == refused
    assert _refusal(wrong.from_(name).upload, "cat.png", b"x", _PNG) == refused
    assert _refusal(wrong.from_(name).list) == refused
    assert _refusal(wrong.from_(name).remove, ["cat.png"]) == refused


def test_a_wrong_key_makes_a_private_bucket_invisible_for_downloads(service, bucket):
    bucket.upload("cat.png", b"x", _PNG)
    wrong = service.client(service.forged_key).from_(bucket.id)
    assert _refusal(wrong.download, "cat.png")[:2] == ("404", "Bucket not found")


def test_a_bucket_that_is_there_is_a_duplicate(service, new_bucket):
    assert _refusal(service.client().create_bucket, new_bucket())[:2] == ("409", "Duplicate")


def test_a_bucket_that_holds_something_is_not_removed(service, bucket):
    bucket.upload("cat.png", b"x", _PNG)
    status, _, message = _refusal(service.client().delete_bucket, bucket.id)
    assert (status, message) == ("409", "The bucket you tried to delete is not empty")


def test_removing_no_keys_is_an_error(bucket):
    assert _refusal(bucket.remove, [])[0] == "400"


def test_more_than_a_thousand_keys_are_not_removed_at_once(bucket):
    bucket.upload("key-0", b"x")
    assert _refusal(bucket.remove, [f"key-{number}" for number in range(1001)])[0] == "400"
    assert bucket.exists("key-0")
    assert len(bucket.remove([f"key-{number}" for number in range(1000)])) == 1


def test_moving_or_copying_onto_a_key_that_is_there_is_a_duplicate(bucket):
    bucket.upload("one", b"1")
    bucket.upload("two", b"2")
    assert _refusal(bucket.move, "one", "two")[:2] == ("409", "Duplicate")
    assert _refusal(bucket.copy, "one", "two")[:2] == ("409", "Duplicate")
    assert bucket.download("two") == b"2"


def test_the_token_of_a_signed_url_opens_nothing_else(service, bucket):
    bucket.upload("one", b"1")
    bucket.upload("two", b"2")
    token = bucket.create_signed_url("one", 60)["signedURL"].partition("token=")[2]
    answer = service.ask_as_nobody("GET", f"/object/sign/{bucket.id}/two?token={token}")
    assert answer.status_code == 400
    assert answer.content != b"2"
