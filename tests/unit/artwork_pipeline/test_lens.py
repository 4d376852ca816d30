"""The laws of the mapping, on whatever both tables may hold: nothing is lost on the way there and back."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from artwork_pipeline.artworks import mapping
from artwork_pipeline.artworks.columns import SOURCE_COLUMNS
from artwork_pipeline.artworks.dialects import COLUMNS_OF, Dialect
from tests.unit.artwork_pipeline.rows import (
    clean_changes,
    cleaned,
    dialects,
    migratable,
    of_dialect,
    source_changes,
)

OWNER, OTHER = UUID(int=9), UUID(int=7)
owners = st.sampled_from([OWNER, OTHER, None])
SAID_ALIKE = (
    "id", "customer_name", "customer_email", "pet_name", "access_token", "token_expires_at", "mockup_generated_at",
    "upscale_completed_at", "created_at", "updated_at",
)  # fmt: skip


@given(migratable, dialects)
def test_an_old_row_comes_back_from_its_clean_row_as_it_was(row, dialect):
    row = of_dialect(row, dialect)
    clean, found = cleaned(row, {}, owner=OWNER)
    assert mapping.back(clean, dialect=dialect, **found) == row


@given(migratable, clean_changes, dialects)
def test_whatever_people_write_into_the_clean_row_the_old_table_can_hold(row, changes, dialect):
    row = of_dialect(row, dialect)
    clean, found = cleaned(row, changes, owner=OWNER)
    said = mapping.back(clean, dialect=dialect, **found)
    assert said["generation_status"] in {row["generation_status"], "pending", "completed", "failed"} | (
        set() if "generation_status" in COLUMNS_OF[dialect] else {None}
    )
    assert said["upscale_status"] in {
        row["upscale_status"], "pending", "processing", "completed", "failed", "not_required",
    } | ({None} if dialect is Dialect.A else set())  # fmt: skip
    assert said["original_image_url"] in (row["original_image_url"], "pending")
    assert said["customer_email"] is not None
    assert all(said[name] is None for name in {*SOURCE_COLUMNS} - COLUMNS_OF[dialect])


@given(migratable, clean_changes, st.sampled_from([Dialect.B, Dialect.C]))
def test_what_the_old_table_can_say_comes_forward_as_it_was_written(row, changes, dialect):
    clean, found = cleaned(of_dialect(row, dialect), changes, owner=OWNER)
    again = mapping.clean(mapping.back(clean, dialect=dialect, **found), **found)
    assert {name: again[name] for name in SAID_ALIKE} == {name: clean[name] for name in SAID_ALIKE}
    assert clean["user_id"] in (again["user_id"], None)
    if dialect is Dialect.B and clean["generation_status"] != "processing":
        assert again["generation_status"] == clean["generation_status"]
    if clean["upscale_status"] != "pending":
        assert again["upscale_status"] == clean["upscale_status"]


@given(migratable, clean_changes, dialects)
def test_what_was_carried_back_comes_forward_unchanged(row, changes, dialect):
    clean, found = cleaned(of_dialect(row, dialect), changes, owner=OWNER)
    said = mapping.back(clean, dialect=dialect, **found)
    plain = mapping.clean(said, **found)
    assert mapping.held(clean, plain, said, dialect=dialect, owner_now=OWNER, **found) == clean


@given(st.tuples(migratable, clean_changes), st.tuples(migratable, source_changes), dialects, owners)
def test_a_row_that_both_sides_wrote_still_goes_back_to_the_old_row_as_it_is(one, other, dialect, owner_now):
    (row, changes), (later, names) = one, other
    clean, found = cleaned(of_dialect(row, dialect), changes, owner=OWNER)
    now = mapping.back(clean, dialect=dialect, **found) | {name: later[name] for name in names}
    now = of_dialect(now, dialect)
    afterwards = found | {"owner": owner_now}
    held = mapping.held(
        clean, mapping.clean(now, **afterwards), now, dialect=dialect, owner_now=owner_now, **found
    )
    if now != mapping.back(clean, dialect=dialect, **found):
        assert mapping.back(held, dialect=dialect, **afterwards) == now
    else:
        assert held == clean
    assert all(held[name] == clean[name] for name in mapping.UNKNOWN_BEFORE)
