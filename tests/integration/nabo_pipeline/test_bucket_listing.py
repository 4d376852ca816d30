"""A bucket as a table: every object of it once, on servers with and without the newer listing."""

import uuid

import pytest

from local_stack.storage_api.control import StorageControl
from local_stack.storage_api.faults import Fault
from migration_kit.failures import PermanentError
from migration_kit.postgres import connect
from nabo_pipeline.stores import bucket_listing
from nabo_pipeline.stores.bucket_listing import stage_listing
from nabo_pipeline.stores.storage import Storage

PNG = {"content-type": "image/png"}


@pytest.fixture
def bucket(storage, postgres_url, monkeypatch):
    """A store, a connection, a bucket of 7 objects at several depths, and pages of 3."""
    from supabase import create_client

    monkeypatch.setattr("nabo_pipeline.stores.storage.LIST_PAGE", 3)
    monkeypatch.setattr(bucket_listing, "LIST_PAGE", 3)
    client = create_client(storage.url, storage.service_role_key).storage
    client.create_bucket("avatars")
    paths = [f"one/{number}.png" for number in range(4)] + ["two/Deep/a.png", "two/b.png", "c.png"]
    for path in paths:
        client.from_("avatars").upload(path, path.encode(), PNG)
    with connect(postgres_url, autocommit=True) as connection:
        yield Storage(storage.url, storage.service_role_key), connection, paths, client


def staged(connection):
    return {path: (size, mime) for path, size, mime in connection.execute("select * from bucket_listing")}


@pytest.mark.parametrize("offered", [True, False], ids=["list-v2", "list only"])
def test_every_object_is_staged_once_with_size_and_type(bucket, storage, offered):
    store, connection, paths, _ = bucket
    if not offered:
        control = StorageControl(storage.url, storage.service_role_key)
        control.order(Fault(times=1, status=404, method="POST", path="/object/list-v2/"))
    assert stage_listing(connection, store, "avatars") == 7
    assert staged(connection) == {path: (len(path), "image/png") for path in paths}


def test_a_listing_made_again_holds_what_is_there_now(bucket):
    store, connection, paths, client = bucket
    stage_listing(connection, store, "avatars")
    client.from_("avatars").remove(paths[:6])
    client.from_("avatars").upload("new.png", b"12345", PNG)
    assert stage_listing(connection, store, "avatars") == 2
    assert set(staged(connection)) == {paths[6], "new.png"}


def test_a_page_that_fails_is_asked_again_and_a_listing_that_fails_is_no_empty_bucket(bucket, storage):
    store, connection, *_ = bucket
    control = StorageControl(storage.url, storage.service_role_key)
    control.order(Fault(times=1, status=503, method="POST", path="/object/list-v2/"))
    assert stage_listing(connection, store, "avatars") == 7
    with pytest.raises(PermanentError, match="Bucket not found"):
        stage_listing(connection, store, f"missing-{uuid.uuid4().hex[:6]}")
