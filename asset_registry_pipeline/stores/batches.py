"""Documents as the bytes that the server sends, batch by batch; which ones is for the stores that ask for them.

The driver makes no object for each of them: that costs more than most of what is done with the bytes.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Any

from pymongo.cursor import RawBatchCursor

_DOCUMENTS = 2_000
"""Of one batch: left to itself a server fills each with 16 MB."""
_size_at = Struct("<i").unpack_from


def raw_documents(cursor: "RawBatchCursor[Any]") -> Iterator[bytes]:
    """The bytes of each document that a cursor of batches finds, streamed; the cursor is closed at the end."""
    with cursor.batch_size(_DOCUMENTS) as batches:
        for batch in batches:
            offset, end = 0, len(batch)
            while offset < end:
                (size,) = _size_at(batch, offset)
                yield batch[offset : offset + size]
                offset += size
