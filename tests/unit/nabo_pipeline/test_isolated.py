"""A picture whose encoder dies, hangs or takes too much memory goes as it is; one that no decoder survives does not."""

import io
import random
import signal
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from local_stack.sources.media.photographs import encode, picture
from migration_kit.accounting import State
from migration_kit.pictures.file_types import sniff
from migration_kit.pictures.isolation import CRASHED, IsolatedWorkers, WorkerDiedError, isolated_workers
from nabo_pipeline.codecs.isolated import compress_isolated
from nabo_pipeline.media.compression import KEPT_CODEC, Compressed, Rejected, Settings, Task

GIB = 1 << 30


def _task(data: bytes, **settings) -> Task:
    types = frozenset({"image/jpeg", "image/png", "image/webp"})
    return Task(data, sniff(data).mime, types, None, None, replace(Settings(), **settings))


@pytest.fixture(scope="module")
def slow_png() -> bytes:
    """Noise of six megapixels: decoded in a tenth of a second, encoded in more than one."""
    noise = np.random.default_rng(1).integers(0, 8, (2000, 3000, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=1)
    return out.getvalue()


def test_a_picture_whose_encoder_hangs_goes_as_it_is(slow_png):
    with isolated_workers(1, seconds=1, memory=2 * GIB) as workers:
        result = compress_isolated(workers, _task(slow_png, webp_effort=100))
    assert isinstance(result, Compressed)
    assert (result.verdict, result.data) == (KEPT_CODEC, slow_png)


def test_a_picture_whose_encoder_hoards_goes_as_it_is(slow_png):
    with isolated_workers(1, seconds=20, memory=240 << 20) as workers:
        result = compress_isolated(workers, _task(slow_png))
    assert isinstance(result, Compressed)
    assert (result.verdict, result.data) == (KEPT_CODEC, slow_png)


class Dying(IsolatedWorkers):
    """Workers whose codec fails on every try, with or without an encoder."""

    def __init__(self) -> None: ...

    def run(self, *_):
        raise WorkerDiedError(-signal.SIGSEGV)


def test_a_picture_that_no_decoder_survives_is_quarantined():
    data = encode(picture(random.Random(1), (60, 80)), "png", random.Random(1))
    assert compress_isolated(Dying(), _task(data)) == Rejected(State.QUARANTINED, CRASHED)
