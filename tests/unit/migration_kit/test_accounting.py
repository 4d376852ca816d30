"""The arithmetic of the accounting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.accounting import Accounting, State, require_balanced
from migration_kit.failures import PermanentError

COUNTS = st.lists(
    st.tuples(
        st.sampled_from(State), st.sampled_from([None, "too large", "no mapping"]), st.integers(0, 1000)
    )
)


@given(COUNTS)
def test_every_counted_item_appears_exactly_once(counts):
    total = sum(items for _, _, items in counts)
    accounting = Accounting.from_counts(total, counts)
    assert accounting.accounted == total
    assert accounting.balanced


@given(COUNTS, COUNTS)
def test_partitions_add_up_to_the_whole(left, right):
    def of(counts):
        return Accounting.from_counts(sum(items for _, _, items in counts), counts)

    together = of(left) + of(right)
    assert together.accounted == of(left).accounted + of(right).accounted
    assert together.balanced


def test_an_item_without_an_outcome_is_named_as_a_remainder():
    accounting = Accounting.from_counts(3, [("migrated", None, 1), ("excluded", "no mapping", 1)])
    with pytest.raises(PermanentError, match=r"profile: 1 of 3 items have no outcome"):
        require_balanced(accounting, where="profile")


def test_more_outcomes_than_items_are_refused():
    with pytest.raises(PermanentError, match="2 outcomes are recorded for 1 items"):
        require_balanced(Accounting(1, migrated=2), where="profile")


def test_an_empty_source_is_refused_unless_it_is_declared_empty():
    with pytest.raises(PermanentError, match="the source is empty"):
        require_balanced(Accounting(0), where="profile")
    require_balanced(Accounting(0), where="profile", source_may_be_empty=True)


def test_a_state_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="lost"):
        Accounting.from_counts(1, [("lost", None, 1)])
