"""Every row is in exactly one slice, however the rows are cut; a setting that names no way of cutting is refused."""

import uuid
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artwork_pipeline.artworks import months
from artwork_pipeline.artworks.slices import BY_MONTH, MOST_BUCKETS, Slicing, bucket_of, slicing_of
from migration_kit.failures import PermanentError

moments = st.none() | st.datetimes(timezones=st.timezones())


@given(st.uuids(), moments, st.integers(2, MOST_BUCKETS))
def test_every_row_is_in_a_bucket_whatever_its_time(artwork_id, moment, buckets):
    slicing = Slicing(buckets)
    assert slicing.slice_of(artwork_id, moment) in slicing.names
    assert slicing.slice_of(artwork_id, moment) == slicing.slice_of(artwork_id, None)


@given(st.uuids(), moments)
def test_by_month_the_id_does_not_matter(artwork_id, moment):
    assert BY_MONTH.slice_of(artwork_id, moment) == months.slice_of(moment)


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param([uuid.uuid5(uuid.NAMESPACE_URL, str(n)) for n in range(4_000)], id="random"),
        pytest.param([uuid.UUID(int=n) for n in range(4_000)], id="counted"),
        pytest.param(
            [uuid.UUID(fields=(n * 977, 1, 0x11EF, 0x80, 1, 0xA1B2C3D4E5F6)) for n in range(4_000)],
            id="timed",
        ),
    ],
)
def test_the_buckets_are_of_about_one_size(ids):
    sizes = Counter(bucket_of(one, 16) for one in ids)
    assert len(sizes) == 16
    assert max(sizes.values()) < 2 * min(sizes.values())


def test_the_setting_names_the_way():
    assert slicing_of(None) == slicing_of("") == slicing_of("months") == BY_MONTH
    assert slicing_of("hash:16") == slicing_of(" hash:16 ") == Slicing(16)
    assert str(slicing_of("hash:16")) == "hash:16"
    assert slicing_of("hash:3").names == ("bucket-000", "bucket-001", "bucket-002")
    assert str(BY_MONTH) == "months"


@pytest.mark.parametrize(
    "setting", ["weeks", "hash", "hash:", "hash:1", "hash:257", "hash:-4", "hash:1e2", "16"]
)
def test_a_setting_that_names_no_way_is_refused_with_what_to_set(setting):
    with pytest.raises(PermanentError, match=r"ARTWORK_PARTITIONS.*as hash:16"):
        slicing_of(setting)


def test_moments_of_the_same_month_share_a_slice():
    first, second = uuid.UUID(int=1), uuid.UUID(int=2)
    moment = datetime(2025, 3, 3, tzinfo=UTC)
    assert BY_MONTH.slice_of(first, moment) == BY_MONTH.slice_of(second, moment) == "2025-03"
