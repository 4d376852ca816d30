"""Covers in their sizes, and files that are no covers, each with a reason that a curator can read."""

import io
import random
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from asset_registry_pipeline.steps.album_art import folder_of, quality_of
from asset_registry_pipeline.steps.renditions import Rendition, Unfit, make_renditions
from local_stack.sources.media.broken import odd_files
from local_stack.sources.media.odd import animated, saved
from local_stack.sources.media.photographs import phone_exif, picture

ODD = {odd.case: odd.data for odd in odd_files(7)}
BASE = picture(random.Random(1), (200, 320))


def opened(one: Rendition) -> Image.Image:
    return Image.open(io.BytesIO(one.data))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_cover_is_kept_as_it_is_and_made_in_two_sizes(format_):
    data = saved(BASE, format_)
    original, small, large = make_renditions(data)
    assert (original.name, original.data, original.mime) == ("original", data, f"image/{format_.lower()}")
    assert (original.width, original.height) == BASE.size
    for one, side in ((small, 150), (large, 500)):
        assert (one.file_name, one.mime) == (f"{side}x{side}.jpg", "image/jpeg")
        assert opened(one).size == (one.width, one.height) == (side, side)
        assert opened(one).format == "JPEG"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_no_size_says_where_and_by_whom_a_picture_was_taken(format_):
    made = make_renditions(saved(BASE, format_, exif=phone_exif(6), xmp=b"<x device='Phone'/>"))
    for one in made:
        assert not re.search(b"Phone|GPS|xmp", one.data)
        assert 0x8825 not in opened(one).getexif()
    # A picture taken sideways is as high as it is looked at.
    assert (made[0].width, made[0].height) == (BASE.height, BASE.width)
    assert opened(made[1]).getexif().get(0x0112, 1) == 1


def test_the_same_picture_gives_the_same_bytes():
    data = saved(BASE, "PNG")
    assert make_renditions(data) == make_renditions(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Empty file"),
        (ODD["text/html under an image's name"], "it is text/html by its content"),
        (ODD["animated gif"], "it is image/gif by its content"),
        (animated("WEBP", [BASE, BASE.rotate(180)]), "an animation of 2 frames"),
        (animated("PNG", [BASE, BASE.rotate(180)]), "an animation of 2 frames"),
        (saved(BASE.convert("CMYK"), "JPEG"), "its colours are for print"),
        (saved(BASE, "JPEG")[:3000], "Broken file: the file is truncated"),
        (ODD["png with a flipped byte"], "Undecodable"),
        (ODD["header that lies 50000x50000"], "More than 50 megapixels"),
        (ODD["png with a colour profile bomb"], "Decompression bomb"),
        (saved(BASE.resize((99, 400)), "PNG"), "it has 99x400 pixels; 100 a side are needed"),
        (b"\xff\xd8\xff" + bytes(11 << 20), "Larger than 10 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_cover_has_a_reason(data, why):
    made = make_renditions(data)
    assert isinstance(made, Unfit)
    assert why in made.why


@pytest.mark.parametrize("case", sorted(ODD))
def test_no_file_however_odd_makes_it_raise(case):
    made = make_renditions(ODD[case])
    assert isinstance(made, Unfit) or [one.name for one in made] == ["original", "150x150", "500x500"]


@given(st.binary(max_size=400))
def test_any_bytes_are_a_cover_or_have_a_reason(data):
    for head in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBP"):
        assert isinstance(make_renditions(head + data), Unfit)


@pytest.mark.parametrize(
    ("side", "promised", "quality"),
    [
        (600, "High", "High"), (600, "Medium", "Medium"), (499, "High", "Medium"), (299, "High", "Low"),
        (600, "Low", "Low"),
    ],
)  # fmt: skip
def test_a_picture_is_never_told_better_than_it_was_promised_or_than_it_is(side, promised, quality):
    assert quality_of(Rendition("original", b"", "image/png", 120, side), promised=promised) == quality


def test_a_folder_is_of_the_words_time_and_of_an_id_that_an_address_can_hold():
    at = datetime(2025, 3, 9, tzinfo=UTC)
    assert folder_of("65f0c0ffee65f0c0ffee65f0", at) == "album-art/2025/03/65f0c0ffee65f0c0ffee65f0"
    assert folder_of("65f0c0ffee65f0c0ffee65f0", None).startswith("album-art/undated/")
    odd = folder_of("str:'../../secret'", at)
    assert re.fullmatch(r"album-art/2025/03/[0-9a-f]{32}", odd)
    assert odd != folder_of("str:'../../other'", at)
