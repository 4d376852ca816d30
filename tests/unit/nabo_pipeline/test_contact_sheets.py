"""Contact sheets: pictures upright, in their colours, side by side; one that is broken costs its tile."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from local_stack.sources.media.photographs import phone_exif
from nabo_pipeline.codecs.sheet import Cell, Sheet, Tile, View, contact_sheet, details, tile

SIDE = 100


def saved(image: Image.Image, format_: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **how)
    return out.getvalue()


def pixels(shown: Tile) -> np.ndarray:
    return np.frombuffer(shown.pixels, np.uint8).reshape(shown.height, shown.width, 3)


def half_red() -> Image.Image:
    """Red above, blue below; wider than high."""
    image = Image.new("RGB", (200, 80), "red")
    image.paste("blue", (0, 40, 200, 80))
    return image


def test_a_picture_taken_sideways_stands_upright():
    shown = tile(View(saved(half_red(), "JPEG", quality=95, exif=phone_exif(6)), "image/jpeg", SIDE))
    assert shown.height > shown.width
    left, right = pixels(shown)[50, 5], pixels(shown)[50, -5]
    assert left[2] > 200 > left[0]  # blue: turned clockwise, what was below is on the left
    assert right[0] > 200 > right[2]


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and blue in each other's place."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, blue = tags[b"rXYZ"] + 4, tags[b"bXYZ"] + 4
    profile[red : red + 4], profile[blue : blue + 4] = profile[blue : blue + 4], profile[red : red + 4]
    return bytes(profile)


@pytest.mark.parametrize(
    ("format_", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "RGB"), ("WEBP", "RGB")]
)
def test_a_picture_in_another_colour_space_is_shown_in_the_screens(format_, mode):
    data = saved(half_red().convert(mode), format_, quality=95, icc_profile=swapped_profile())
    shown = tile(View(data, f"image/{format_.lower()}", SIDE))
    red, green, blue = pixels(shown)[5, 50].astype(int)
    assert blue > 230
    assert max(red, green) < 40


def test_a_profile_that_does_not_fit_costs_no_picture():
    shown = tile(View(saved(half_red(), "PNG", icc_profile=b"no profile"), "image/png", SIDE))
    assert tuple(pixels(shown)[5, 50]) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixels_can_be_shown(mode):
    image = half_red().convert("L").convert("I;16") if mode == "I;16" else half_red().convert(mode)
    format_ = "TIFF" if mode == "CMYK" else "PNG"
    shown = tile(View(saved(image, format_), f"image/{format_.lower()}", SIDE))
    assert (shown.width, shown.height) == (100, 40)


def test_sixteen_bits_of_gray_are_not_clipped():
    image = Image.fromarray(np.full((50, 50), 32_768, np.uint16))
    shown = tile(View(saved(image, "PNG"), "image/png", SIDE))
    assert 120 < pixels(shown).mean() < 136


def test_what_is_transparent_shows_a_chequerboard():
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert len(np.unique(pixels(tile(View(saved(clear, "PNG"), "image/png", SIDE))))) == 2


def test_details_are_those_where_the_pictures_differ():
    before = Image.new("RGB", (1000, 600), "white")
    after = before.copy()
    after.paste("black", (800, 500, 860, 560))
    views = tuple(View(saved(image, "PNG"), "image/png", SIDE) for image in (before, after))
    first, second, differs = details(views)
    assert differs
    assert (second.width, second.height) == (SIDE, SIDE)
    assert pixels(first).min() == 255
    assert (pixels(second) == 0).mean() > 0.5
    *_, differs = details((views[0], views[0]))
    assert not differs


def test_a_picture_that_was_scaled_down_is_compared_at_its_new_size():
    before = View(saved(half_red().resize((400, 160)), "PNG"), "image/png", SIDE)
    first, second, _ = details((before, View(saved(half_red(), "PNG"), "image/png", SIDE)))
    assert (first.width, first.height) == (second.width, second.height)


def test_a_sheet_is_large_enough_for_its_cells_and_says_what_is_missing():
    shown = tile(View(saved(half_red(), "PNG"), "image/png", SIDE))
    cells = (Cell(("one", "two"), (shown, "cannot be read: gone"), ("before", "after")),) * 3
    sheet = Image.open(io.BytesIO(contact_sheet(Sheet(cells, 2, SIDE, 20, 80))))
    assert sheet.width >= 2 * 2 * SIDE
    assert sheet.height >= 2 * (SIDE + 3 * 20)
    grey = (np.abs(np.asarray(sheet).astype(int) - 216) < 6).all(axis=2).sum()
    assert grey == pytest.approx(3 * SIDE * SIDE, rel=0.15)
