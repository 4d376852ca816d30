"""What may be taken back: never what somebody touched; and what the history says of what went."""

from hypothesis import given
from hypothesis import strategies as st

from nabo_pipeline.media.rollback import (
    JOBS,
    OBJECT_REPLACED,
    OBJECT_SHOWN,
    ROW_CHANGED,
    ROW_NOT_RECORDED,
    Counts,
    ObjectIs,
    RowIs,
    Standing,
    object_done,
    reason_to_stay,
    row_done,
)

STANDINGS = st.builds(
    Standing,
    st.sampled_from(RowIs),
    st.sampled_from(ObjectIs),
    st.booleans(),
    st.one_of(st.none(), st.just("landing_pages")),
    st.just("403"),
)
TOUCHED = (RowIs.CHANGED, RowIs.NOT_RECORDED, ObjectIs.REPLACED, ObjectIs.UNREADABLE)


@given(STANDINGS)
def test_exactly_what_nobody_touched_may_go(found):
    touched = found.row in TOUCHED or found.object in TOUCHED or found.shown_by_others
    assert (reason_to_stay(found) is None) == (not touched and found.referring_table is None)


def test_each_reason_says_who_touched_it():
    written = (RowIs.AS_WRITTEN, ObjectIs.AS_WRITTEN)
    assert reason_to_stay(Standing(*written)) is None
    assert reason_to_stay(Standing(RowIs.CHANGED, ObjectIs.AS_WRITTEN)) == ROW_CHANGED
    assert reason_to_stay(Standing(RowIs.NOT_RECORDED, ObjectIs.GONE)) == ROW_NOT_RECORDED
    assert reason_to_stay(Standing(RowIs.GONE, ObjectIs.REPLACED)) == OBJECT_REPLACED
    assert reason_to_stay(Standing(*written, shown_by_others=True)) == OBJECT_SHOWN
    assert "landing_pages" in str(reason_to_stay(Standing(*written, referring_table="landing_pages")))
    assert "403" in str(reason_to_stay(Standing(RowIs.GONE, ObjectIs.UNREADABLE, why_unreadable="403")))


@given(STANDINGS.filter(lambda found: reason_to_stay(found) is None), st.booleans())
def test_the_history_has_a_word_for_everything_that_goes(found, created):
    assert row_done(found) in ("removed", "already gone", "never written")
    done = object_done(found, created=created)
    assert (done == "removed") == (created and found.object is ObjectIs.AS_WRITTEN)
    assert (done == "not ours") == (not created)


def test_counts_add_up_and_complete_is_all_the_others_together():
    assert Counts(pictures=1, freed=5) + Counts(pictures=2, left=1) == Counts(pictures=3, left=1, freed=5)
    assert set(JOBS["complete"]) == {
        name for what, names in JOBS.items() if what != "complete" for name in names
    }
