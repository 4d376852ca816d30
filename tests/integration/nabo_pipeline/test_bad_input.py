"""Bad input of every kind on real servers: each file ends as it must, and its neighbours arrive."""

import hashlib
import io
from typing import Any

import pytest
from PIL import Image, ImageOps

from local_stack.sources.media import make_hostile
from local_stack.sources.media.broken import odd_files
from migration_kit.pictures.file_types import EXTENSIONS, sniff
from migration_kit.pictures.privacy import strip
from nabo_pipeline.codecs.comparison import same_pixels, similarity


def test_every_bad_file_ends_as_it_must_and_its_neighbours_arrive(place):
    hostile = make_hostile(place.environment)
    results = {category: place.run(category) for category in ("profile", "service", "chat")}
    assert all(result.success for result in results.values()), results

    outcomes = place.outcomes()
    wrong = {}
    for key, (state, reason) in hostile.outcomes.items():
        ended, why = outcomes[key]
        if ended != state or not (why or "").startswith(reason):
            wrong[hostile.cases[key]] = (ended, why, "expected", state, reason)
    assert not wrong
    check_previews(place, hostile)
    check_pictures(place, hostile)
    check_sizes(place, hostile)


def check_sizes(place: Any, hostile: Any) -> None:
    """Avatars at and over the limit of 2,000,000 bytes: all arrive, and none is larger than that."""
    sizes = dict(
        place.query(
            "select item, (detail->>'bytes')::bigint from nabo_migration.outcomes where state = 'migrated'"
        )
    )
    avatars = {case: sizes[key] for key, case in hostile.cases.items() if case.startswith("avatar of")}
    assert len(avatars) == 3
    assert all(0 < size <= 2_000_000 for size in avatars.values()), avatars


def check_previews(place: Any, hostile: Any) -> None:
    found = dict(
        place.query(
            "select m.service_id::text, o.item from public.media m left join nabo_migration.outcomes o"
            " on o.detail->'row'->>'id' = m.id::text where m.is_preview_image"
        )
    )
    assert {service: found.get(service) for service in hostile.previews} == dict(hostile.previews)


def check_pictures(place: Any, hostile: Any) -> None:
    """What arrived shows what was sent: same pixels or nearly, upright, same frames, same colours, no place."""
    arrived = {
        item: (bucket, path, digest)
        for item, bucket, path, digest in place.query(
            "select item, detail->>'bucket', detail->>'path', target_hash from nabo_migration.outcomes"
            " where state = 'migrated'"
        )
    }
    sent = {odd.case: odd.data for odd in odd_files(7)}
    # Each client loads the machine's certificates: one a bucket, not one a file.
    buckets = {bucket: place.bucket(bucket) for bucket, _, _ in arrived.values()}
    for key, case in hostile.cases.items():
        if key not in arrived or case.startswith(("neighbour", "avatar")):
            continue
        bucket, path, digest = arrived[key]
        before, after = sent.get(case) or place.backup_bytes(key), buckets[bucket].download(path)
        assert hashlib.sha256(after).hexdigest() == digest, case
        check_picture(case, before, after)
        assert path.rsplit(".", 1)[1] == EXTENSIONS[sniff(after).mime], case
        assert path.rsplit(".", 1)[0].endswith(key.rsplit("/", 1)[1].rsplit(".", 1)[0]), case


def check_picture(case: str, sent: bytes, arrived: bytes) -> None:
    mime = sniff(sent).mime
    # Without its text bomb, which Pillow refuses to open.
    before = Image.open(io.BytesIO(strip(sent, mime) if "bomb" in case else sent))
    after = Image.open(io.BytesIO(arrived))
    assert getattr(before, "n_frames", 1) == getattr(after, "n_frames", 1), case
    assert before.info.get("icc_profile") == after.info.get("icc_profile"), case
    assert not after.getexif().get_ifd(0x8825), f"{case}: the place where it was taken travelled on"
    for private in (b"Phone", b"<script>"):
        assert private not in arrived, f"{case}: {private!r} travelled on"
    # Pillow turns a TIFF as it loads it.
    before.load()
    upright = [ImageOps.exif_transpose(image).convert("RGBA") for image in (before, after)]
    assert similarity(*upright) > 0.95, case
    if mime != "image/jpeg":
        assert same_pixels(*upright), case


@pytest.mark.parametrize("missing", ["Profile-Pics/buyer/"])
def test_a_file_that_goes_between_plan_and_apply_is_noticed(place, missing):
    assert place.run("profile", "media_inventory", "migration_plan").success
    from local_stack.sources.media.servers import s3_client

    bucket, _, prefix = place.environment["S3_BACKUP_PATH"].removeprefix("s3://").partition("/")
    client = s3_client(place.environment)
    found = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/{missing}")["Contents"]
    client.delete_object(Bucket=bucket, Key=found[0]["Key"])
    assert not place.run("profile", "images").success
