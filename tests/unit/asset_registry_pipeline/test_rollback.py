"""Rollback takes back only what is as it was written, and never removes what was changed in place."""

import pytest

from asset_registry_pipeline.registry.rollback import (
    BROKEN_PREIMAGE,
    CHANGED,
    DELETED,
    NO_PREIMAGE,
    PHASES,
    REFERRED,
    UNKNOWN_ID,
    DocumentIs,
    Done,
    PreimageIs,
    Referring,
    Standing,
    judge,
)
from asset_registry_pipeline.steps.rollback_standing import CHUNK_BYTES, in_chunks
from migration_kit.accounting import State
from migration_kit.ledger import Entry

AS_WRITTEN, GONE = DocumentIs.AS_WRITTEN, DocumentIs.GONE
REFERRING = Referring(3, "C.FUL.POP.125")


@pytest.mark.parametrize(
    ("found", "in_place", "done"),
    [
        (Standing(AS_WRITTEN), False, Done.REMOVED),
        (Standing(GONE), False, Done.ALREADY_GONE),
        (Standing(GONE, referring=REFERRING), False, Done.ALREADY_GONE),
        (Standing(AS_WRITTEN, PreimageIs.SOUND), True, Done.RESTORED),
        # What was changed in place is never removed, whatever profile is set by now.
        (Standing(AS_WRITTEN, PreimageIs.SOUND), False, Done.RESTORED),
    ],
)
def test_what_nobody_changed_goes(found: Standing, in_place: bool, done: Done) -> None:
    assert judge(found, in_place=in_place) == (done, None)


@pytest.mark.parametrize(
    ("found", "in_place", "reason"),
    [
        (Standing(DocumentIs.CHANGED), False, CHANGED),
        (Standing(DocumentIs.CHANGED, PreimageIs.SOUND), True, CHANGED),
        (Standing(DocumentIs.UNKNOWN), False, UNKNOWN_ID),
        (Standing(GONE, PreimageIs.SOUND), True, DELETED),
        (Standing(AS_WRITTEN), True, NO_PREIMAGE),
        (Standing(AS_WRITTEN, PreimageIs.BROKEN), True, BROKEN_PREIMAGE),
        (Standing(AS_WRITTEN, PreimageIs.BROKEN), False, BROKEN_PREIMAGE),
    ],
)
def test_everything_else_is_left_with_its_reason(found: Standing, in_place: bool, reason: str) -> None:
    assert judge(found, in_place=in_place) == (Done.LEFT, reason)


@pytest.mark.parametrize("preimage", [PreimageIs.ABSENT, PreimageIs.SOUND])
def test_what_composites_are_built_from_stays(preimage: PreimageIs) -> None:
    assert judge(Standing(AS_WRITTEN, preimage, REFERRING), in_place=False) == (Done.LEFT, REFERRED)
    # Somebody changed it: that has to be settled first of all.
    changed = Standing(DocumentIs.CHANGED, preimage, REFERRING)
    assert judge(changed, in_place=False) == (Done.LEFT, CHANGED)


def test_every_layer_belongs_to_one_phase() -> None:
    assert sorted(layer for layers in PHASES.values() for layer in layers) == sorted("SLWMGC")


def test_documents_are_taken_back_in_chunks_that_are_neither_too_many_nor_too_large() -> None:
    entries = [Entry(item, "S", State.MIGRATED) for item in "abcdefg"]
    heads = {"d": {"bytes": CHUNK_BYTES}, "e": {"bytes": CHUNK_BYTES - 1}, "f": {"bytes": 1}}
    chunks = ["".join(entry.item for entry in chunk) for chunk in in_chunks(entries, heads, documents=3)]
    assert chunks == ["abc", "d", "efg"]
