"""Objects on their way into Storage and back: big ones in parts, broken ones taken away, other people's left alone."""

import hashlib
import os
from types import SimpleNamespace

import pytest
from supabase import create_client

from local_stack.storage_api.control import StorageControl
from local_stack.storage_api.faults import Fault
from migration_kit.accounting import State
from migration_kit.failures import TransientError
from nabo_pipeline.media.compression import Compressed
from nabo_pipeline.steps.placing import CONFLICT, UNEQUAL, put
from nabo_pipeline.stores.resumable import PART
from nabo_pipeline.stores.storage import MARK, RESUMABLE_OVER, Storage
from nabo_pipeline.stores.storage_errors import DuplicateError, RefusedError

BIG = os.urandom(PART + 1_000_000)
SMALL = b"\x89PNG not really"


@pytest.fixture
def bucket(storage):
    client = create_client(storage.url, storage.service_role_key).storage
    client.create_bucket("service-media", options={"public": True, "file_size_limit": 10_000_000})
    return client.from_("service-media")


@pytest.fixture
def store(storage, bucket) -> Storage:
    return Storage(storage.url, storage.service_role_key)


@pytest.fixture
def control(storage) -> StorageControl:
    return StorageControl(storage.url, storage.service_role_key)


@pytest.fixture
def sent(store):
    """(method, end of the address, bytes of the body) of every request."""
    requests: list[tuple[str, str, int]] = []

    def note(request):
        size = int(request.headers.get("content-length", 0))
        requests.append((request.method, request.url.path.rpartition("/storage/v1/")[2], size))

    store._parts.client.event_hooks["request"].append(note)
    return requests


def placed(store, data, path="a/b.png"):
    result = Compressed(data, "image/png", "compressed", None, 1, 1, 1)
    return put(store, "service-media", path, result, hashlib.sha256(data).hexdigest())


def parts(sent):
    return [size for method, _, size in sent if method == "PATCH"]


def test_an_object_of_six_megabytes_goes_whole_and_a_larger_one_in_parts_with_all_that_belongs_to_it(
    store, bucket, sent
):
    store.upload("service-media", "whole", BIG[:RESUMABLE_OVER], "image/png")
    assert parts(sent) == []
    store.upload("service-media", "parts", BIG, "image/webp", attempt="this one")
    assert parts(sent) == [PART, 1_000_000]
    assert bucket.download("parts") == BIG
    info = bucket.info("parts")
    assert (info["content_type"], info["cache_control"]) == ("image/webp", "max-age=3600")
    assert info["metadata"] == MARK | {"attempt": "this one"}
    assert bucket.info("whole")["metadata"] == MARK | {"attempt": ""}


def test_after_a_broken_connection_only_the_rest_is_sent_again(store, bucket, control, sent):
    arrived = 2_000_000
    control.order(Fault(times=1, kind="cut", method="PATCH", after=arrived))
    store.upload("service-media", "a", BIG, "image/png")
    assert bucket.download("a") == BIG
    assert parts(sent) == [PART, len(BIG) - arrived]


@pytest.mark.parametrize("lost", ["hang_up", "fail"])
def test_a_part_whose_answer_is_lost_is_not_sent_again(store, bucket, control, sent, lost):
    control.order(Fault(times=1, kind=lost, method="PATCH", done=True, status=503))
    assert placed(store, BIG) == (State.MIGRATED, None)
    assert parts(sent) == [PART, 1_000_000]


def test_an_upload_whose_last_answer_is_lost_is_known_as_our_own(store, bucket, control):
    control.order(Fault(times=1, kind="stall", method="PATCH"))
    control.order(Fault(times=1, kind="hang_up", method="PATCH", done=True))
    assert placed(store, BIG) == (State.MIGRATED, None)
    assert bucket.download("a/b.png") == BIG


def test_a_server_without_parts_gets_the_object_whole_and_is_not_asked_again(store, bucket, control, sent):
    control.order(Fault(times=9, status=404, path="/upload/resumable"))
    store.upload("service-media", "one", BIG, "image/png")
    store.upload("service-media", "two", BIG, "image/png")
    assert bucket.download("one") == bucket.download("two") == BIG
    assert [path for _, path, _ in sent].count("upload/resumable") == 1


def test_what_storage_refuses_in_parts_is_told_as_of_a_whole_object(store, bucket, storage):
    bucket.upload("there", b"x")
    with pytest.raises(DuplicateError):
        store.upload("service-media", "there", BIG, "image/png")
    with pytest.raises(RefusedError, match="413"):
        store.upload("service-media", "a", BIG + BIG, "image/png")
    assert placed(store, BIG, "there") == (State.QUARANTINED, CONFLICT)
    assert bucket.download("there") == b"x"


def test_a_wait_that_storage_asks_for_is_kept(store, bucket, control, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waits.append))
    control.order(Fault(times=1, status=429, method="POST", path="/object/service-media", retry_after=17))
    control.order(Fault(times=1, status=429, method="POST", path="/upload/resumable", retry_after=23))
    store.upload("service-media", "small", SMALL, "image/png")
    store.upload("service-media", "big", BIG, "image/png")
    assert waits == [17.0, 23.0]


def test_an_object_that_is_stored_with_other_bytes_is_taken_away_and_sent_once_more(store, bucket, control):
    control.order(Fault(times=1, kind="spoil", method="POST", path="/object/service-media/"))
    assert placed(store, SMALL) == (State.MIGRATED, None)
    assert bucket.download("a/b.png") == SMALL


def test_an_object_that_stays_wrong_is_quarantined_and_nothing_of_it_remains(store, bucket, control):
    control.order(Fault(times=2, kind="spoil", method="POST", path="/object/service-media/"))
    assert placed(store, SMALL) == (State.QUARANTINED, UNEQUAL)
    assert bucket.list("a") == []


def test_a_first_try_that_left_other_bytes_though_it_failed_is_taken_away_too(store, bucket, control):
    # The second try of the same call meets a duplicate, which is its own.
    control.order(Fault(times=1, kind="spoil", done=True, method="POST", path="/object/service-media/"))
    assert placed(store, SMALL) == (State.MIGRATED, None)
    assert bucket.download("a/b.png") == SMALL


def test_what_somebody_else_puts_there_between_two_tries_is_left_alone(store, bucket, control, monkeypatch):
    def meanwhile(_: float) -> None:
        bucket.upload("a/b.png", b"theirs", {"content-type": "image/png"})

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=meanwhile))
    control.order(Fault(times=1, status=503, method="POST", path="/object/service-media/"))
    assert placed(store, SMALL) == (State.QUARANTINED, CONFLICT)
    assert bucket.download("a/b.png") == b"theirs"


def test_another_object_at_the_place_is_never_touched_and_an_equal_one_is_adopted(store, bucket):
    bucket.upload("theirs", b"other", {"content-type": "image/png"})
    bucket.upload("equal", SMALL, {"content-type": "image/png"})
    bucket.upload("lost", SMALL, {"content-type": "image/png", "metadata": MARK})
    assert placed(store, SMALL, "theirs") == (State.QUARANTINED, CONFLICT)
    assert placed(store, SMALL, "equal") == (State.ALREADY_PRESENT, None)
    assert placed(store, SMALL, "lost") == (State.MIGRATED, None)
    assert bucket.download("theirs") == b"other"


def test_a_storage_that_is_down_judges_no_object(store, bucket, control, monkeypatch):
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _: None))
    control.order(Fault(times=50, status=503))
    for data in (SMALL, BIG):
        with pytest.raises(TransientError):
            placed(store, data)
