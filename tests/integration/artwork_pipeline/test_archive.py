"""Archives: proved means restored from the disk and compared, and a file that changed afterwards proves nothing."""

import resource
import signal
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from artwork_pipeline.stores import archive, archive_files
from artwork_pipeline.stores.sessions import session
from migration_kit.failures import PermanentError

pytestmark = pytest.mark.usefixtures("reports_path")
Query = Callable[..., list[Any]]


def back_up(url: str, *tables: str) -> archive.Archive:
    with session(url) as connection:
        wanted = tables or archive.what_to_keep(connection)
        return archive.back_up(connection, wanted, by="tester", run_id="run")


def newest(url: str, *tables: str) -> archive.Archive | None:
    with session(url) as connection:
        return archive.newest_proved(connection, tables or archive.what_to_keep(connection))


@pytest.fixture(scope="module")
def kept(untouched: str) -> str:
    """One for all tests that look at no archive but the newest of their own."""
    return untouched


def proved(url: str, query: Query) -> int:
    return int(
        query(url, "SELECT count(*) FROM artwork_migration.archives WHERE proved_at IS NOT NULL")[0][0]
    )


def test_an_archive_holds_both_sides_the_users_and_everything_that_points_at_artworks(
    kept: str, query: Query
) -> None:
    made = back_up(kept)
    names = {table.name for table in made.tables}
    assert names >= {
        "public.artworks", "public.artworks_v2", "public.artwork_token_aliases", "public.users", "public.orders",
        "public.admin_reviews",
    }  # fmt: skip
    for table in made.tables:
        assert table.rows == query(kept, f"SELECT count(*) FROM {table.name}")[0][0]
    assert made.by == "tester"
    assert made.age.total_seconds() < 60
    assert newest(kept) is not None


def test_before_anything_was_planned_there_is_no_archive_and_one_can_be_made(source: str) -> None:
    assert newest(source) is None
    assert "public.artworks" in {table.name for table in back_up(source).tables}
    assert newest(source) is not None


def test_an_archive_is_that_of_its_tables_whatever_they_are_called_later(expanded: str, query: Query) -> None:
    made = back_up(expanded, "public.artworks")
    query(expanded, "ALTER TABLE artworks RENAME TO artworks_v1")
    found = newest(expanded, "public.artworks_v1")
    assert found is not None
    assert found.id == made.id
    query(expanded, "CREATE TABLE artworks (LIKE artworks_v1)")
    assert newest(expanded, "public.artworks") is None


def test_an_archive_of_fewer_tables_proves_nothing_for_the_others(expanded: str) -> None:
    back_up(expanded, "public.artworks")
    assert newest(expanded, "public.artworks", "public.users") is None


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "tampered with": (flip, "its SHA-256 is not that of what was written"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes and was written with"),
    "lost": (Path.unlink, "it is not there"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_was_damaged_proves_nothing_until_a_new_archive_is_made(kept: str, damage: str) -> None:
    made = back_up(kept, "public.artworks", "public.users")
    change, told = DAMAGES[damage]
    file = made.folder / made.tables[1].file
    change(file)
    with pytest.raises(PermanentError, match=told) as refused:
        newest(kept, "public.artworks")
    assert refused.value.item == str(file)
    assert "artwork_back_up" in str(refused.value)
    again = back_up(kept, "public.artworks")
    found = newest(kept, "public.artworks")
    assert found is not None
    assert found.id == again.id


def test_a_folder_that_cannot_be_made_is_told_and_nothing_is_recorded(
    kept: str, query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = proved(kept, query)
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("REPORTS_PATH", str(tmp_path / "file"))
    with pytest.raises(PermanentError, match="cannot be written") as refused:
        back_up(kept, "public.artworks")
    assert str(tmp_path / "file") in str(refused.value)
    assert "REPORTS_PATH" in str(refused.value)
    assert proved(kept, query) == before


def test_a_full_disk_is_told_and_leaves_no_half_archive(kept: str, query: Query) -> None:
    before = proved(kept, query)
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, was[1]))
    try:
        with pytest.raises(PermanentError, match="cannot be written") as refused:
            back_up(kept, "public.artworks")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
        signal.signal(signal.SIGXFSZ, handler)
    assert "Make room" in str(refused.value)
    assert list(archive_files.archives_path().iterdir()) == []
    assert proved(kept, query) == before
    assert back_up(kept, "public.artworks").rows > 0


def test_what_a_dead_run_left_is_taken_away_by_the_next(expanded: str, query: Query) -> None:
    back_up(expanded, "public.users")
    query(
        expanded, "INSERT INTO artwork_migration.archives (id, by_person, run_id) VALUES ('dead', 'x', 'x')"
    )
    left = archive_files.archives_path() / "dead"
    left.mkdir()
    (left / "public.artworks.copy.gz").write_bytes(b"half")
    assert newest(expanded, "public.artworks") is None
    back_up(expanded, "public.artworks")
    assert not left.exists()
    assert query(expanded, "SELECT count(*) FROM artwork_migration.archives WHERE id = 'dead'") == [(0,)]


def test_two_archives_at_once_are_one_and_a_refusal(kept: str) -> None:
    with psycopg.connect(kept) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('artwork_migration archives'))")
        with pytest.raises(PermanentError, match="another archive of this database is being made"):
            back_up(kept, "public.artworks")
    assert back_up(kept, "public.artworks").rows > 0


def test_all_tables_are_of_one_snapshot_while_people_write(
    expanded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the first table and the last, somebody deletes all orders: the archive still has them."""
    original = archive_files.store

    def and_somebody_writes(path: Path, blocks: Any) -> archive_files.Stored:
        stored = original(path, blocks)
        with psycopg.connect(expanded, autocommit=True) as other:
            other.execute("DELETE FROM orders")
        return stored

    monkeypatch.setattr(archive, "store", and_somebody_writes)
    with psycopg.connect(expanded) as connection:
        orders = connection.execute("SELECT count(*) FROM orders").fetchone()
    made = back_up(expanded, "public.users", "public.orders")
    assert orders is not None
    assert made.tables[1].rows == orders[0] > 0


def test_a_value_that_does_not_come_back_as_it_was_is_no_archive(kept: str, query: Query) -> None:
    """A type that is sent backwards and received forwards: what is restored is another row."""
    query(kept, _SHIFTY)
    with pytest.raises(PermanentError, match="3 rows are missing and 3 are others"):
        back_up(kept, "public.shifting")
    assert newest(kept, "public.shifting") is None


def test_a_type_without_a_binary_form_is_named_with_its_table(kept: str, query: Query) -> None:
    query(kept, "CREATE TABLE locked (rights aclitem)")
    with pytest.raises(PermanentError, match="no binary output function") as refused:
        back_up(kept, "public.locked")
    assert refused.value.item == "public.locked"


def test_a_table_that_is_not_there_is_named(kept: str) -> None:
    with pytest.raises(PermanentError, match="no such table") as refused:
        back_up(kept, "public.artworks_v9")
    assert refused.value.item == "public.artworks_v9"


def test_an_archive_of_any_size_takes_the_memory_of_a_block(kept: str, query: Query) -> None:
    query(
        kept,
        "CREATE TABLE large AS SELECT n, repeat(md5(n::text), 32) AS filling FROM generate_series(1, 24000) AS n",
    )
    tracemalloc.start()
    try:
        made = back_up(kept, "public.large")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.rows == 24_000
    assert peak < 6 * archive_files.BLOCK < 24_000 * 1024 / 3


def test_archives_are_closed_to_other_users_of_the_machine(kept: str) -> None:
    made = back_up(kept, "public.users")
    assert made.folder.parent.stat().st_mode & 0o077 == 0
    assert (made.folder / made.tables[0].file).stat().st_mode & 0o077 == 0


_SHIFTY = """
    CREATE TYPE shifty;
    CREATE FUNCTION shifty_in(cstring) RETURNS shifty LANGUAGE internal IMMUTABLE STRICT AS 'textin';
    CREATE FUNCTION shifty_out(shifty) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
    CREATE FUNCTION shifty_receive(internal) RETURNS shifty LANGUAGE internal STABLE STRICT AS 'textrecv';
    CREATE FUNCTION shifty_send(shifty) RETURNS bytea LANGUAGE internal STABLE STRICT AS 'text_reverse';
    CREATE TYPE shifty (
        INPUT = shifty_in, OUTPUT = shifty_out, RECEIVE = shifty_receive, SEND = shifty_send, LIKE = text);
    CREATE TABLE shifting (value shifty);
    INSERT INTO shifting VALUES ('ab'), ('bc'), ('cd')
"""
