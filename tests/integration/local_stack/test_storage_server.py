"""The Storage stand-in as a server: its memory, its disk after a stop at a bad moment, and the faults it can play."""

import http.client
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from storage3.exceptions import StorageApiError
from supabase import create_client

from local_stack.servers import storage as storage_server
from local_stack.storage_api.control import StorageControl
from local_stack.storage_api.faults import Fault

_MIB = 1024 * 1024
_SECRET = "a secret of at least thirty-two characters"


@pytest.fixture
def control(storage) -> StorageControl:
    """Orders faults for the test's project."""
    return StorageControl(storage.url, storage.service_role_key)


@pytest.fixture
def bucket(storage):
    """A bucket of the test's project."""
    client = create_client(storage.url, storage.service_role_key).storage
    client.create_bucket("bucket")
    return client.from_("bucket")


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A data folder for a stand-in of one's own, to be stopped at will."""
    path = Path(tempfile.mkdtemp(prefix="storage-of-a-test-"))
    yield path
    shutil.rmtree(path)


def test_memory_stays_flat_while_50_mib_go_in_and_out(servers, bucket):
    process = psutil.Process(servers["storage"].pid)
    bucket.upload("small", b"x")
    before = process.memory_info().rss
    for number in range(3):
        bucket.upload(f"large-{number}", io.BufferedReader(io.BytesIO(bytes(50 * _MIB))))
        assert len(bucket.download(f"large-{number}")) == 50 * _MIB
    assert process.memory_info().rss - before < 20 * _MIB


def test_projects_do_not_see_each_other(servers, storage, bucket):
    bucket.upload("mine", b"x")
    other = create_client(servers["storage"].url, storage.service_role_key).storage
    assert other.list_buckets() == []
    assert servers["storage"].url != storage.url


def test_nothing_is_left_of_an_upload_during_which_the_server_was_killed(own_folder):
    server = storage_server.start(own_folder, jwt_secret=_SECRET)
    key = server.credentials["service_role_key"]
    client = create_client(server.url, key).storage
    client.create_bucket("bucket")
    client.from_("bucket").upload("whole", b"whole")

    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    connection.putrequest("POST", "/storage/v1/object/bucket/half")
    for name, value in {"authorization": f"Bearer {key}", "content-length": "1000000"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(b"x" * 500_000)
    assert client.from_("bucket").download("whole") == b"whole"  # the server is amid both
    psutil.Process(server.pid).kill()
    server.process.keeper.wait()
    connection.close()

    server = storage_server.start(own_folder, jwt_secret=_SECRET)
    try:
        bucket = create_client(server.url, key).storage.from_("bucket")
        assert [entry["name"] for entry in bucket.list()] == ["whole"]
        assert len(list((own_folder / "storage" / "data" / "default" / "blobs").iterdir())) == 1
    finally:
        server.stop()


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(storage, bucket, servers):
    address = urlsplit(storage.url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    connection.putrequest("POST", f"{address.path}/storage/v1/object/bucket/half")
    connection.putheader("authorization", f"Bearer {storage.service_role_key}")
    connection.putheader("content-length", "1000000")
    connection.endheaders()
    connection.send(b"x" * 500_000)
    connection.close()
    project = address.path.rpartition("/")[2]
    blobs = servers.data_dir / "storage" / "data" / f"project-{project}" / "blobs"
    for _ in range(100):  # until the server, which answers meanwhile, has seen it
        assert bucket.exists("half") is False
        if not list(blobs.iterdir()):
            break
    assert list(blobs.iterdir()) == []


@pytest.mark.parametrize(
    ("status", "code"), [(429, "too_many_connections"), (500, "Internal"), (503, None), (544, None)]
)
def test_the_next_requests_fail_as_ordered_and_then_no_more(control, bucket, status, code):
    control.order(Fault(times=2, status=status, method="POST", path="/object/bucket/cat"))
    for _ in range(2):
        with pytest.raises(StorageApiError) as refusal:
            bucket.upload("cat", b"x" * 300_000)
        assert refusal.value.status == str(status)
        assert code in (None, refusal.value.code)
    assert bucket.exists("cat") is False
    bucket.upload("cat", b"x")
    assert control.forget() == 0


def test_a_gateway_answers_in_html(control, bucket):
    control.order(Fault(times=1, status=502, html=True))
    with pytest.raises(StorageApiError) as refusal:
        bucket.list()
    assert refusal.value.status == 502


def test_an_answer_can_get_lost_after_the_deed_is_done(control, bucket):
    control.order(Fault(times=1, done=True, method="POST"))
    with pytest.raises(StorageApiError):
        bucket.upload("cat", b"x")
    assert bucket.download("cat") == b"x"


@pytest.mark.parametrize("done", [False, True])
def test_a_connection_can_break_within_the_answer(control, bucket, done):
    control.order(Fault(times=1, kind="hang_up", done=done, method="POST"))
    with pytest.raises(httpx.RemoteProtocolError):
        bucket.upload("cat", b"x" * 300_000)
    assert bucket.exists("cat") is done


def test_a_stalled_answer_runs_into_the_clients_time_limit_and_comes_right_otherwise(
    control, bucket, storage
):
    bucket.upload("cat", b"x")
    control.order(Fault(times=2, kind="stall", seconds=0.3, method="GET", path="/object/bucket/cat"))
    url = f"{storage.url}/storage/v1/object/bucket/cat"
    headers = {"authorization": f"Bearer {storage.service_role_key}"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(url, headers=headers, timeout=0.1)
    assert bucket.download("cat") == b"x"


def test_forgotten_faults_hit_nobody(control, bucket):
    control.order(Fault(times=5))
    assert control.forget() == 5
    assert bucket.list() == []


def test_a_corrupted_object_reads_as_something_else_of_the_same_size(control, bucket):
    bucket.upload("cat", b"picture")
    before = bucket.info("cat")
    control.corrupt("bucket", "cat")
    read = bucket.download("cat")
    assert read != b"picture"
    assert len(read) == len(b"picture")
    assert bucket.info("cat") == before


def test_a_lost_object_is_listed_but_cannot_be_read(control, bucket):
    bucket.upload("cat", b"picture")
    control.lose("bucket", "cat")
    assert [entry["name"] for entry in bucket.list()] == ["cat"]
    with pytest.raises(StorageApiError) as refusal:
        bucket.download("cat")
    assert (refusal.value.status, refusal.value.message) == ("404", "The resource was not found")


def test_faults_are_ordered_with_the_key_only(storage):
    answer = httpx.post(
        f"{storage.url}/control/faults", json={"times": 1}, headers={"authorization": "Bearer a.b.c"}
    )
    assert answer.json()["statusCode"] == "403"
    assert httpx.delete(f"{storage.url}/control/").status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/", "/storage/v2/bucket", "/projects/x/y", "/storage/v1/render/image/public/a/b", "/storage/v1/s3/a"],
)
def test_what_the_stand_in_does_not_have_is_not_found(servers, path):
    assert httpx.get(servers["storage"].url + path).status_code == 404


def test_a_project_with_an_impossible_name_is_refused(servers):
    assert httpx.get(servers["storage"].url + "/projects/A..B/storage/v1/status").status_code == 400


def test_html_is_never_served_as_html(bucket, storage):
    bucket.upload("page", b"<script>", {"content-type": "text/html"})
    answer = httpx.get(
        f"{storage.url}/storage/v1/object/bucket/page",
        headers={"authorization": f"Bearer {storage.service_role_key}"},
    )
    assert answer.headers["content-type"].startswith("text/plain")


def test_an_object_that_has_not_changed_is_not_sent_again(bucket, storage):
    bucket.upload("cat", b"x")
    headers = {"authorization": f"Bearer {storage.service_role_key}"}
    url = f"{storage.url}/storage/v1/object/bucket/cat"
    etag = httpx.get(url, headers=headers).headers["etag"]
    assert httpx.get(url, headers={**headers, "if-none-match": etag}).status_code == 304
    bucket.update("cat", b"y")
    assert httpx.get(url, headers={**headers, "if-none-match": etag}).status_code == 200


def test_a_range_after_the_end_is_refused(bucket, storage):
    bucket.upload("cat", b"12345")
    headers = {"authorization": f"Bearer {storage.service_role_key}", "range": "bytes=5-9"}
    answer = httpx.get(f"{storage.url}/storage/v1/object/bucket/cat", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_range")


def test_a_resumable_upload_whose_key_was_taken_meanwhile_is_a_duplicate_and_leaves_nothing(
    storage, bucket, servers
):
    tus = {"tus-resumable": "1.0.0", "authorization": f"Bearer {storage.service_role_key}"}
    wish = {"upload-length": "3", "upload-metadata": "bucketName YnVja2V0,objectName Y2F0"}
    begun = httpx.post(f"{storage.url}/storage/v1/upload/resumable", headers={**tus, **wish})
    bucket.upload("cat", b"faster")
    patch = {**tus, "content-type": "application/offset+octet-stream", "upload-offset": "0"}
    assert httpx.patch(begun.headers["location"], content=b"123", headers=patch).status_code == 409
    assert bucket.download("cat") == b"faster"
    assert httpx.head(begun.headers["location"], headers=tus).status_code == 404
    project = storage.url.rpartition("/")[2]
    assert len(list((servers.data_dir / "storage" / "data" / f"project-{project}" / "blobs").iterdir())) == 1


def test_unfinished_uploads_survive_a_restart(own_folder):
    server = storage_server.start(own_folder, jwt_secret=_SECRET)
    key = server.credentials["service_role_key"]
    tus = {"tus-resumable": "1.0.0", "authorization": f"Bearer {key}"}
    create_client(server.url, key).storage.create_bucket("bucket")
    wish = {"upload-length": "6", "upload-metadata": "bucketName YnVja2V0,objectName Y2F0"}
    patch = {**tus, "content-type": "application/offset+octet-stream"}
    begun = httpx.post(f"{server.url}/storage/v1/upload/resumable", headers={**tus, **wish})
    path = urlsplit(begun.headers["location"]).path
    httpx.patch(server.url + path, content=b"123", headers={**patch, "upload-offset": "0"})
    server.stop()

    server = storage_server.start(own_folder, jwt_secret=_SECRET)
    try:
        assert httpx.head(server.url + path, headers=tus).headers["upload-offset"] == "3"
        httpx.patch(server.url + path, content=b"456", headers={**patch, "upload-offset": "3"})
        assert create_client(server.url, key).storage.from_("bucket").download("cat") == b"123456"
    finally:
        server.stop()
