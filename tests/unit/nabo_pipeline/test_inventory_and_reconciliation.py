"""The proofs: listings that agree, sums that are the whole, three accounts that say the same."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.accounting import State
from migration_kit.failures import PermanentError
from migration_kit.ledger import Entry
from migration_kit.suites import validate_frame
from nabo_pipeline.media.inventory import (
    StoredObject,
    Survey,
    Totals,
    first_difference,
    prove_listing,
    prove_totals,
    tally,
)
from nabo_pipeline.media.reconciliation import (
    Expected,
    ObjectFacts,
    OwnerCheck,
    ServiceCheck,
    check_owners,
    check_pictures,
    check_services,
)
from nabo_pipeline.media.records import MediaRow, media_id
from nabo_pipeline.stores.outcomes import prevails
from nabo_pipeline.suites.validation import AVATARS, GALLERIES, PICTURES

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


NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROW = MediaRow(media_id("service-media", "s/a.webp"), NOW, "s/a.webp", "service_image", "p", "s")
ONE = Expected("Service-Images/s/a", "service-media", "s/a.webp", "hash", ROW)
GOOD = ObjectFacts("hash", decodes=True, content_type_fits=True)


def checks(**changes):
    given = {
        "expected": [ONE], "objects": {"s/a.webp": GOOD}, "found_paths": ["s/a.webp"], "rows": [ROW],
        "parents": {ROW.id: True},
    }  # fmt: skip
    found = check_pictures("service-media", **(given | changes))
    frame = pd.DataFrame([vars(check) for check in found])
    return validate_frame(frame, PICTURES)


def test_three_accounts_that_agree_pass():
    assert checks().passed


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"objects": {}}, "object_found"),
        ({"objects": {"s/a.webp": replace(GOOD, sha256="x")}}, "object_equals_ledger"),
        ({"objects": {"s/a.webp": replace(GOOD, decodes=False)}}, "object_decodes"),
        ({"objects": {"s/a.webp": replace(GOOD, content_type_fits=False)}}, "content_type_fits"),
        ({"rows": []}, "row_found"),
        ({"rows": [replace(ROW, owner_id="other")]}, "row_equals_ledger"),
        ({"rows": [ROW, replace(ROW, id="another")]}, "row_equals_ledger"),
        ({"parents": {}}, "parents_exist"),
        ({"found_paths": ["s/a.webp", "s/b.webp"]}, "in_ledger"),
        ({"expected": []}, "in_ledger"),
    ],
)
def test_each_disagreement_breaks_its_rule(changes, column):
    report = checks(**changes)
    assert not report.passed
    assert column in {result.column for result in report.broken}


def test_what_others_put_there_is_theirs():
    theirs = replace(ROW, id="theirs", file_path="s/own.png")
    assert checks(rows=[ROW, theirs], found_paths=["s/a.webp", "s/own.png"]).passed


def test_an_empty_table_does_not_pass():
    columns = ["subject", *(rule.column for rule in PICTURES.rules[1:])]
    assert not validate_frame(pd.DataFrame([], columns=columns), PICTURES).passed


@pytest.mark.parametrize("previews", [0, 2])
def test_a_service_without_or_with_two_previews_breaks_the_suite(previews):
    frame = pd.DataFrame([vars(ServiceCheck("s", previews, created_at_increases=True))])
    assert not validate_frame(frame, GALLERIES).passed


def test_galleries_and_avatars_are_counted_over_all_rows():
    second = replace(ROW, id="b", file_path="s/b.webp", is_preview_image=True)
    (service,) = check_services(["s"], [ROW, second], {"s": [ROW.id, "b"]})
    assert (service.previews, service.created_at_increases) == (1, False)
    avatars = [replace(ROW, id=name, media_type="avatar") for name in "ab"]
    assert check_owners(["p"], avatars) == [OwnerCheck("p", 2)]
    assert not validate_frame(pd.DataFrame([vars(OwnerCheck("p", 2))]), AVATARS).passed


MINE = Entry("a", "profile", State.MIGRATED, target_hash="h", detail={"path": "p", "version": "1"})
ADOPTED = replace(MINE, state=State.ALREADY_PRESENT)


def test_who_put_an_object_there_prevails_over_who_found_it():
    assert prevails(ADOPTED, MINE) is None
    assert prevails(MINE, ADOPTED) == MINE
    assert prevails(MINE, None) == MINE


def test_a_row_that_is_recorded_is_never_forgotten():
    recorded = replace(ADOPTED, detail={**ADOPTED.detail, "row": {"id": "r"}})
    assert prevails(MINE, recorded).detail["row"] == {"id": "r"}
    assert prevails(MINE, replace(MINE, detail=recorded.detail)) is None


def test_another_outcome_replaces_what_stands():
    quarantined = replace(MINE, state=State.QUARANTINED, target_hash=None)
    assert prevails(quarantined, MINE) == quarantined
    assert prevails(replace(MINE, target_hash="other"), MINE).target_hash == "other"
