"""Streams cut into chunks. Nothing else."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` items, in order; the stream is never held as a whole."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
