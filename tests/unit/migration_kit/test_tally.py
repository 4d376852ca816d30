"""Counts are kept in a file and come back with the highest first."""

from migration_kit.tally import Tally


def test_counts_add_up_and_come_with_the_highest_first() -> None:
    with Tally() as tally:
        tally.add({"a": 1, "b": 2})
        tally.add({"a": 3, "c": 2, "\ud800 blåbær": 1})
        assert list(tally.most_first()) == [("a", 4), ("b", 2), ("c", 2), ("\ud800 blåbær", 1)]
        assert len(tally) == 4


def test_nothing_was_counted() -> None:
    with Tally() as tally:
        assert (len(tally), list(tally.most_first())) == (0, [])
