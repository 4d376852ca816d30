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
