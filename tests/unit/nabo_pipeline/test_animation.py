"""Animated GIF to animated WebP: the same at every moment, or not at all."""

import io
import random
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw, ImageSequence

from local_stack.sources.media.odd import animated
from local_stack.sources.media.photographs import picture
from migration_kit.accounting import State
from nabo_pipeline.codecs import animation
from nabo_pipeline.codecs.compress import compress
from nabo_pipeline.media.compression import (
    ANIMATED,
    CONVERTED_ANIMATION,
    OVER_LIMIT,
    Rejected,
    Settings,
    Task,
)

AVATARS = frozenset({"image/jpeg", "image/png", "image/webp"})


def task(data, *, types=AVATARS, limit=2_000_000, **settings):
    chosen = replace(Settings(), animated_gif_to_webp=True, **settings)
    return Task(data, "image/gif", types, limit, 1024, chosen)


def photographs(count=3):
    return [picture(random.Random(seed), (60, 60)).resize((60, 40)).quantize(32) for seed in range(count)]


def sprites(disposal):
    """A dot that wanders over nothing: each frame small, transparent, and disposed of in the given way."""
    frames = []
    for step in range(4):
        frame = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
        ImageDraw.Draw(frame).ellipse((step * 8, 8, step * 8 + 12, 20), fill=(200, 40 * step, 30, 255))
        frames.append(frame)
    return animated("GIF", frames, disposal=disposal, duration=[100, 200, 300, 400], loop=0)


def shown(data):
    """What is seen, frame by frame: pixels where there are any, and times."""
    seen = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data))):
        clear = Image.new("RGBA", frame.size, (0, 0, 0, 0))
        clear.alpha_composite(frame.convert("RGBA"))
        seen.append((clear.tobytes(), frame.info["duration"]))
    return seen


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_every_frame_is_shown_as_before_whatever_is_done_with_the_one_before_it(disposal):
    data = sprites(disposal)
    result = compress(task(data))
    assert (result.verdict, result.mime, result.frames) == (CONVERTED_ANIMATION, "image/webp", 4)
    assert shown(result.data) == shown(data)


@pytest.mark.parametrize(("loop", "expected"), [({}, 1), ({"loop": 0}, 0), ({"loop": 2}, 3)])
def test_it_runs_as_often_as_before(loop, expected):
    result = compress(task(animated("GIF", photographs(), **loop)))
    assert Image.open(io.BytesIO(result.data)).info["loop"] == expected


def test_frames_without_a_time_get_the_one_that_browsers_give_them():
    data = animated("GIF", photographs(), duration=[0, 10, 250])
    result = compress(task(data))
    assert [time for _, time in shown(result.data)] == [100, 100, 250]


def test_an_animation_that_would_show_something_else_is_excluded(monkeypatch):
    data = animated("GIF", photographs())
    monkeypatch.setattr(animation, "_shown_ms", _slower_each_time())
    assert compress(task(data)) == Rejected(State.EXCLUDED, ANIMATED)


def _slower_each_time():
    times = iter(range(100, 10_000, 10))
    return lambda _: next(times)


def test_without_the_setting_it_is_excluded():
    data = animated("GIF", photographs())
    without = replace(task(data), settings=Settings())
    assert compress(without) == Rejected(State.EXCLUDED, ANIMATED)


def test_a_bucket_that_takes_gif_gets_it_as_it_is():
    data = animated("GIF", photographs())
    result = compress(task(data, types=AVATARS | {"image/gif"}))
    assert (result.mime, result.data, result.frames) == ("image/gif", data, 3)


def test_an_animation_over_the_limit_is_excluded():
    assert compress(task(animated("GIF", photographs()), limit=500)) == Rejected(State.EXCLUDED, OVER_LIMIT)
