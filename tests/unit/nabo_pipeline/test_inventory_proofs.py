"""The proofs: listings that agree, sums that are the whole."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.failures import PermanentError
from nabo_pipeline.media.inventory import (
    StoredObject,
    Survey,
    Totals,
    first_difference,
    prove_listing,
    prove_totals,
    tally,
)

OBJECTS = [
    StoredObject("Profile-Pics/buyer/a", 3, "1"),
    StoredObject("Chat-Images/c/d.jpg", 4, "1"),
    StoredObject("x", 5, "1"),
]


STORED = st.builds(
    StoredObject, st.text(max_size=20), st.integers(0, 2**40), st.text("0123456789abcdef-", max_size=8)
)


@given(st.lists(STORED, max_size=20), st.randoms())
def test_a_listings_fingerprint_follows_content_and_not_order(objects, rng):
    shuffled = rng.sample(objects, len(objects))
    assert tally(objects).fingerprint == tally(shuffled).fingerprint


@given(st.lists(STORED, min_size=1, max_size=20), STORED)
def test_no_object_comes_goes_or_doubles_unnoticed(objects, other):
    fingerprint = tally(objects).fingerprint
    assert tally(objects[1:]).fingerprint != fingerprint
    assert tally([*objects, objects[0]]).fingerprint != fingerprint
    if other != objects[0]:
        assert tally([other, *objects[1:]]).fingerprint != fingerprint


@given(st.lists(STORED, max_size=20))
def test_the_categories_add_up_to_the_whole(objects):
    survey = Survey()
    handed_on = list(survey.take(objects, "other"))
    whole = tally(objects)
    assert (survey.whole.files, survey.whole.fingerprint) == (whole.files, whole.fingerprint)
    totals = {name: Totals(found.files, found.bytes) for name, found in survey.tallies.items()}
    prove_totals(totals, Totals(whole.files, whole.bytes))
    assert tally(handed_on).fingerprint == survey.tallies["other"].fingerprint


@pytest.mark.parametrize("whole", [Totals(4, 12), Totals(3, 13)])
def test_a_file_or_a_byte_too_few_is_noticed(whole):
    with pytest.raises(PermanentError, match="the whole listing"):
        prove_totals({"profile": Totals(1, 3), "chat": Totals(1, 4), "other": Totals(1, 5)}, whole)


@pytest.mark.parametrize("own", [[], [replace(OBJECTS[0], size=4)], [*OBJECTS[:1], *OBJECTS[:1]]])
def test_two_listings_that_disagree_are_refused_with_an_example(own):
    expected = OBJECTS[:1]
    refused = partial(prove_listing, "profile", tally(expected))
    with pytest.raises(PermanentError, match=r"two listings of the backup disagree.*Profile-Pics/buyer/a"):
        refused(tally(own), lambda: first_difference(expected, own))
    with pytest.raises(PermanentError, match="but agree by now"):
        refused(tally(own), lambda: first_difference(expected, expected))
    refused(tally(expected), lambda: None)
