"""Which outcome prevails where another run was at the same file."""

from dataclasses import replace

import pytest

from migration_kit.accounting import State
from migration_kit.ledger import Entry
from nabo_pipeline.stores.outcomes import Outcome, prevails

DONE = Entry(
    "a", "profile", State.MIGRATED, None, "1" * 64, "2" * 64, {"path": "p/a.png", "version": "v1"}, "run 1"
)
ROW = {"id": "x"}
BROKEN = Entry("a", "profile", State.QUARANTINED, "Source cannot be read", run_id="run 2")


@pytest.mark.parametrize(
    ("new", "known", "standing", "expected"),
    [
        (DONE, None, None, DONE),
        (DONE, BROKEN, BROKEN, DONE),
        (BROKEN, None, None, BROKEN),
        (BROKEN, None, DONE, None),
        (BROKEN, DONE, DONE, BROKEN),
        (BROKEN, DONE, replace(DONE, target_hash="3" * 64), None),
        (DONE, None, replace(DONE, run_id="run 2"), None),
        (replace(DONE, state=State.ALREADY_PRESENT), None, DONE, None),
        (DONE, None, replace(DONE, state=State.ALREADY_PRESENT), DONE),
        (replace(DONE, target_hash="3" * 64), DONE, DONE, replace(DONE, target_hash="3" * 64)),
    ],
    ids=[
        "the first", "repaired", "broken", "another run verified it meanwhile", "broken since it was verified",
        "another run verified other bytes meanwhile", "both sent it", "found what the other run put there",
        "put there what the other run found", "other bytes",
    ],
)  # fmt: skip
def test_what_was_verified_stays_unless_it_was_known_to_be_so(new, known, standing, expected):
    assert prevails(Outcome(new, known), standing) == expected


def test_a_row_and_a_new_version_mark_are_kept():
    found = replace(DONE, state=State.ALREADY_PRESENT, detail={**DONE.detail, "row": ROW})
    assert prevails(Outcome(DONE, None), found) == replace(DONE, detail={**DONE.detail, "row": ROW})
    with_row = replace(DONE, detail={**DONE.detail, "row": ROW})
    copied = replace(DONE, detail={**DONE.detail, "version": "v2"}, run_id="run 2")
    assert prevails(Outcome(copied, DONE), with_row) == replace(
        with_row, detail={**with_row.detail, "version": "v2"}
    )
