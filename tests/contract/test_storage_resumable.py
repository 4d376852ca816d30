"""Resumable uploads (TUS 1.0.0) of Supabase Storage, as they go over the wire: the client has no part for them."""

import base64
import json
from urllib.parse import urlsplit

import httpx
import pytest

_TUS = {"tus-resumable": "1.0.0"}


def _metadata(**pairs: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


def _begin(service, length: int, upsert: bool = False, **pairs: str) -> httpx.Response:
    headers = {**_TUS, "upload-length": str(length), "upload-metadata": _metadata(**pairs)}
    return service.ask("POST", "/upload/resumable", headers={**headers, "x-upsert": str(upsert).lower()})


def _path(begun: httpx.Response) -> str:
    assert begun.status_code == 201, begun.text
    return "/upload/resumable/" + urlsplit(begun.headers["location"]).path.rpartition("/")[2]


def _send(service, path: str, offset: int, content: bytes) -> httpx.Response:
    headers = {**_TUS, "upload-offset": str(offset), "content-type": "application/offset+octet-stream"}
    return service.ask("PATCH", path, content=content, headers=headers)


def test_an_upload_in_two_parts_becomes_an_object(service, bucket):
    path = _path(
        _begin(
            service,
            10,
            bucketName=bucket.id,
            objectName="a/cat.png",
            contentType="image/png",
            cacheControl="60",
        )
    )
    first = _send(service, path, 0, b"01234")
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5")
    assert bucket.exists("a/cat.png") is False

    state = service.ask("HEAD", path, headers=_TUS)
    assert (state.status_code, state.headers["upload-offset"], state.headers["upload-length"]) == (
        200,
        "5",
        "10",
    )

    assert _send(service, path, 5, b"56789").headers["upload-offset"] == "10"
    assert bucket.download("a/cat.png") == b"0123456789"
    info = bucket.info("a/cat.png")
    assert (info["content_type"], info["cache_control"], info["size"]) == ("image/png", "max-age=60", 10)


def test_a_part_that_does_not_follow_is_a_conflict(service, bucket):
    path = _path(_begin(service, 10, bucketName=bucket.id, objectName="cat"))
    assert _send(service, path, 3, b"345").status_code == 409
    assert service.ask("HEAD", path, headers=_TUS).headers["upload-offset"] == "0"


def test_an_upload_over_the_limit_is_refused_at_once(service, new_bucket):
    name = new_bucket(file_size_limit=1000)
    assert _begin(service, 1001, bucketName=name, objectName="cat").status_code == 413


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"contentType": "image/gif"}, 415),
        ({"objectName": "a~b"}, 400),
        ({"bucketName": "contract-nowhere"}, 404),
        ({"objectName": "there"}, 409),
    ],
)
def test_an_upload_is_refused_under_its_true_status(service, new_bucket, changes, status):
    name = new_bucket(allowed_mime_types=["image/png"])
    service.client().from_(name).upload("there", b"x", {"content-type": "image/png"})
    wish = {"bucketName": name, "objectName": "cat", "contentType": "image/png"} | changes
    assert _begin(service, 10, **wish).status_code == status


def test_an_upload_with_upsert_replaces_the_object(service, bucket):
    bucket.upload("cat", b"old")
    path = _path(_begin(service, 3, upsert=True, bucketName=bucket.id, objectName="cat"))
    headers = {
        **_TUS,
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
        "x-upsert": "true",
    }
    assert service.ask("PATCH", path, content=b"new", headers=headers).status_code == 204
    assert bucket.download("cat") == b"new"


def test_an_upload_that_is_given_up_is_gone(service, bucket):
    path = _path(_begin(service, 10, bucketName=bucket.id, objectName="cat"))
    assert service.ask("DELETE", path, headers=_TUS).status_code == 204
    assert service.ask("HEAD", path, headers=_TUS).status_code in (404, 410)


def test_an_upload_needs_a_key(service, bucket):
    headers = {
        **_TUS,
        "upload-length": "3",
        "upload-metadata": _metadata(bucketName=bucket.id, objectName="cat"),
    }
    answer = service.ask("POST", "/upload/resumable", key=service.forged_key, headers=headers)
    assert answer.status_code in (400, 403)


def test_the_server_tells_what_it_can_do(service):
    answer = service.ask("OPTIONS", "/upload/resumable", headers=_TUS)
    assert answer.status_code in (200, 204)
    assert "1.0.0" in answer.headers["tus-version"]
    assert "creation" in answer.headers["tus-extension"]


def test_an_object_in_parts_carries_metadata_of_its_own(service, bucket):
    mark = {"migratedBy": "contract"}
    path = _path(_begin(service, 3, bucketName=bucket.id, objectName="cat", metadata=json.dumps(mark)))
    assert _send(service, path, 0, b"123").status_code == 204
    assert bucket.info("cat")["metadata"] == mark


def test_parts_of_six_mebibytes_become_one_object(service, bucket):
    part = 6 * 1024 * 1024
    content = b"1" * part + b"2" * 10
    path = _path(_begin(service, len(content), bucketName=bucket.id, objectName="cat"))
    assert _send(service, path, 0, content[:part]).headers["upload-offset"] == str(part)
    assert _send(service, path, part, content[part:]).status_code == 204
    assert bucket.download("cat") == content


def test_a_place_that_is_taken_while_the_parts_arrive_is_a_conflict_and_keeps_its_object(service, bucket):
    path = _path(_begin(service, 10, bucketName=bucket.id, objectName="cat"))
    assert _send(service, path, 0, b"01234").status_code == 204
    bucket.upload("cat", b"faster")
    assert _send(service, path, 5, b"56789").status_code == 409
    assert bucket.download("cat") == b"faster"


def test_an_upload_that_nobody_began_is_not_found(service):
    answer = _send(service, "/upload/resumable/bm90aGluZw", 0, b"1")
    assert answer.status_code in (400, 404, 410)
