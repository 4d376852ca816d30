"""Compression on real pictures: only ever smaller, faithful, inside the bucket's rules."""

import io
import random
import struct
from dataclasses import replace

import pytest
from PIL import Image

from local_stack.sources.media.broken import odd_files
from local_stack.sources.media.odd import animated, display_p3, png_chunk
from local_stack.sources.media.photographs import phone_exif, picture
from migration_kit.accounting import State
from migration_kit.failures import PermanentError
from migration_kit.pictures.decoding import decode
from migration_kit.pictures.file_types import sniff
from migration_kit.pictures.structure import OtherTypeError
from nabo_pipeline.codecs import encoders
from nabo_pipeline.codecs.comparison import same_pixels, similarity
from nabo_pipeline.codecs.compress import compress, decodes
from nabo_pipeline.media.compression import (
    CONVERTED,
    KEPT_ANIMATION,
    KEPT_BY_POLICY,
    KEPT_CODEC,
    KEPT_COMPRESSED,
    KEPT_NOT_SMALLER,
    KEPT_QUALITY,
    KEPT_SPECIAL,
    OPTIMIZED,
    Compressed,
    Rejected,
    Settings,
    estimate_jpeg_quality,
)
from nabo_pipeline.resources import TransferSettings
from tests.unit.nabo_pipeline.compression_tasks import AVATARS, photograph, task

ODD = {odd.case: odd for odd in odd_files(7)}


@pytest.mark.parametrize("seed", range(6))
def test_a_png_becomes_smaller_without_losing_a_pixel(seed):
    data = photograph("png", seed)
    result = compress(task(data))
    assert result.mime == "image/webp"
    assert len(result.data) < len(data)
    assert same_pixels(decode(data, "image/png"), decode(result.data, result.mime))


def test_a_png_stays_a_png_where_the_bucket_takes_no_webp():
    data = photograph("PNG", compress_level=0)
    result = compress(task(data, types=frozenset({"image/png"})))
    assert result.mime == "image/png"
    assert len(result.data) < len(data)
    assert same_pixels(decode(data, "image/png"), decode(result.data, "image/png"))


def test_a_setting_keeps_the_format():
    data = photograph("PNG", compress_level=0)
    result = compress(task(data, policy="keep format"))
    assert (result.verdict, result.mime) == (OPTIMIZED, "image/png")
    assert len(result.data) < 0.9 * len(data)
    assert same_pixels(decode(data, "image/png"), decode(result.data, "image/png"))


def test_a_fine_jpeg_becomes_smaller_and_stays_alike():
    data = photograph("JPEG", quality=97, subsampling=0)
    result = compress(task(data))
    assert len(result.data) < 0.9 * len(data)
    assert result.similarity >= 0.95
    assert similarity(decode(data, "image/jpeg"), decode(result.data, "image/jpeg")) >= 0.95


@pytest.mark.parametrize("quality", [60, 80, 86])
def test_a_jpeg_at_rest_is_left_alone(quality):
    data = photograph("JPEG", quality=quality)
    result = compress(task(data, optimize_jpeg=False))
    assert (result.verdict, result.data) == (KEPT_COMPRESSED, data)


@pytest.mark.parametrize("quality", [60, 86])
def test_a_jpeg_at_rest_becomes_smaller_without_losing_a_coefficient(quality):
    data = photograph("JPEG", quality=quality, exif=phone_exif(6), icc_profile=display_p3())
    result = compress(task(data))
    before, after = decode(data, "image/jpeg"), decode(result.data, "image/jpeg")
    assert (result.verdict, result.mime) == (OPTIMIZED, "image/jpeg")
    assert len(result.data) < len(data)
    assert same_pixels(before, after)
    assert before.quantization == after.quantization
    assert after.info["icc_profile"] == display_p3()
    assert after.getexif()[0x0112] == 6
    assert b"Phone" not in result.data


def test_a_result_that_is_not_alike_is_not_used():
    data = photograph("JPEG", quality=97)
    floor = {"image/jpeg": 1.0, "image/webp": 1.0}
    result = compress(task(data, similarity_floor=floor, optimize_jpeg=False))
    assert (result.verdict, result.data) == (KEPT_QUALITY, data)


@pytest.mark.parametrize(
    ("encoder", "format_"),
    [
        ("nabo_pipeline.codecs.encoders.encode_lossless_webp", "PNG"),
        ("nabo_pipeline.codecs.encoders.optimize_jpeg", "JPEG"),
        ("nabo_pipeline.codecs.compress.encode_jpeg", "JPEG"),
    ],
)
def test_a_picture_that_an_encoder_refuses_goes_as_it_is(monkeypatch, encoder, format_):
    def refuse(*_):
        raise ValueError("not today")

    monkeypatch.setattr(encoder, refuse)
    data = photograph(format_, quality=95 if encoder.endswith("encode_jpeg") else 80)
    result = compress(task(data))
    assert (result.verdict, result.data) == (KEPT_CODEC, data)


@pytest.mark.parametrize("encoder", ["encode_lossless_webp", "optimize_png"])
def test_a_lossless_encoder_that_changed_a_pixel_is_not_believed(monkeypatch, encoder):
    data = photograph("PNG", compress_level=0)
    other = photograph("webp" if encoder == "encode_lossless_webp" else "png", seed=2)
    monkeypatch.setattr(encoders, encoder, lambda *_: other)
    policy = "smallest faithful" if encoder == "encode_lossless_webp" else "keep format"
    result = compress(task(data, policy=policy))
    assert (result.verdict, result.data) == (KEPT_QUALITY, data)


def test_an_encoder_that_lost_the_colour_profile_is_not_believed(monkeypatch):
    data = photograph("JPEG", quality=80, icc_profile=display_p3())
    monkeypatch.setattr(encoders, "optimize_jpeg", lambda data: data[:2] + data[data.index(b"\xff\xdb") :])
    result = compress(task(data))
    assert (result.verdict, result.data) == (KEPT_QUALITY, data)


def test_as_it_is_only_takes_private_metadata_out():
    data = photograph("JPEG", quality=97, exif=phone_exif(3))
    result = compress(task(data, policy="as it is"))
    assert result.verdict == KEPT_BY_POLICY
    assert b"Phone" not in result.data
    assert same_pixels(decode(data, "image/jpeg"), decode(result.data, "image/jpeg"))


def test_a_picture_too_large_for_webp_stays_a_png():
    data = photograph("PNG", compress_level=0)
    result = compress(task(data, max_webp_pixels=1000))
    assert (result.verdict, result.mime) == (OPTIMIZED, "image/png")
    assert same_pixels(decode(data, "image/png"), decode(result.data, "image/png"))


def test_a_gray_profile_is_not_put_on_a_picture_of_three_colours():
    gray = display_p3().replace(b"RGB XYZ", b"GRAYXYZ", 1)
    image = picture(random.Random(1), (160, 160)).convert("L")
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=0, icc_profile=gray)
    result = compress(task(out.getvalue()))
    assert (result.verdict, result.mime) == (OPTIMIZED, "image/png")
    assert decode(result.data, "image/png").info["icc_profile"] == gray


def test_a_picture_turned_by_exif_is_turned_for_good_in_another_format():
    image = picture(random.Random(1), (90, 90))
    out = io.BytesIO()
    image.save(out, "PNG", exif=phone_exif(6), compress_level=0)
    result = compress(task(out.getvalue()))
    assert (result.width, result.height) == image.size[::-1]
    assert same_pixels(decode(result.data, "image/webp"), image.transpose(Image.Transpose.ROTATE_270))


def test_bytes_of_another_type_than_the_inventory_saw_are_quarantined():
    replaced = replace(task(photograph("gif")), mime="image/png")
    assert compress(replaced) == Rejected(
        State.QUARANTINED, "Type mismatch: it was said to be image/png and is image/gif"
    )


def test_a_decoder_that_finds_another_type_is_not_asked_for_a_picture():
    with pytest.raises(OtherTypeError, match="the decoder finds GIF"):
        decode(photograph("gif"), "image/png")


def test_a_result_that_is_not_clearly_smaller_is_not_used():
    data = photograph("png")
    result = compress(task(data, min_saving_lossless=99.0))
    assert (result.verdict, result.data) == (KEPT_NOT_SMALLER, data)


@pytest.mark.parametrize("quality", range(5, 100, 5))
def test_a_jpegs_quality_is_estimated_from_its_tables(quality):
    image = decode(photograph("JPEG", quality=quality), "image/jpeg")
    assert abs(estimate_jpeg_quality(image.quantization) - quality) <= 1


@pytest.mark.parametrize(
    "case", [odd.case for odd in ODD.values() if not odd.reason.startswith("Unsupported")]
)
def test_every_odd_file_ends_as_it_must(case):
    odd = ODD[case]
    result = compress(task(odd.data))
    if odd.state == "migrated":
        assert isinstance(result, Compressed), result
        assert decodes((result.data, result.mime))
        assert sniff(result.data).mime == result.mime
    else:
        assert isinstance(result, Rejected), result
        assert result.state == odd.state
        assert result.reason.startswith(odd.reason)


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        ("animated webp", KEPT_ANIMATION),
        ("animated png", KEPT_ANIMATION),
        ("cmyk jpeg", KEPT_SPECIAL),
        ("16 bit png", KEPT_SPECIAL),
        ("tiny optimised jpeg", KEPT_COMPRESSED),
        ("still gif", CONVERTED),
        ("still tiff", CONVERTED),
    ],
)
def test_the_verdict_says_what_was_done(case, verdict):
    assert compress(task(ODD[case].data)).verdict == verdict


def test_an_animation_is_kept_where_the_bucket_takes_it():
    data = ODD["animated gif"].data
    result = compress(task(data, types=AVATARS | {"image/gif"}))
    assert (result.data, result.frames) == (data, 3)


@pytest.mark.parametrize("case", ["jpeg with a colour profile", "png with a colour profile"])
def test_a_colour_profile_travels_on(case):
    result = compress(task(ODD[case].data))
    profiles = [
        Image.open(io.BytesIO(data)).info.get("icc_profile") for data in (ODD[case].data, result.data)
    ]
    assert profiles[0] == profiles[1] is not None


def _png_with(kind, body, *, at=33):
    data = photograph("PNG", compress_level=0)
    return data[:at] + png_chunk(kind, body) + data[at:]


def test_primaries_that_are_not_those_of_srgb_are_not_lost():
    display = struct.pack(">8I", 31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)
    plain = struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
    assert compress(task(_png_with(b"cHRM", display))).verdict == KEPT_SPECIAL
    assert compress(task(_png_with(b"cHRM", plain))).mime == "image/webp"


def _deep_tiff(side):
    """16 bits of each of three colours, which Pillow reads but does not write."""
    head = 8 + 2 + 9 * 12 + 4
    tags = {
        256: (4, 1, side), 257: (4, 1, side), 258: (3, 3, head), 259: (3, 1, 1), 262: (3, 1, 2),
        273: (4, 1, head + 6), 277: (3, 1, 3), 278: (4, 1, side), 279: (4, 1, 6 * side * side),
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, *entry) for tag, entry in tags.items())
    pixels = random.Random(1).randbytes(6 * side * side)
    start = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    return start + entries + bytes(4) + struct.pack("<3H", 16, 16, 16) + pixels


def test_sixteen_bits_of_a_tiff_are_not_made_eight():
    assert compress(task(_deep_tiff(20))) == Rejected(
        State.EXCLUDED, "Cannot be converted without loss: image/tiff"
    )


def test_a_png_whose_header_is_not_first_is_broken():
    gamma = struct.pack(">I", 45_455)
    reason = "Broken file: the PNG does not begin with its one header"
    assert compress(task(_png_with(b"gAMA", gamma, at=8))) == Rejected(State.QUARANTINED, reason)


def test_a_jpeg_whose_further_pictures_have_gone_is_a_picture():
    two = [picture(random.Random(seed), (60, 60)).resize((60, 40)) for seed in (5, 6)]
    data = animated("MPO", two)
    result = compress(task(data[: data.index(b"\xff\xd9", data.rindex(b"\xff\xda", 0, len(data) // 2)) + 2]))
    assert result.verdict == KEPT_SPECIAL
    assert decodes((result.data, result.mime))


def test_colour_under_transparency_stays():
    image = picture(random.Random(1), (80, 80)).convert("RGBA")
    image.putalpha(0)
    out = io.BytesIO()
    image.save(out, "PNG")
    result = compress(task(out.getvalue()))
    assert same_pixels(image, decode(result.data, result.mime))


def test_similarity_falls_when_a_picture_is_blurred():
    image = picture(random.Random(1), (200, 200))
    blurred = image.resize((20, 20)).resize(image.size)
    assert similarity(image, image) == pytest.approx(1.0)
    assert similarity(image, blurred) < 0.8
    assert similarity(image, image.resize((50, 50))) == 0.0


def test_the_settings_of_transfer_are_the_rules_defaults():
    assert TransferSettings().rules() == Settings()


def test_a_policy_that_there_is_not_is_refused_by_name():
    with pytest.raises(PermanentError, match=r"transfer\.policy: there is no policy 'smallest'.*as it is"):
        TransferSettings(policy="smallest").rules()
