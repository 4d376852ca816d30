"""What a reading tells, whose an unexplained object is, and that every rule of the suites can break."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.accounting import State
from migration_kit.ledger import Entry
from migration_kit.suites import validate_frame
from nabo_pipeline.media.reconciliation import ObjectFacts, Unexplained, Whose, reading, whose
from nabo_pipeline.suites.validation import AVATARS, GALLERIES, OTHERS, PICTURES, SUITES, TABLES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY = Entry(
    "Service-Images/s/a", "service", State.MIGRATED, target_hash="hash",
    detail={
        "bucket": "service-media", "path": "s/a.jpg", "mime": "image/jpeg", "media_type": "service_image",
        "owner": "p", "service": "s", "chat_message": None,
        "row": {"id": "r", "created_at": NOW.isoformat(), "is_preview_image": True},
    },
)  # fmt: skip


def test_a_reading_lays_the_object_beside_the_ledger():
    found = reading(ENTRY, ObjectFacts("hash", "image/jpeg", decodes=True))
    assert (found.found, found.equal, found.decodes, found.sniffed) == (True, True, True, "image/jpeg")
    assert (found.extension, found.row_id, found.is_preview_image) == ("jpg", "r", True)
    assert reading(ENTRY, ObjectFacts("other", "image/jpeg", decodes=True)).equal is False


def test_of_a_missing_object_nothing_else_is_said_and_a_picture_may_have_no_row_yet():
    rowless = replace(ENTRY, detail={name: value for name, value in ENTRY.detail.items() if name != "row"})
    found = reading(rowless, None)
    assert (found.found, found.equal, found.decodes, found.sniffed, found.row_id) == (False, *[None] * 4)


UNEXPLAINED = st.builds(Unexplained, st.just("a/b.png"), st.booleans(), st.booleans())


@given(UNEXPLAINED, st.timedeltas(timedelta(days=-9), timedelta(days=9)))
def test_what_carries_the_mark_or_has_our_row_is_ours_wherever_and_whenever_it_was_made(found, since):
    at = NOW + since
    assert whose(found, marked=True, created_at=at, first_plan=NOW) is Whose.OURS_BY_MARK
    with_row = replace(found, has_our_row=True)
    assert whose(with_row, marked=False, created_at=at, first_plan=NOW) is Whose.OURS_BY_ROW


@pytest.mark.parametrize(
    ("in_our_folder", "created_at", "owner"),
    [
        (True, NOW + timedelta(hours=1), Whose.NOBODYS),
        (True, None, Whose.NOBODYS),
        (True, NOW - timedelta(hours=1), Whose.OTHERS),
        (False, NOW + timedelta(hours=1), Whose.OTHERS),
        (False, None, Whose.OTHERS),
    ],
)
def test_without_a_mark_only_what_is_new_in_a_folder_of_ours_is_suspected(in_our_folder, created_at, owner):
    found = Unexplained("a/b.png", in_our_folder, has_our_row=False)
    assert whose(found, marked=False, created_at=created_at, first_plan=NOW) is owner


GOOD = {
    PICTURES.name: {"subject": "a", **{rule.column: True for rule in PICTURES.rules[1:]}},
    GALLERIES.name: {
        "service": "s",
        "previews": 1,
        "preview_comes_first": True,
        "created_at_increases": True,
    },
    AVATARS.name: {"owner": "p", "avatars": 1},
    OTHERS.name: {"object": "o", "explained": True},
}
BREAKS = [
    *((PICTURES, {rule.column: False}) for rule in PICTURES.rules[1:]),
    (GALLERIES, {"previews": 0}), (GALLERIES, {"previews": 2}),
    (GALLERIES, {"preview_comes_first": False}), (GALLERIES, {"created_at_increases": False}),
    (AVATARS, {"avatars": 0}), (AVATARS, {"avatars": 2}),
    (OTHERS, {"explained": False}),
]  # fmt: skip


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_what_is_as_it_should_be_passes(suite):
    report = validate_frame(pd.DataFrame([GOOD[suite.name]]), suite)
    assert not report.broken
    assert suite.name in TABLES


@pytest.mark.parametrize(("suite", "fault"), BREAKS)
def test_each_disagreement_breaks_exactly_its_rule(suite, fault):
    report = validate_frame(pd.DataFrame([GOOD[suite.name] | fault]), suite)
    assert [result.column for result in report.broken] == list(fault)
    # An object of somebody else's is told and stops nothing.
    assert report.passed == (suite is OTHERS)


def test_a_picture_that_is_checked_twice_and_an_empty_table_do_not_pass():
    assert not validate_frame(pd.DataFrame([GOOD[PICTURES.name]] * 2), PICTURES).passed
    assert not validate_frame(pd.DataFrame([], columns=list(GOOD[PICTURES.name])), PICTURES).passed
