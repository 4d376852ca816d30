"""What an odd file is, and the helpers by which `broken` and `bombs` make them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

MIGRATED, EXCLUDED, QUARANTINED = "migrated", "excluded", "quarantined"


@dataclass(frozen=True)
class OddFile:
    """A file's bytes under a case's name, and how it must end. `reason` is the beginning of the reason."""

    case: str
    data: bytes
    state: str
    reason: str = ""


def saved(image: Image.Image, format_: str, **how: object) -> bytes:
    """The picture as a file of Pillow's `format_`."""
    out = io.BytesIO()
    image.save(out, format_, **how)
    return out.getvalue()


def animated(format_: str, frames: Sequence[Image.Image], **how: object) -> bytes:
    """The frames as one file, 100 ms each unless `how` says otherwise."""
    return saved(
        frames[0], format_, **{"save_all": True, "append_images": list(frames[1:]), "duration": 100, **how}
    )


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def display_p3() -> bytes:
    """A colour profile with the primaries of Display P3 (as D50) and a plain gamma of 2.2, as ICC.1:2001 writes it."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \x00\x00\x00\x00" + struct.pack(">3i", *(round(value * 65536) for value in values))

    name = b"desc\x00\x00\x00\x00" + struct.pack(">I", 11) + b"Display P3\x00" + bytes(4 + 4 + 2 + 1 + 67)
    gamma = b"curv\x00\x00\x00\x00" + struct.pack(">IH", 1, 563) + bytes(2)
    tags = {
        b"desc": name + bytes(-len(name) % 4), b"cprt": b"text\x00\x00\x00\x00none\x00\x00\x00\x00",
        b"wtpt": xyz(0.9642, 1.0, 0.8249), b"rXYZ": xyz(0.51512, 0.2412, -0.00105),
        b"gXYZ": xyz(0.29198, 0.69225, 0.04189), b"bXYZ": xyz(0.1571, 0.06657, 0.78407),
        b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma,
    }  # fmt: skip
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, at + len(body), len(value))
        body += value
    head = bytearray(128)
    head[0:4] = struct.pack(">I", at + len(body))
    head[8:24] = b"\x02\x10\x00\x00mntrRGB XYZ "
    head[36:40] = b"acsp"
    head[68:80] = xyz(0.9642, 1.0, 0.8249)[8:]
    return bytes(head) + table + body
