"""Takes out of a picture file what should not travel on (place, device, author), without touching a pixel.

Orientation and colour profile stay. Works on segments and chunks: nothing is decoded or encoded.
"""

from __future__ import annotations

import struct
import zlib

from nabo_pipeline.media.structure import EOI, SOS, jpeg_segments, png_chunks, webp_chunks

_APP1, _APP2, _APP13, _COMMENT = 0xE1, 0xE2, 0xED, 0xFE
_ORIENTATION = 0x0112


def orientation_of(exif: bytes) -> int:
    """The orientation (1 to 8) in an EXIF block, with or without its `Exif` header; 1 where it says none."""
    body = exif[6:] if exif[:6] == b"Exif\x00\x00" else exif
    order = {b"II": "<", b"MM": ">"}.get(body[:2])
    if order is None:
        return 1
    try:
        at = struct.unpack_from(f"{order}I", body, 4)[0]
        for place in range(struct.unpack_from(f"{order}H", body, at)[0]):
            tag, kind = struct.unpack_from(f"{order}HH", body, at + 2 + 12 * place)
            if tag == _ORIENTATION and kind == 3:
                value = struct.unpack_from(f"{order}H", body, at + 10 + 12 * place)[0]
                return value if 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1


def minimal_exif(orientation: int) -> bytes:
    """An EXIF block (without header) that says the orientation and nothing else."""
    entry = struct.pack("<HHIHH", _ORIENTATION, 3, 1, orientation, 0)
    return b"II*\x00" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)


def strip(data: bytes, mime: str) -> bytes:
    """The same picture without private metadata; the same bytes where there is none, or for GIF and TIFF."""
    if mime == "image/jpeg":
        return _strip_jpeg(data)
    if mime == "image/png":
        return _strip_png(data)
    if mime == "image/webp":
        return _strip_webp(data)
    return data


def is_multi_picture(data: bytes) -> bool:
    """Whether a JPEG carries further pictures behind the first (MPF, as phones write for depth and HDR)."""
    return any(part.marker == _APP2 and part.payload[:4] == b"MPF\x00" for part in jpeg_segments(data))


def _strip_jpeg(data: bytes) -> bytes:
    if is_multi_picture(data):
        return _blank_jpegs(data)
    kept, at, scanned = [data[:2]], 2, False
    for part in jpeg_segments(data):
        if part.marker == EOI:
            kept.append(data[at : part.start + 2])
            break
        end = part.start + 4 + len(part.payload)
        if not scanned and _is_private(part.marker, part.payload):
            kept += [data[at : part.start], _replacement(part.payload)]
            at = end
        scanned = scanned or part.marker == SOS
    return b"".join(kept)


def _is_private(marker: int, payload: bytes) -> bool:
    if marker == _APP1 and payload[:6] == b"Exif\x00\x00":
        return payload[6:] != minimal_exif(orientation_of(payload))
    return marker in (_APP1, _APP13, _COMMENT)


def _replacement(payload: bytes) -> bytes:
    if payload[:6] != b"Exif\x00\x00" or orientation_of(payload) == 1:
        return b""
    body = b"Exif\x00\x00" + minimal_exif(orientation_of(payload))
    return struct.pack(">BBH", 0xFF, _APP1, len(body) + 2) + body


def _blank_jpegs(data: bytes) -> bytes:
    """Every picture of an MPF file, its private segments overwritten in place: the offsets in MPF stay right."""
    out, start = bytearray(data), 0
    while start >= 0:
        end = start
        for part in jpeg_segments(data, start):
            end = part.start + 2
            if part.marker not in (_APP1, _APP13, _COMMENT):
                continue
            body = b""
            if part.payload[:6] == b"Exif\x00\x00":
                body = b"Exif\x00\x00" + minimal_exif(orientation_of(part.payload))
            body = body[: len(part.payload)].ljust(len(part.payload), b"\x00")
            out[part.start + 4 : part.start + 4 + len(body)] = body
        start = data.find(b"\xff\xd8\xff", end)
    return bytes(out)


def _strip_png(data: bytes) -> bytes:
    kept = [data[:8]]
    for kind, start, end in png_chunks(data):
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"tIME"):
            continue
        if kind == b"eXIf":
            orientation = orientation_of(data[start + 8 : end - 4])
            kept.append(_png_exif(orientation) if orientation != 1 else b"")
            continue
        kept.append(data[start:end])
    return b"".join(kept)


def _png_exif(orientation: int) -> bytes:
    body = b"eXIf" + minimal_exif(orientation)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04


def _strip_webp(data: bytes) -> bytes:
    chunks = [(kind, data[start:end]) for kind, start, end in webp_chunks(data)]
    if not any(kind in (b"EXIF", b"XMP ") for kind, _ in chunks):
        return data
    orientation = next((orientation_of(chunk[8:]) for kind, chunk in chunks if kind == b"EXIF"), 1)
    kept = []
    for kind, chunk in chunks:
        if kind in (b"EXIF", b"XMP "):
            continue
        if kind == b"VP8X":
            flags = chunk[8] & ~(_EXIF_FLAG | _XMP_FLAG) | (_EXIF_FLAG if orientation != 1 else 0)
            kept.append(chunk[:8] + bytes([flags]) + chunk[9:])
        else:
            kept.append(chunk)
    if orientation != 1:
        exif = minimal_exif(orientation)
        kept.append(b"EXIF" + struct.pack("<I", len(exif)) + exif)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
