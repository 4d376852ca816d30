"""Which phase may follow which, and what the tables are called meanwhile."""

import pytest

from artwork_pipeline.artworks.phases import AFTER, BEFORE, TRANSITIONS, Phase, tables_of


def test_a_switch_can_be_rolled_back_and_repeated_until_the_cleanup():
    assert Phase.ROLLED_BACK in TRANSITIONS[Phase.SWITCHED]
    assert Phase.SWITCHED in TRANSITIONS[Phase.ROLLED_BACK]
    assert TRANSITIONS[Phase.CLEANED] == frozenset()
    assert all(Phase.CLEANED not in after for phase, after in TRANSITIONS.items() if phase != Phase.SWITCHED)


def test_the_table_that_is_served_is_always_called_artworks():
    assert {phase: tables_of(phase) for phase in (Phase.PLANNED, Phase.EXPANDED, Phase.ROLLED_BACK)} == (
        dict.fromkeys((Phase.PLANNED, Phase.EXPANDED, Phase.ROLLED_BACK), BEFORE)
    )
    assert (BEFORE.old_name, BEFORE.clean_name) == ("public.artworks", "public.artworks_v2")
    assert tables_of(Phase.SWITCHED) == AFTER
    assert (AFTER.old_name, AFTER.clean_name) == ("public.artworks_v1", "public.artworks")


def test_after_the_cleanup_there_is_no_old_table_to_ask_for():
    cleaned = tables_of(Phase.CLEANED)
    assert cleaned.clean_name == "public.artworks"
    with pytest.raises(ValueError, match="no longer there"):
        cleaned.old_name  # noqa: B018
