"""Progress in the run's log."""

from migration_kit.progress import track


def test_progress_hands_on_every_item_and_tells_how_far_it_is():
    lines: list[str] = []
    assert list(track(range(5), total=5, log=lines.append, what="pictures", every_seconds=0)) == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert any("pictures: 5 of 5 (100%)" in line for line in lines)


def test_progress_tells_the_bytes_a_second_where_items_have_a_size():
    lines: list[str] = []
    told = track(
        range(3), total=3, log=lines.append, what="pictures", size=lambda _: 2_000_000, every_seconds=0
    )
    assert list(told) == [0, 1, 2]
    assert lines[-1].startswith("pictures: 3 of 3 (100%)")
    assert lines[-1].endswith(" MB/s")


def test_progress_counts_on_where_nobody_knows_how_many_there_are():
    lines: list[str] = []
    assert list(track(iter("ab"), total=None, log=lines.append, what="listing", every_seconds=0)) == [
        "a",
        "b",
    ]
    assert lines[-1].startswith("listing: 2 so far")
