"""The reader of multipart bodies: the same parts, whatever the chunks they arrive in."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_stack.storage_api.multipart import MalformedBody, PartHead, boundary_of, parts

_BOUNDARY = b"b0undary"
# Pieces that look like the marks the reader looks for are what it can stumble over.
_CONTENT = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"--", b"\r\n--", b"\r\n--b0undar", b"b0undary", b"x", b"\x00\xff" * 50]
    )
).map(b"".join)


def _body(contents: list[tuple[str, str | None, bytes]]) -> bytes:
    body = b""
    for name, filename, content in contents:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        body += b"--" + _BOUNDARY + b"\r\nContent-Disposition: " + disposition.encode() + b"\r\n"
        body += b"Content-Type: image/png; charset=x\r\n\r\n" + content + b"\r\n"
    return body + b"--" + _BOUNDARY + b"--\r\n"


async def _chunks(body: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    for size in sizes:
        yield body[:size]
        body = body[size:]
    yield body


def _read(body: bytes, sizes: list[int] | None = None) -> list[tuple[PartHead, bytes]]:
    async def read() -> list[tuple[PartHead, bytes]]:
        found: list[tuple[PartHead, bytes]] = []
        async for part in parts(_chunks(body, sizes or []), _BOUNDARY):
            if isinstance(part, PartHead):
                found.append((part, b""))
            else:
                head, content = found[-1]
                found[-1] = (head, content + part)
        return found

    return asyncio.run(read())


@given(
    st.lists(
        st.tuples(st.sampled_from(["file", "field"]), st.sampled_from([None, "cat.png"]), _CONTENT),
        max_size=4,
    ),
    st.lists(st.integers(0, 9), max_size=60),
)
def test_parts_arrive_whole_whatever_the_chunks(contents, sizes):
    contents = [
        (name, filename, content)
        for name, filename, content in contents
        if b"\r\n--" + _BOUNDARY not in b"\r\n" + content
    ]
    found = _read(_body(contents), sizes)
    assert [(head.name, head.filename, content) for head, content in found] == contents
    assert all(head.content_type == "image/png" for head, _ in found)


@pytest.mark.parametrize("cut", [0, 3, 30, 100, -12, -5])
def test_a_body_that_ends_early_is_malformed(cut):
    body = _body([("file", "cat.png", b"x" * 100)])
    with pytest.raises(MalformedBody):
        _read(body[:cut])


def test_a_head_without_end_is_malformed():
    with pytest.raises(MalformedBody, match="too long"):
        _read(b"--" + _BOUNDARY + b"\r\n" + b"x" * 100_000)


@pytest.mark.parametrize("content_type", ["multipart/form-data", 'multipart/form-data; boundary=""'])
def test_a_type_without_a_boundary_is_malformed(content_type):
    with pytest.raises(MalformedBody):
        boundary_of(content_type)


def test_the_boundary_is_read_with_and_without_quotes():
    assert boundary_of("multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of('multipart/form-data; charset=x; boundary="a c"') == b"a c"
