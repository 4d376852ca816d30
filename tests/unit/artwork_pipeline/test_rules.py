"""Which rows are tests, and which only look like it."""

import pytest

from artwork_pipeline.artworks.columns import SOURCE_COLUMNS
from artwork_pipeline.artworks.rules import TEST_RULES, quarantine_reason

REAL = dict.fromkeys(SOURCE_COLUMNS) | {
    "customer_name": "Ida",
    "customer_email": "ida@example.net",
    "original_image_url": "pending",
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"original_image_url": "test-pending"}, "test_pending"),
        ({"original_image_url": "TEST-Uploaded"}, "test_uploaded"),
        ({"generated_image_url": "Test-1.png"}, "test_prefix"),
        ({"source_images": {"pet_photo": "test-1.png"}}, "test_prefix"),
        ({"original_pet_url": "http://localhost:3000/x.png"}, "localhost_url"),
        ({"original_pet_url": "https://127.0.0.1/x.png"}, "localhost_url"),
        ({"customer_name": "TEST customer", "customer_email": " A@Example.com"}, "example_customer"),
        ({"access_token": "Test-Token-9"}, "test_token"),
        ({"customer_name": None}, "no_customer_name"),
        ({"customer_email": None}, "no_customer_email"),
        ({"customer_email": " \u200b"}, "no_customer_email"),
    ],
)
def test_a_row_of_a_rule_is_named_by_it(changes, reason):
    assert quarantine_reason(REAL | changes) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"original_image_url": None},
        {"original_image_url": "testament.jpg"},
        {"original_image_url": "https://img.example.org/test-1.jpg"},
        {"original_image_url": "https://localhost.example.org/x.jpg"},
        {"customer_name": "Test Customer"},
        {"customer_email": "a@example.com"},
        {"customer_name": "Test Customer", "customer_email": "a@example.com.au"},
        {"access_token": "latest-token-1"},
        {"pet_name": "test-dog"},
        {"source_images": ["test-1.png"]},
        {"source_images": {"pet_photo": 7}},
    ],
)
def test_a_row_that_only_looks_like_a_test_is_real(changes):
    assert quarantine_reason(REAL | changes) is None


def test_the_first_rule_that_fits_is_the_reason():
    names = [rule.name for rule in TEST_RULES]
    assert len(set(names)) == len(names)
    assert (
        quarantine_reason(REAL | {"original_image_url": "test-pending", "access_token": "test-token-1"})
        == names[0]
    )
