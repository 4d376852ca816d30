"""Types by first bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.pictures.file_types import EMPTY, EXTENSIONS, sniff


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"", EMPTY),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "application/octet-stream"),
        (b"GIF89a", "image/gif"),
        (b"II*\x00", "image/tiff"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypavif", "image/avif"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'>", "image/svg+xml"),
        (b"<!DOCTYPE html>", "text/html"),
        ("blåbær".encode()[:3], "text/plain"),
        (b"\x00\x01\x02", "application/octet-stream"),
    ],
)
def test_a_type_is_told_by_the_first_bytes(head, mime):
    assert sniff(head).mime == mime


@given(st.binary(max_size=600))
def test_sniffing_answers_for_any_bytes(head):
    found = sniff(head)
    assert "/" in found.mime
    assert found.supported == (found.mime in EXTENSIONS or not head)
