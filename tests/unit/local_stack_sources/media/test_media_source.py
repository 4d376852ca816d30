"""The synthetic backup: the real counts, the same bytes for the same seed."""

import hashlib
import io
import json
from collections import Counter

import pytest
from PIL import Image

from local_stack.sources.media.broken import jpeg_of_size, odd_files
from local_stack.sources.media.photographs import content
from local_stack.sources.media.shape import REAL, SMALL, build
from nabo_pipeline.media.mappings import parse_services, parse_users
from nabo_pipeline.media.paths import place


def test_the_real_shape_has_the_real_counts():
    dataset = build(REAL, 7)
    assert len(dataset.files) == REAL.files == 3343
    assert Counter(file.category for file in dataset.files) == {
        "profile": 276,
        "service": 2256,
        "chat": 810,
        "other": 1,
    }
    kinds = Counter(file.key.split("/")[1] for file in dataset.files if file.category == "profile")
    assert kinds == {"buyer": 69, "stylist": 189, "salon": 18}
    images = Counter(file.key.split("/")[1] for file in dataset.files if file.category == "service")
    assert len(images) == 1671
    assert max(images.values()) <= 7
    users = parse_users(json.dumps(dataset.user_mapping))
    services = parse_services(json.dumps(dataset.services_created))
    assert (len(users), len(services)) == (2592, 200)
    assert len(set(users.values())) == 2592
    mapped = [file for file in dataset.files if file.mapped]
    assert Counter(file.category for file in mapped) == {"profile": 119, "service": 296}
    assert sum(service in services for service in images) == 185
    assert len([service for service in images if service not in services]) == 1486
    reasons = REAL.expected_exclusions
    assert sum(reasons.values()) + REAL.migratable == 3343
    assert reasons["User ID not found in mapping"] == 139


@pytest.mark.parametrize("shape", [SMALL, REAL])
def test_every_path_is_one_that_the_migration_knows(shape):
    for file in build(shape, 7).files:
        where = place(file.key)
        assert where.category == file.category


def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    first, again, other = build(SMALL, 7), build(SMALL, 7), build(SMALL, 8)
    assert first == again != other
    data = {file.key: content(file, seed=7, scale="small") for file in first.files}
    assert all(content(file, seed=7, scale="small") == data[file.key] for file in again.files)
    twins = sum(file.twin_of is not None for file in first.files)
    assert len({hashlib.sha256(one).digest() for one in data.values()}) == len(data) - twins
    for file in first.files:
        if file.category != "other":
            Image.open(io.BytesIO(data[file.key])).load()


def test_odd_files_are_the_same_for_the_same_seed():
    assert list(odd_files(7)) == list(odd_files(7))


@pytest.mark.parametrize("size", [2_000_000, 2_000_001, 2_097_152])
def test_a_padded_picture_has_exactly_the_size_and_decodes(size):
    import random

    data = jpeg_of_size(random.Random(1), size)
    assert len(data) == size
    Image.open(io.BytesIO(data)).load()
