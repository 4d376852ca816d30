"""Walking the skeleton of files, and taking private metadata out of them, on real pictures."""

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from local_stack.sources.media.broken import odd_files
from local_stack.sources.media.odd import animated, saved
from local_stack.sources.media.photographs import encode, phone_exif, picture
from migration_kit.pictures.file_types import sniff
from migration_kit.pictures.privacy import is_multi_picture, minimal_exif, orientation_of, strip
from migration_kit.pictures.structure import BrokenFileError, SkeletonError, read_skeleton

MIMES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "tiff": "image/tiff",
}
FILES = {
    mime: encode(picture(random.Random(1), (60, 80)), name, random.Random(2))
    for name, mime in MIMES.items()
    if name != "tiff"
} | {"image/tiff": saved(picture(random.Random(1), (60, 80)), "TIFF", compression="tiff_lzw")}


def _same_pixels(one, other):
    wide = [picture.convert("RGBA") for picture in (one, other)]
    return one.size == other.size and wide[0].tobytes() == wide[1].tobytes()


ODD = {odd.case: odd for odd in odd_files(7)}


@pytest.mark.parametrize("mime", MIMES.values())
def test_the_skeleton_tells_the_size_that_the_decoder_finds(mime):
    skeleton = read_skeleton(FILES[mime], mime)
    assert (skeleton.width, skeleton.height) == Image.open(io.BytesIO(FILES[mime])).size
    assert skeleton.frames == 1


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(MIMES.values())), st.floats(0.0, 0.999))
def test_a_file_that_is_cut_off_anywhere_is_found(mime, share):
    data = FILES[mime]
    with pytest.raises(BrokenFileError):
        read_skeleton(data[: int(len(data) * share)], mime)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*MIMES.values(), "image/tiff"]), st.binary(max_size=300))
def test_any_bytes_are_a_skeleton_or_broken(mime, data):
    try:
        read_skeleton(data, mime)
    except SkeletonError:
        return


@pytest.mark.parametrize(
    ("case", "frames"),
    [("animated gif", 3), ("animated webp", 3), ("animated png", 3), ("tiff of several pages", 3)],
)
def test_frames_and_pages_are_counted(case, frames):
    data = ODD[case].data
    assert read_skeleton(data, sniff(data).mime).frames == frames


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_stays_and_the_place_goes(orientation):
    out = io.BytesIO()
    picture(random.Random(3), (60, 80)).save(out, "JPEG", exif=phone_exif(orientation))
    before, after = Image.open(out), Image.open(io.BytesIO(strip(out.getvalue(), "image/jpeg")))
    assert before.getexif().get_ifd(0x8825)
    assert not after.getexif().get_ifd(0x8825)
    assert after.getexif().get(0x010F) is None
    assert _same_pixels(ImageOps.exif_transpose(before), ImageOps.exif_transpose(after))


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_private_chunks_go_and_pixels_stay(format_):
    out = io.BytesIO()
    image = picture(random.Random(4), (60, 80))
    image.save(out, format_, lossless=True, exif=phone_exif(6), xmp=b"<x/>")
    data = out.getvalue()
    clean = strip(data, sniff(data).mime)
    after = Image.open(io.BytesIO(clean))
    assert not after.getexif().get_ifd(0x8825)
    assert orientation_of(after.info.get("exif", b"")) == 6
    assert b"Phone" not in clean
    assert _same_pixels(image, after)


def test_a_picture_behind_the_picture_keeps_its_place():
    out = io.BytesIO()
    frames = [picture(random.Random(seed), (60, 80)).resize((60, 40)) for seed in (5, 6)]
    frames[0].save(out, "MPO", save_all=True, append_images=frames[1:], exif=phone_exif(1))
    data = out.getvalue()
    assert is_multi_picture(data)
    clean = strip(data, "image/jpeg")
    assert len(clean) == len(data)
    assert b"Phone" not in clean
    assert Image.open(io.BytesIO(clean)).n_frames == 2


def test_a_film_behind_two_pictures_is_taken_out_also_where_it_holds_a_picture_itself():
    frames = [picture(random.Random(seed), (60, 80)).resize((60, 40)) for seed in (5, 6)]
    data = animated("MPO", frames)
    clean = strip(data + b"Phone film" + FILES["image/jpeg"] + b"Phone film", "image/jpeg")
    assert b"Phone" not in clean
    assert clean.startswith(data)


def test_an_unknown_block_of_a_gif_is_taken_out():
    data = saved(picture(random.Random(1), (60, 80)).quantize(32), "GIF")
    at = data.index(b"\x2c\x00\x00\x00\x00")
    assert strip(data[:at] + b"\x21\x77\x05Phone\x00" + data[at:], "image/gif") == data


def test_a_webp_is_not_turned_by_what_no_decoder_looks_at():
    data = bytearray(saved(picture(random.Random(4), (60, 80)), "WEBP", exif=phone_exif(6)))
    data[20] &= ~0x08
    clean = strip(bytes(data), "image/webp")
    assert orientation_of(Image.open(io.BytesIO(clean)).info.get("exif", b"")) == 1
    assert b"Phone" not in clean


def test_a_file_without_private_metadata_stays_as_it_is():
    for mime in ("image/webp", "image/gif", "image/png"):
        assert strip(FILES[mime], mime) == FILES[mime]


@pytest.mark.parametrize(
    "case", [case for case, odd in ODD.items() if b"Phone" in odd.data and odd.state == "migrated"]
)
def test_nothing_that_a_phone_told_travels_on(case):
    data = ODD[case].data
    mime = sniff(data).mime
    clean = strip(data, mime)
    if mime == "image/tiff":
        assert clean == data, "a TIFF is never sent as it is"
        return
    assert b"Phone" not in clean
    assert strip(clean, mime) == clean
    assert _same_pixels(Image.open(io.BytesIO(data)), Image.open(io.BytesIO(clean)))


@pytest.mark.parametrize("case", [case for case in ODD if "script behind it" in case])
def test_what_stands_behind_a_picture_is_cut_off(case):
    data = ODD[case].data
    assert b"<script>" not in strip(data, sniff(data).mime)


def test_an_animation_keeps_its_repetitions_when_its_comments_go():
    frames = [picture(random.Random(seed), (60, 60)).resize((40, 30)) for seed in (1, 2)]
    data = animated("GIF", frames, loop=3, comment=b"Phone")
    clean = Image.open(io.BytesIO(strip(data, "image/gif")))
    assert (clean.n_frames, clean.info["loop"], clean.info.get("comment")) == (2, 3, None)


def test_long_runs_of_fill_bytes_are_left_out():
    data = FILES["image/jpeg"]
    assert strip(data[:2] + b"\xff" * 1000 + data[2:], "image/jpeg") == strip(data, "image/jpeg")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*MIMES.values()]), st.binary(max_size=40), st.floats(0.0, 1.0))
def test_a_picture_with_any_bytes_in_its_midst_is_a_picture_or_refused(mime, noise, share):
    """Also its strip: whatever the skeleton lets through must not break what comes next."""
    at = int(len(FILES[mime]) * share)
    data = FILES[mime][:at] + noise + FILES[mime][at + len(noise) :]
    try:
        read_skeleton(data, mime)
        strip(data, mime)
    except SkeletonError:
        return


@given(st.binary(max_size=100))
def test_orientation_answers_for_any_bytes(exif):
    assert 1 <= orientation_of(exif) <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_minimal_block_says_what_it_was_given(orientation):
    assert orientation_of(minimal_exif(orientation)) == orientation
