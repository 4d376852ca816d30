"""Bad input of every kind on real servers: each file ends as it must, and its neighbours arrive."""

import io
from typing import Any

import pytest
from PIL import Image, ImageOps

from local_stack.sources.media import make_hostile
from local_stack.sources.media.broken import odd_files
from nabo_pipeline.codecs.pictures import same_pixels, similarity
from nabo_pipeline.media.file_types import sniff
from nabo_pipeline.media.privacy import strip


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
    cases = {case: key for key, case in hostile.cases.items()}
    for odd in odd_files(7):
        if odd.state != "migrated":
            continue
        path = place.query(
            "select detail->>'path' from nabo_migration.outcomes where item = %s", cases[odd.case]
        )[0][0]
        data = place.bucket("service-media").download(path)
        # Without its text bomb, which Pillow refuses to open.
        sent = strip(odd.data, "image/png") if "bomb" in odd.case else odd.data
        before, after = Image.open(io.BytesIO(sent)), Image.open(io.BytesIO(data))
        assert path.rsplit(".", 1)[1] == {"image/jpeg": "jpg"}.get(sniff(data).mime, sniff(data).mime[6:]), (
            odd.case
        )
        assert getattr(before, "n_frames", 1) == getattr(after, "n_frames", 1), odd.case
        assert before.info.get("icc_profile") == after.info.get("icc_profile"), odd.case
        assert not after.getexif().get_ifd(0x8825), f"{odd.case}: the place where it was taken travelled on"
        upright = [ImageOps.exif_transpose(image).convert("RGBA") for image in (before, after)]
        assert similarity(*upright) > 0.95, odd.case
        if sniff(odd.data).mime != "image/jpeg":
            assert same_pixels(*upright), odd.case


@pytest.mark.parametrize("missing", ["Profile-Pics/buyer/"])
def test_a_file_that_goes_between_plan_and_apply_is_noticed(place, missing):
    assert place.run("profile", "media_inventory", "migration_plan").success
    from local_stack.sources.media.servers import s3_client

    bucket, _, prefix = place.environment["S3_BACKUP_PATH"].removeprefix("s3://").partition("/")
    client = s3_client(place.environment)
    found = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/{missing}")["Contents"]
    client.delete_object(Bucket=bucket, Key=found[0]["Key"])
    assert not place.run("profile", "images").success
