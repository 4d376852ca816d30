"""Row ids, the order of galleries, previews."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nabo_pipeline.media.records import choose_preview, created_times, media_id

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_an_id_follows_from_bucket_and_path_alone():
    assert media_id("avatars", "a/b.png") == media_id("avatars", "a/b.png")
    assert media_id("avatars", "a/b.png") != media_id("service-media", "a/b.png")
    assert media_id("avatars", "a/b.png") == "e51db7fc-0d7d-57d1-a735-49c1c243afe8"


@given(st.sets(st.integers(0, 40), min_size=1), st.data())
def test_times_increase_in_path_order_however_the_pictures_arrive(numbers, data):
    paths = [f"{number:03d}" for number in sorted(numbers)]
    known: dict[str, datetime] = {}
    arrived: set[str] = set()
    while len(arrived) < len(paths):
        missing = sorted(set(paths) - arrived)
        arrived |= set(data.draw(st.lists(st.sampled_from(missing), min_size=1, max_size=8)))
        present = [path for path in paths if path in arrived]
        times = created_times(present, known, START)
        assert {path: times[path] for path in known} == known
        values = [times[path] for path in present]
        assert values == sorted(set(values))
        known = times


def test_times_that_contradict_the_order_are_refused():
    with pytest.raises(ValueError, match="not later"):
        created_times(["a", "b"], {"a": START, "b": START}, START)
    with pytest.raises(ValueError, match="no time is left"):
        created_times(["a", "b", "c"], {"a": START, "c": START + timedelta(microseconds=1)}, START)


@pytest.mark.parametrize(
    ("candidates", "current", "ours", "expected"),
    [
        (["b", "a"], [], [], ("a", None)),
        ([], [], [], (None, None)),
        (["a", "b"], ["a"], ["a"], (None, None)),
        (["a", "b"], ["theirs"], [], (None, None)),
        (["a", "b"], ["b"], ["b"], ("a", "b")),
        (["a", "b"], ["b"], [], (None, None)),
        (["a", "b"], [], ["b"], (None, None)),
    ],
    ids=[
        "first by path",
        "nothing",
        "already",
        "theirs stays",
        "an earlier one came",
        "theirs among ours",
        "unset",
    ],
)
def test_a_preview_is_the_first_by_path_unless_somebody_chose(candidates, current, ours, expected):
    assert choose_preview(candidates, current, ours) == expected
