"""What the tests of compression give to `compress`: photographs, and tasks for a bucket."""

import io
import random
from dataclasses import replace

from local_stack.sources.media.photographs import encode, picture
from migration_kit.pictures.file_types import sniff
from nabo_pipeline.media.compression import (
    Settings,
    Task,
)

AVATARS = frozenset({"image/jpeg", "image/png", "image/webp"})


def task(data, *, types=AVATARS, limit=2_000_000, side=1024, **settings):
    return Task(data, sniff(data).mime, types, limit, side, replace(Settings(), **settings))


def photograph(format_, seed=1, sides=(160, 200), **how):
    image = picture(random.Random(seed), sides)
    if not how:
        return encode(image, format_, random.Random(seed))
    out = io.BytesIO()
    image.save(out, format_, **how)
    return out.getvalue()
