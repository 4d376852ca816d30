"""Pictures as people see them, in a square: whole, upright, unstretched, in their colours."""

import pytest
from PIL import Image, ImageChops

from local_stack.sources.media.odd import display_p3
from migration_kit.pictures.showing import as_seen, framed


def near(pixel, wanted, off=8):
    return all(abs(one - other) <= off for one, other in zip(pixel, wanted, strict=True))


@pytest.mark.parametrize("size", [(300, 300), (600, 200), (200, 600), (40, 40), (1, 1), (1, 900)])
def test_a_framed_picture_fills_its_square_from_edge_to_edge_on_one_side(size):
    made = framed(Image.new("RGB", size, "red"), 150)
    assert made.size == (150, 150)
    red = ImageChops.difference(made, Image.new("RGB", made.size, "white")).getbbox()
    assert max(red[2] - red[0], red[3] - red[1]) == 150


def test_nothing_of_an_odd_shaped_picture_is_cut_off_or_stretched():
    wide = Image.new("RGB", (400, 100), "green")
    wide.paste("red", (0, 0, 100, 100))
    wide.paste("blue", (300, 0, 400, 100))
    made = framed(wide, 200)
    colours = [made.getpixel(at) for at in ((10, 100), (100, 100), (190, 100), (100, 10), (100, 190))]
    wanted = [(255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255), (255, 255, 255)]
    assert all(map(near, colours, wanted))
    assert made.getbbox() is not None


def test_what_is_transparent_stands_on_white():
    clear = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
    assert framed(clear, 150).getpixel((75, 75)) == (255, 255, 255)


def test_colours_of_another_profile_are_told_in_srgb():
    image = Image.new("RGB", (10, 10), (0, 200, 0))
    image.info["icc_profile"] = display_p3()
    seen = as_seen(image)
    assert "icc_profile" not in seen.info
    red, green, _ = seen.getpixel((5, 5))
    assert red < 10
    assert green > 200


def test_a_profile_that_does_not_fit_its_picture_is_left_out():
    image = Image.new("L", (10, 10), 90)
    image.info["icc_profile"] = display_p3()
    assert as_seen(image).getpixel((5, 5)) == (90, 90, 90)


def test_sixteen_bits_of_gray_keep_their_light():
    image = Image.new("I;16", (10, 10), 40_000)
    assert near(as_seen(image).getpixel((5, 5)), (156, 156, 156), 2)
