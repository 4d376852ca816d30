"""Estimates of a plan: what would be done to each type, and a table of prices that people may edit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.failures import PermanentError
from migration_kit.pictures.file_types import EMPTY, EXTENSIONS
from nabo_pipeline.media.estimates import Quantities, parse_estimates, treatment_of
from nabo_pipeline.media.plans import BucketRules
from nabo_pipeline.stores.estimates_file import read_estimates

PACKAGED = read_estimates("")
AVATARS = BucketRules("avatars", 2_000_000, frozenset({"image/jpeg", "image/png", "image/webp"}))
TABLE = """
currency: NOK
prices:
  - {name: reading, per: source_gb, price: 2, when: once}
  - {name: keeping, per: stored_gb, price: 0.5, when: monthly}
rates:
  png_to_webp: {saved_share: 0.5, seconds_per_mb: 2}
  png_lossless: {saved_share: 0, seconds_per_mb: 0}
  jpeg_reencoded: {saved_share: 0, seconds_per_mb: 0}
  still_lossless: {saved_share: 0, seconds_per_mb: 0}
  kept: {saved_share: 0, seconds_per_mb: 0}
seconds_per_file: 0.25
"""


@pytest.mark.parametrize(
    ("mime", "bucket", "policy", "told"),
    [
        ("image/png", AVATARS, "smallest faithful", "PNG to lossless WebP"),
        ("image/png", AVATARS, "keep format", "PNG without loss"),
        ("image/png", AVATARS, "as it is", "kept"),
        ("image/gif", AVATARS, "as it is", "GIF to lossless WebP, unless it has frames"),
        ("image/jpeg", AVATARS, "smallest faithful", "JPEG to quality 85, if it is above"),
        ("image/webp", AVATARS, "smallest faithful", "kept"),
        ("image/gif", AVATARS, "smallest faithful", "GIF to lossless WebP, unless it has frames"),
        (
            "image/tiff",
            BucketRules("b", None, frozenset({"image/png"})),
            "keep format",
            "TIFF to lossless PNG",
        ),
        ("image/gif", BucketRules("b", None, frozenset()), "smallest faithful", "kept"),
        (EMPTY, AVATARS, "smallest faithful", "quarantined when it is read: it is empty"),
    ],
)
def test_what_would_be_done_is_told_by_type_bucket_and_policy(mime, bucket, policy, told):
    assert treatment_of(mime, bucket, policy=policy, jpeg_quality=85).told.startswith(told)


@given(st.sampled_from([*EXTENSIONS, EMPTY]), st.integers(0, 2**40), st.sampled_from([None, 2_000_000]))
def test_no_estimate_is_larger_than_the_file_or_its_bucket(mime, size, limit):
    after, seconds = PACKAGED.of(treatment_of(mime, AVATARS, policy="", jpeg_quality=85), size, limit)
    assert 0 <= after <= min(size, limit or size)
    assert seconds >= 0


def test_a_table_is_read_and_reckoned_with():
    table = parse_estimates(TABLE, "mine.yaml")
    treatment = treatment_of("image/png", AVATARS, policy="smallest faithful", jpeg_quality=85)
    assert table.of(treatment, 3_000_000, None) == (1_500_000, 6.25)
    costs = table.costs(Quantities(source_gb=10, read_back_gb=0, stored_gb=4, thousand_files=0, hours=0))
    assert [(one["for"], one["amount"], one["when"], one["currency"]) for one in costs] == [
        ("reading", 20.0, "once", "NOK"),
        ("keeping", 2.0, "monthly", "NOK"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("currency: NOK", "currency: 5", "currency"),
        ("per: source_gb", "per: litre", "prices.0.per"),
        ("price: 2", "price: -2", "prices.0.price"),
        ("price: 2", 'price: "2"', "prices.0.price"),
        ("when: monthly", "when: never", "prices.1.when"),
        ("saved_share: 0.5", "saved_share: 33", "rates.png_to_webp.saved_share"),
        ("seconds_per_file: 0.25", "seconds_per_file: .inf", "seconds_per_file"),
        ("seconds_per_file: 0.25", "", "seconds_per_file: Field required"),
        ("currency: NOK", "currency: NOK\ncolour: red", "colour"),
        (TABLE, "", "the file"),
        ("prices:", "prices: [", "malformed"),
        ("currency: NOK", "currency: 2001-99-99", "malformed"),
    ],
)
def test_a_wrong_table_is_refused_with_its_name_and_the_entry(tmp_path, old, new, why):
    path = tmp_path / "mine.yaml"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(PermanentError) as refused:
        read_estimates(str(path))
    assert str(path) in str(refused.value)
    assert why in str(refused.value)
    assert "NABO_PRICES" in str(refused.value)


def test_a_table_that_is_not_there_is_named():
    with pytest.raises(PermanentError, match=r"NABO_PRICES=/no/such\.yaml"):
        read_estimates("/no/such.yaml")


@given(st.text(max_size=100))
def test_any_text_is_a_table_or_refused_by_name(text):
    with pytest.raises(PermanentError, match=r"^mine\.yaml"):
        parse_estimates(text, "mine.yaml")
