"""The backup on a real S3 server and in a folder: everything is listed, and what cannot be read is an error."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.awsrequest import AWSResponse

from migration_kit.failures import PermanentError, TransientError
from migration_kit.s3 import S3Access
from nabo_pipeline.media.inventory import of_category, tally
from nabo_pipeline.stores.backup import FolderBackup, S3Backup, open_backup
from nabo_pipeline.stores.backup_errors import UnreadableError

ODD = (
    "it's \"quoted\"", "$(touch hacked)", "a:b", "with space", "blåbær", "new\nline", "tab\there", "50%25+?&=#",
    "<xml>&amp;", "..", "emoji 📷", "\x01control",
)  # fmt: skip
FILES = {f"Service-Images/{number:04}/x": b"abcdef"[: number % 6] for number in range(1_010)}
FILES |= {f"Chat-Images/odd/{name}.png": name.encode() for name in ODD}
FILES |= {"Profile-Pics/buyer/one": b"1", "stray": b"", "Profile-Pictures/not-ours": b"2"}


@pytest.fixture
def on_s3(s3) -> Iterator[S3Backup]:
    """A backup below `media/` of a bucket; beside it stands what is none of it."""
    access = S3Access(s3.endpoint_url, s3.access_key, s3.secret_key, region=s3.region)
    backup = open_backup(f"s3://{s3.bucket}/media", access)
    assert isinstance(backup, S3Backup)

    def put(key: str, body: bytes) -> None:
        backup.client.put_object(Bucket=s3.bucket, Key=key, Body=body)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, [f"media/{key}" for key in FILES], FILES.values()))
    put("mediaeval/other", b"a prefix is a folder's name, and no beginning of one")
    put("media/Profile-Pics/", b"")  # what some tools make of a folder
    yield backup
    for key in FILES:
        if "\x01" in key:  # the request that deletes many at once could not name it
            backup.client.delete_object(Bucket=s3.bucket, Key=f"media/{key}")


@pytest.fixture
def folder(tmp_path) -> FolderBackup:
    for key, body in FILES.items():
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return FolderBackup(tmp_path)


@contextmanager
def answering(backup: S3Backup, operation: str, *answers: AWSResponse | Exception) -> Iterator[list[str]]:
    """The next requests of an operation are answered so, instead of by the server; yields those that were made."""
    waiting, asked = list(answers), list[str]()

    def answer(request, **_):
        asked.append(request.url)
        if not waiting:
            return None
        following = waiting.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    event = f"before-send.s3.{operation}"
    backup.client.meta.events.register(event, answer)
    try:
        yield asked
    finally:
        backup.client.meta.events.unregister(event, answer)


class _Body:
    """The raw body of an answer, as urllib3 would give it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, *_, **__):
        yield self._data


def refusal(status: int, code: str) -> AWSResponse:
    body = f"<Error><Code>{code}</Code><Message>told so</Message></Error>".encode()
    return AWSResponse("http://s3", status, {"content-type": "application/xml"}, _Body(body))


def test_s3_lists_every_object_over_all_pages_and_reads_each_by_its_own_name(on_s3):
    found = {one.key: one.size for one in on_s3.listing()}
    assert found == {key: len(body) for key, body in FILES.items()}
    whole = tally(of_category(on_s3.listing(), "service"))
    assert whole.fingerprint == tally(on_s3.listing("Service-Images/")).fingerprint
    assert whole.files == 1_010
    for key in (*(key for key in FILES if "odd" in key), "stray", "Service-Images/0005/x"):
        assert on_s3.head(key, 3) == FILES[key][:3]
        assert on_s3.read(key, at_most=100) == FILES[key]
    assert on_s3.read("Service-Images/0005/x", at_most=2) == b"abc"
    # Stores that are only compatible with S3 know no checksums in trailers.
    config = on_s3.client.meta.config
    assert config.request_checksum_calculation == config.response_checksum_validation == "when_required"


def test_s3_asks_again_for_what_passes_and_not_for_what_does_not(on_s3):
    from botocore.exceptions import ConnectionClosedError

    busy = [refusal(503, "SlowDown"), refusal(500, "InternalError"), ConnectionClosedError(endpoint_url="s3")]
    with answering(on_s3, "ListObjectsV2", *busy) as asked:
        assert tally(on_s3.listing()).files == len(FILES)
        # Three failures, then two pages.
        assert len(asked) == 5
    with answering(on_s3, "GetObject", *(refusal(503, "SlowDown") for _ in range(9))) as asked:
        with pytest.raises(TransientError, match="SlowDown"):
            on_s3.head("stray", 1)
        assert len(asked) == 5
    for code, kind in (("AccessDenied", UnreadableError), ("ExpiredToken", PermanentError)):
        with answering(on_s3, "GetObject", refusal(403, code)) as asked:
            with pytest.raises(kind, match=code) as refused:
                on_s3.read("stray", at_most=1)
            assert len(asked) == 1
            # Only what is about this object alone may be held against it.
            assert isinstance(refused.value, UnreadableError) == (kind is UnreadableError)
    # A page that cannot be listed is no end of the listing.
    listing = on_s3.listing()
    next(listing)
    with answering(on_s3, "ListObjectsV2", refusal(403, "AccessDenied")), pytest.raises(PermanentError):
        list(listing)


@pytest.mark.parametrize("access", [S3Access("not an address"), S3Access("http://localhost:9", "key", "")])
def test_settings_that_s3s_client_refuses_are_named(access):
    with pytest.raises(PermanentError, match="S3_ENDPOINT_URL"):
        open_backup("s3://bucket/media", access)


def test_a_name_that_no_bucket_can_have_is_no_empty_backup_and_not_asked_for_again():
    backup = open_backup("s3://no such bucket/media", S3Access("http://localhost:9", "key", "secret"))
    with pytest.raises(PermanentError, match=r"the request could not be made.*S3_BACKUP_PATH"):
        list(backup.listing())


def test_a_folder_lists_and_reads_the_same_as_s3(folder):
    assert {one.key: one.size for one in folder.listing()} == {key: len(body) for key, body in FILES.items()}
    assert {one.key for one in folder.listing("Profile-Pics/")} == {"Profile-Pics/buyer/one"}
    assert folder.head("Service-Images/0005/x", 3) == b"abc"
    assert folder.read("Service-Images/0005/x", at_most=2) == b"abc"
    assert list(folder.listing("no such folder/")) == []


def test_what_is_no_file_is_listed_and_never_followed(folder):
    (folder.root / "Profile-Pics" / "link").symlink_to("/etc/hostname")
    (folder.root / "linked folder").symlink_to(folder.root)
    os.mkfifo(folder.root / "pipe")
    found = {one.key: one.special for one in folder.listing() if one.special}
    assert found == {
        "Profile-Pics/link": "inode/symlink", "linked folder": "inode/symlink", "pipe": "inode/special",
    }  # fmt: skip
    # A category that is a link to somewhere else is a link, by both listings.
    shutil.move(folder.root / "Chat-Images", folder.root / "elsewhere")
    (folder.root / "Chat-Images").symlink_to(folder.root / "elsewhere")
    assert list(folder.listing("Chat-Images/")) == []


@pytest.fixture
def nobodys() -> Iterator[FolderBackup]:
    """A folder as somebody without rights sees it: root may read everything."""
    root = Path(tempfile.mkdtemp(prefix="backup-of-tests-", dir="/var/tmp"))
    (root / "Profile-Pics" / "buyer").mkdir(parents=True)
    (root / "Profile-Pics" / "buyer" / "one").write_bytes(b"1")
    root.chmod(0o755)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65_534)
    try:
        yield FolderBackup(root)
    finally:
        os.seteuid(was)
        shutil.rmtree(root)


def forbid(path: Path) -> None:
    was = os.geteuid()
    os.seteuid(os.getuid())
    path.chmod(0)
    os.seteuid(was)


def test_a_folder_that_cannot_be_read_fails_the_listing_and_is_not_empty(nobodys):
    assert [one.key for one in nobodys.listing()] == ["Profile-Pics/buyer/one"]
    forbid(nobodys.root / "Profile-Pics" / "buyer")
    for prefix in ("", "Profile-Pics/"):
        with pytest.raises(UnreadableError, match="Profile-Pics/buyer: it cannot be read"):
            list(nobodys.listing(prefix))


def test_a_file_that_cannot_be_read_is_an_error_of_that_file(nobodys):
    forbid(nobodys.root / "Profile-Pics" / "buyer" / "one")
    with pytest.raises(UnreadableError, match="Profile-Pics/buyer/one: it cannot be read"):
        nobodys.head("Profile-Pics/buyer/one", 1)


def test_a_folder_that_has_gone_is_no_empty_backup(tmp_path):
    (tmp_path / "backup").mkdir()
    backup = open_backup(str(tmp_path / "backup"), S3Access())
    (tmp_path / "backup").rmdir()
    for prefix in ("", "Profile-Pics/"):
        with pytest.raises(TransientError, match="folder of the backup is gone"):
            list(backup.listing(prefix))
    with pytest.raises(PermanentError, match="is not there"):
        open_backup(str(tmp_path / "backup"), S3Access())


@pytest.mark.parametrize(
    ("name", "why"),
    [(b"bl\xe5b\xe6r", "not UTF-8"), ("/".join(["å" * 100] * 6).encode(), "longer than the 1024")],
)
def test_a_name_that_no_store_could_hold_is_an_error_with_a_remedy(tmp_path, name, why):
    path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 - bytes
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "wb"):  # noqa: PTH123
        pass
    with pytest.raises(PermanentError, match=why) as refused:
        list(FolderBackup(tmp_path).listing())
    assert "Rename it" in str(refused.value)
