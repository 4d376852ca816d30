"""Walking the skeleton of files, and taking private metadata out of them, on real pictures."""

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from local_stack.sources.media.broken import odd_files
from local_stack.sources.media.photographs import encode, phone_exif, picture
from nabo_pipeline.codecs.pictures import same_pixels
from nabo_pipeline.media.file_types import sniff
from nabo_pipeline.media.privacy import is_multi_picture, minimal_exif, orientation_of, strip
from nabo_pipeline.media.structure import BrokenFileError, read_skeleton

MIMES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}
FILES = {
    mime: encode(picture(random.Random(1), (60, 80)), name, random.Random(2)) for name, mime in MIMES.items()
}
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
    except BrokenFileError:
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
    assert same_pixels(ImageOps.exif_transpose(before), ImageOps.exif_transpose(after))


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
    assert same_pixels(image, after)


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


def test_a_file_without_private_metadata_stays_as_it_is():
    for mime in ("image/webp", "image/gif", "image/png"):
        assert strip(FILES[mime], mime) == FILES[mime]


@given(st.binary(max_size=100))
def test_orientation_answers_for_any_bytes(exif):
    assert 1 <= orientation_of(exif) <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_minimal_block_says_what_it_was_given(orientation):
    assert orientation_of(minimal_exif(orientation)) == orientation
