"""The synthetic backup: the real counts, the same bytes for the same seed."""

import hashlib
import io
import json
import random
import uuid
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from PIL import Image

from local_stack.sources import media
from local_stack.sources.media.broken import jpeg_of_size, odd_files
from local_stack.sources.media.photographs import content, photograph
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
    data = jpeg_of_size(random.Random(1), size)
    assert len(data) == size
    Image.open(io.BytesIO(data)).load()


def _size(image: Image.Image, format_: str, **how: object) -> int:
    out = io.BytesIO()
    image.save(out, format_, **how)
    return out.tell()


def test_a_photograph_of_the_real_size_leaves_codecs_as_much_to_save_as_real_ones_do():
    data = photograph("png", "real", random.Random("a photograph"))
    assert 1.5e6 < len(data) < 4.5e6
    middle = Image.open(io.BytesIO(data)).convert("RGB").crop((400, 300, 1000, 900))
    webp = _size(middle, "WEBP", lossless=True, exact=True, method=2, quality=20)
    assert 0.25 < 1 - webp / _size(middle, "PNG") < 0.40
    assert 0.40 < 1 - _size(middle, "JPEG", quality=85) / _size(middle, "JPEG", quality=95) < 0.60


@pytest.fixture
def places(tmp_path, postgres_url, storage):
    """Empty places that a source may fill."""
    return {
        "S3_BACKUP_PATH": str(tmp_path / "backup"),
        "NABO_MAPPINGS_PATH": str(tmp_path / "mappings"),
        "NABO_DATABASE_URL": postgres_url,
        "SUPABASE_URL": storage.url,
        "SUPABASE_SERVICE_ROLE_KEY": storage.service_role_key,
    }


def _somebodys_file(places, variable, name):
    path = Path(places[variable]) / name
    path.parent.mkdir()
    path.write_text("theirs")


def _somebodys_user(places):
    with psycopg.connect(places["NABO_DATABASE_URL"]) as connection:
        connection.execute("create schema auth")
        connection.execute("create table auth.users (id uuid primary key)")
        connection.execute("insert into auth.users values (%s)", [uuid.uuid4()])


@pytest.mark.parametrize(
    ("variable", "theirs"),
    [
        ("S3_BACKUP_PATH", lambda places: _somebodys_file(places, "S3_BACKUP_PATH", "photo.jpg")),
        (
            "NABO_MAPPINGS_PATH",
            lambda places: _somebodys_file(places, "NABO_MAPPINGS_PATH", "user-id-mapping.json"),
        ),
        ("NABO_DATABASE_URL", _somebodys_user),
    ],
    ids=["backup", "mappings", "users"],
)
def test_what_is_somebody_elses_is_neither_overwritten_nor_added_to(places, variable, theirs):
    theirs(places)
    before = [
        path
        for folder in ("S3_BACKUP_PATH", "NABO_MAPPINGS_PATH")
        for path in Path(places[folder]).rglob("*")
    ]
    with pytest.raises(ValueError, match=f"{variable}: .* not made here"):
        media.fill(places, shape=SMALL)
    assert [
        path
        for folder in ("S3_BACKUP_PATH", "NABO_MAPPINGS_PATH")
        for path in Path(places[folder]).rglob("*")
    ] == before
    assert all(path.read_text() == "theirs" for path in before)


def test_a_filling_that_was_cut_short_is_finished_by_the_next_and_a_third_changes_nothing(places):
    whole = media.fill(places, shape=SMALL)
    marker = Path(places["NABO_MAPPINGS_PATH"]) / media.MARKER
    begun = json.loads(marker.read_text())
    del begun["stands"]  # as it reads while the backup is being filled
    marker.write_text(json.dumps(begun))
    pictures = sorted(path for path in Path(places["S3_BACKUP_PATH"]).rglob("*") if path.is_file())
    pictures[0].unlink()
    assert media.fill(places, shape=SMALL) == whole
    assert pictures[0].exists()
    assert not media.fill(places, shape=SMALL).made
