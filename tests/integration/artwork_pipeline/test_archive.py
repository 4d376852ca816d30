"""Archives: proved means restored from the disk and compared, and a file that changed afterwards proves nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from artwork_pipeline.stores import archive
from artwork_pipeline.stores.sessions import session

pytestmark = pytest.mark.usefixtures("reports_path")
Query = Callable[..., list[Any]]


def back_up(url: str, *tables: str) -> archive.Archive:
    with session(url) as connection:
        wanted = tables or archive.what_to_keep(connection)
        return archive.back_up(connection, wanted, by="tester", run_id="run")


def newest(url: str, *tables: str) -> archive.Archive | None:
    with session(url) as connection:
        return archive.newest_proved(connection, tables or archive.what_to_keep(connection))


def test_an_archive_holds_both_sides_the_users_and_everything_that_points_at_artworks(
    expanded: str, query: Query
) -> None:
    made = back_up(expanded)
    names = {table.name for table in made.tables}
    assert names >= {
        "public.artworks", "public.artworks_v2", "public.artwork_token_aliases", "public.users", "public.orders",
        "public.admin_reviews",
    }  # fmt: skip
    for table in made.tables:
        assert table.rows == query(expanded, f"SELECT count(*) FROM {table.name}")[0][0]
    assert made.by == "tester"
    assert made.age.total_seconds() < 60
    assert newest(expanded) is not None


def test_before_anything_was_planned_there_is_no_archive_and_one_can_be_made(source: str) -> None:
    assert newest(source) is None
    assert "public.artworks" in {table.name for table in back_up(source).tables}
    assert newest(source) is not None
