"""Covers on their way into a real bucket: fetched, looked at in a process of its own, put, read back, compared."""

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest

from asset_registry_pipeline.steps import album_art
from asset_registry_pipeline.steps.album_art import Cover, Failure, Picture, cover_of
from asset_registry_pipeline.steps.renditions import LIMITS
from asset_registry_pipeline.stores.album_art import CoverStore, open_covers
from asset_registry_pipeline.stores.settings import Settings
from local_stack.sources.media.odd import saved
from local_stack.sources.media.photographs import picture
from migration_kit.failures import PermanentError, TransientError
from migration_kit.pictures.isolation import IsolatedWorkers, isolated_workers

WORDS_AT = datetime(2025, 3, 9, 12, tzinfo=UTC)
PICTURE = Picture("https://pictures.example/cover.jpg", "iTunes")
COVER = saved(picture(random.Random(1), (640, 640)).resize((640, 640)), "JPEG")


@pytest.fixture(scope="module")
def workers() -> Iterator[IsolatedWorkers]:
    with isolated_workers(1, seconds=LIMITS.max_seconds, memory=LIMITS.max_memory) as opened:
        yield opened


def settings(s3, **changes) -> Settings:
    given = Settings(
        *("mongodb://localhost", "staging", "mongodb://localhost", "development"),
        album_art_bucket=s3.bucket,
        album_art_endpoint_url=s3.endpoint_url,
        album_art_access_key_id=s3.access_key,
        album_art_secret_access_key=s3.secret_key,
    )
    return replace(given, **changes)


@pytest.fixture
def covers(s3) -> CoverStore:
    opened = open_covers(settings(s3))
    assert opened is not None
    return opened


def keys(s3) -> dict[str, str]:
    """Every object of the bucket with its ETag and time."""
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
    )
    found = client.list_objects_v2(Bucket=s3.bucket).get("Contents", ())
    return {one["Key"]: f"{one['ETag']} {one['LastModified']}" for one in found}


def made(covers, workers, *, data=COVER, fetch=None, item="65f0c0ffee65f0c0ffee65f0"):
    return cover_of(
        PICTURE, item=item, words_at=WORDS_AT, covers=covers, workers=workers, fetch=fetch or (lambda _: data)
    )


def test_a_cover_is_in_the_bucket_in_three_sizes_and_told_as_the_contract_has_it(s3, covers, workers):
    cover = made(covers, workers)
    assert isinstance(cover, Cover)
    folder = "album-art/2025/03/65f0c0ffee65f0c0ffee65f0/"
    names = sorted(key.removeprefix(folder).partition("-")[2] for key in keys(s3))
    assert names == ["150x150.jpg", "500x500.jpg", "original.jpg"]
    art = cover.album_art
    assert art.pop("uploadedAt").tzinfo is not None
    assert art == {
        "url": f"{s3.endpoint_url}/{s3.bucket}/{cover.objects[0].key}",
        "sourceUrl": PICTURE.url,
        "source": "iTunes",
        "quality": "High",
        "contentType": "image/jpeg",
        "size": len(COVER),
        "dimensions": {"width": 640, "height": 640},
    }
    assert covers.read(cover.objects[0].key) == COVER


def test_a_second_time_finds_everything_and_writes_nothing(s3, covers, workers):
    first, before = made(covers, workers), keys(s3)
    assert made(covers, workers) == first
    assert keys(s3) == before


def test_a_kill_between_two_sizes_leaves_what_the_next_run_completes(s3, covers, workers, monkeypatch):
    whole = made(covers, workers)
    for one in whole.objects[1:]:
        covers.remove(one.key)
    again = made(covers, workers)
    assert again == whole
    assert len(keys(s3)) == 3


def test_nothing_of_anybody_elses_is_overwritten(s3, covers, workers):
    cover = made(covers, workers)
    key = cover.objects[1].key
    covers.remove(key)
    covers.put(key, b"somebody else's", "text/plain")
    failed = made(covers, workers)
    assert isinstance(failed, Failure)
    assert "another object stands under this key" in failed.why
    assert covers.read(key) == b"somebody else's"


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "Empty file"), (b"<!doctype html><html>404", "text/html"), (COVER[:2000], "truncated")],
)
def test_a_file_that_is_no_cover_is_a_reason_and_leaves_nothing_behind(s3, covers, workers, data, why):
    failed = made(covers, workers, data=data)
    assert isinstance(failed, Failure)
    assert why in failed.why
    assert not failed.again
    assert not keys(s3)


def test_what_cannot_be_fetched_says_so_and_whether_another_run_may_have_more_luck(covers, workers):
    def refused(_: str) -> bytes:
        raise PermanentError("it leads to 10.0.0.1, which is not a public address", item="picture")

    def lost(_: str) -> bytes:
        raise TransientError("the connection failed", item="pictures.example")

    assert made(covers, workers, fetch=refused) == Failure(
        "it leads to 10.0.0.1, which is not a public address", again=False
    )
    assert made(covers, workers, fetch=lost) == Failure(
        "it could not be fetched: the connection failed", again=True
    )


def die(_: bytes) -> None:
    os.abort()


def test_a_picture_that_crashes_its_decoder_costs_only_itself(covers, workers, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(album_art, "make_renditions", die)
        assert made(covers, workers) == Failure("Decoder crashed on this file", again=False)
    assert isinstance(made(covers, workers), Cover)


def test_without_a_bucket_there_is_no_store_and_nothing_fails(s3):
    assert open_covers(settings(s3, album_art_bucket="")) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"album_art_endpoint_url": "not an address"}, "ALBUM_ART_ENDPOINT_URL"),
        ({"album_art_public_url": "javascript:alert(1)"}, "ALBUM_ART_PUBLIC_URL"),
        ({"album_art_bucket": "registry-production"}, "ALBUM_ART_BUCKET"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_by_its_name(s3, changes, named):
    with pytest.raises(PermanentError) as refused:
        open_covers(settings(s3, **changes))
    assert refused.value.item == named


def test_a_bucket_that_refuses_is_no_fault_of_the_picture(s3, workers):
    wrong = open_covers(settings(s3, album_art_secret_access_key="wrong"))
    with pytest.raises(PermanentError, match=r"S3 answered .*ALBUM_ART_BUCKET"):
        made(wrong, workers)


def test_the_public_address_is_the_configured_one(s3):
    covers = open_covers(settings(s3, album_art_public_url="https://pictures.example/covers/"))
    assert (
        covers.url("album-art/2025/03/a b.jpg")
        == "https://pictures.example/covers/album-art/2025/03/a%20b.jpg"
    )


def test_the_time_of_upload_is_the_stores_own(covers, workers):
    cover = made(covers, workers)
    assert cover.album_art["uploadedAt"] == covers.stored_at(cover.objects[0].key)
