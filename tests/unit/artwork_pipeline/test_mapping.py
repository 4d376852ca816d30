"""The mapping's decisions, one by one, and that nothing is lost by it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from artwork_pipeline.artworks import mapping
from artwork_pipeline.artworks.columns import CLEAN_COLUMNS, SOURCE_COLUMNS
from artwork_pipeline.artworks.dialects import Dialect
from artwork_pipeline.artworks.mapping import JSON_NULL, generation_status, upscale_status

CREATED = datetime(2025, 5, 5, tzinfo=UTC)
ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = UUID(int=9)
FOUND = {"owner": OWNER, "issued_token": "fresh", "issued_at": ISSUED}
ROW = dict.fromkeys(SOURCE_COLUMNS) | {
    "id": UUID(int=1),
    "original_image_url": "pending",
    "customer_name": "Ida",
    "customer_email": " Ida@Example.net",
    "created_at": CREATED,
}


def clean(**changes):
    return mapping.clean(ROW | changes, **FOUND)


@pytest.mark.parametrize(
    ("step", "status", "has_image", "expected"),
    [
        (None, "pending", True, "pending"),
        (None, None, True, "completed"),
        (None, None, False, "pending"),
        (None, "failed", False, "failed"),
        ("completed", "pending", True, "completed"),
        ("failed", "pending", False, "failed"),
        ("monalisa_generation", "pending", False, "processing"),
        ("upscaling", "pending", True, "completed"),
        ("pending", "completed", True, "completed"),
        ("a step of another release", "pending", False, "pending"),
        (None, "a status of another release", True, "completed"),
    ],
)
def test_the_generation_is_judged_by_step_then_status_then_picture(step, status, has_image, expected):
    assert generation_status(step, status, has_image=has_image) == expected


@pytest.mark.parametrize(
    ("status", "has_image", "expected"),
    [
        ("pending", False, "not_started"),
        (None, False, "not_started"),
        ("not_required", False, "not_started"),
        ("processing", False, "processing"),
        ("failed", False, "failed"),
        ("completed", True, "completed"),
        ("pending", True, "completed"),
    ],
)
def test_the_old_default_of_the_upscaling_means_not_started(status, has_image, expected):
    assert upscale_status(status, has_image=has_image) == expected


def test_a_missing_token_is_replaced_and_a_missing_expiry_counts_from_the_creation():
    row = clean()
    assert row["access_token"] == "fresh"
    assert row["token_expires_at"] == CREATED + timedelta(days=30)
    assert clean(access_token="")["access_token"] == "fresh"
    assert clean(created_at=None)["token_expires_at"] == ISSUED + timedelta(days=30)
    assert clean(access_token="own", token_expires_at=ISSUED)["access_token"] == "own"


def test_a_missing_picture_stays_missing_and_the_original_is_kept():
    row = clean()
    assert row["pet_image_url"] is row["pet_mom_image_url"] is row["generated_image_url"] is None
    assert row["legacy"]["original_image_url"] == "pending"
    assert clean(pet_name="")["pet_name"] == ""


def test_pictures_of_a_document_stand_in_for_missing_columns():
    row = clean(
        generation_step="completed",
        generated_images={"artwork_preview": "https://p", "artwork_full_res": "https://f"},
        source_images={"pet_photo": "", "pet_mom_photo": "https://m"},
        delivery_images={"mockups": {"poster": "https://d"}},
    )
    assert (row["generated_image_url"], row["upscaled_image_url"]) == ("https://p", "https://f")
    assert (row["pet_image_url"], row["pet_mom_image_url"]) == (None, "https://m")
    assert row["mockup_urls"] == {"poster": "https://d"}
    assert (row["generation_status"], row["upscale_status"]) == ("completed", "completed")


def test_the_user_of_the_row_comes_before_the_user_of_its_address():
    assert clean()["user_id"] == OWNER
    assert clean(user_id=UUID(int=3))["user_id"] == UUID(int=3)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"original_image_url": None, "generation_status": "completed", "upscale_status": "not_required"},
        {"access_token": "", "mockup_urls": JSON_NULL, "source_images": JSON_NULL},
        {"generated_images": {"artwork_preview": "https://p"}, "generation_step": "completed"},
        {
            "user_id": UUID(int=3),
            "token_expires_at": ISSUED,
            "upscaled_at": ISSUED,
            "customer_email": "ida@example.net",
        },
    ],
)
def test_the_old_row_can_be_restored_to_the_last_column(changes):
    row = clean(**changes)
    assert row.keys() == CLEAN_COLUMNS.keys()
    assert mapping.back(row, dialect=Dialect.C, **FOUND) == ROW | changes
