"""A picture over its bucket's limit: brought below it by quality, then by size, or excluded with its reason."""

import io
import random

import numpy as np
import pytest
from PIL import Image

from local_stack.sources.media.broken import jpeg_of_size
from migration_kit.accounting import State
from migration_kit.pictures.decoding import decode
from nabo_pipeline.codecs import encoders
from nabo_pipeline.codecs.compress import compress, decodes
from nabo_pipeline.media.compression import (
    REDUCED,
    Rejected,
)
from tests.unit.nabo_pipeline.compression_tasks import photograph, task


def _not_today(*_):
    raise RuntimeError("not today")


def test_a_picture_too_large_for_webp_and_for_its_bucket_becomes_a_jpeg():
    data = photograph("PNG", sides=(600, 600), compress_level=0)
    result = compress(task(data, limit=100_000, max_webp_pixels=1000))
    assert (result.verdict, result.mime) == (REDUCED, "image/jpeg")
    assert len(result.data) <= 100_000


def test_a_wide_picture_that_has_to_fit_keeps_its_brightness():
    noise = np.random.default_rng(1).integers(0, 200, (700, 700))
    wide = (np.linspace(0, 65_000, 700 * 700).reshape(700, 700) + noise).astype(np.uint16)
    out = io.BytesIO()
    Image.fromarray(wide).save(out, "PNG")
    result = compress(task(out.getvalue(), limit=50_000))
    assert result.verdict == REDUCED
    means = [
        float(np.asarray(decode(result.data, result.mime).convert("L")).mean()),
        float(wide.mean()) / 257,
    ]
    assert abs(means[0] - means[1]) < 3


@pytest.mark.parametrize("size", [2_000_001, 2_097_152])
def test_a_picture_over_the_limit_is_brought_below_it(size):
    data = jpeg_of_size(random.Random(1), size)
    assert len(data) == size
    result = compress(task(data, optimize_jpeg=False))
    assert result.verdict == REDUCED
    assert len(result.data) <= 2_000_000
    assert decodes((result.data, result.mime))


def test_a_picture_at_the_limit_goes_as_it_is():
    data = jpeg_of_size(random.Random(1), 2_000_000)
    assert compress(task(data, optimize_jpeg=False)).data == data


@pytest.mark.parametrize(
    ("how", "limit", "side"),
    [
        ({"compress_level": 1}, 150_000, 1500),
        ({"compress_level": 1}, 90_000, 1024),
        ({"quality": 98}, 110_000, 1024),
    ],
    ids=["quality is enough", "png to the app's size", "jpeg to the app's size"],
)
def test_a_picture_over_the_limit_loses_quality_first_and_then_size(how, limit, side):
    data = photograph("JPEG" if "quality" in how else "PNG", sides=(1500, 1500), **how)
    result = compress(task(data, limit=limit))
    assert result.verdict == REDUCED
    assert len(result.data) <= limit
    assert max(decode(result.data, result.mime).size) == side


def test_a_picture_that_cannot_be_brought_below_the_limit_is_excluded():
    assert compress(task(photograph("png"), limit=300)) == Rejected(
        State.EXCLUDED, "Over bucket limit after compression"
    )


@pytest.mark.parametrize(("encoder", "reason"), [
    ("encode_webp", "Over bucket limit after compression"),
    ("estimated_lossless_size", "Over bucket limit after compression"),
])  # fmt: skip
def test_a_picture_that_no_encoder_brings_below_the_limit_is_excluded(monkeypatch, encoder, reason):
    monkeypatch.setattr(encoders, encoder, _not_today)
    assert compress(task(photograph("png"), limit=300)) == Rejected(State.EXCLUDED, reason)


def test_a_file_over_the_size_limit_is_not_decoded():
    assert compress(task(photograph("png"), max_bytes=100)).reason.startswith("Larger than")
