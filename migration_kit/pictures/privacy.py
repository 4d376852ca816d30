"""Takes out of a picture file what should not travel on (place, device, author), without touching a pixel.

What a decoder needs stays: orientation, colour profile, animation. Everything else goes, also what is not known: makers
put places and thumbnails into segments of their own, and whole videos behind the picture. Works on segments and chunks:
nothing is decoded or encoded. TIFF is not in here: its picture lies among its metadata, so it never goes as it is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from migration_kit.pictures.structure import (
    EOI,
    GIF_EXTENSION,
    SOS,
    BrokenFileError,
    Segment,
    gif_blocks,
    jpeg_segments,
    png_chunks,
    webp_chunks,
)

_APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_ORIENTATION = 0x0112
_EXIF = b"Exif\x00\x00"
_MAX_FILL = 64
"""Fill bytes between two segments: decoders skip them one by one."""
_MPF = b"MPF\x00"
_ICC = b"ICC_PROFILE\x00"
_PNG_KEPT = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV",
    b"cLLI", b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip
_WEBP_KEPT = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_GIF_KEPT = {b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"}
"""Application extensions: how often an animation runs, and the colour profile."""
_GIF_CONTROL, _GIF_APPLICATION = 0xF9, 0xFF


def orientation_of(exif: bytes) -> int:
    """The orientation (1 to 8) in an EXIF block, with or without its `Exif` header; 1 where it says none."""
    body = exif[6:] if exif[:6] == _EXIF else exif
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
    """The same picture without private metadata; the same bytes where there is none, or for TIFF."""
    if mime == "image/jpeg":
        return _strip_jpeg(data)
    if mime == "image/png":
        return _strip_png(data)
    if mime == "image/webp":
        return _strip_webp(data)
    if mime == "image/gif":
        return _strip_gif(data)
    return data


def is_multi_picture(data: bytes) -> bool:
    """Whether a JPEG carries further pictures behind the first (MPF, as phones write for depth and HDR)."""
    for part in jpeg_segments(data):
        if part.marker == SOS:
            return False
        if part.marker == _APP2 and part.payload.startswith(_MPF):
            return True
    return False


def _strip_jpeg(data: bytes) -> bytes:
    if is_multi_picture(data):
        return _blank_jpegs(data)
    kept, at, end, turned, scanned = [data[:2]], 2, 2, False, False
    for part in jpeg_segments(data):
        if not scanned and part.start - end > _MAX_FILL:
            kept.append(data[at:end])
            at = part.start
        end = part.start + 4 + len(part.payload)
        scanned = scanned or part.marker == SOS
        if part.marker == EOI:
            kept.append(data[at : part.start + 2])
            break
        if not _is_private(part):
            continue
        kept.append(data[at : part.start])
        if part.payload.startswith(_EXIF) and not turned:
            turned = True
            kept.append(_exif_segment(orientation_of(part.payload)))
        at = end
    return b"".join(kept)


def _is_private(part: Segment) -> bool:
    """Whether a segment says more than a decoder must know. The colour transform of Adobe's APP14 it must know."""
    if part.marker == _APP0:
        return not part.payload.startswith(b"JFIF\x00")
    if part.marker == _APP2:
        return not part.payload.startswith((_ICC, _MPF))
    if part.marker == _APP14:
        return not part.payload.startswith(b"Adobe")
    if part.marker == _APP1 and part.payload.startswith(_EXIF):
        return part.payload[6:] != minimal_exif(orientation_of(part.payload))
    return _APP1 <= part.marker <= _APP15 or part.marker == _COMMENT


def _exif_segment(orientation: int) -> bytes:
    if orientation == 1:
        return b""
    body = _EXIF + minimal_exif(orientation)
    return struct.pack(">BBH", 0xFF, _APP1, len(body) + 2) + body


def _blank_jpegs(data: bytes) -> bytes:
    """Every picture of an MPF file, its private segments overwritten in place: the offsets in MPF stay right.

    So is what stands between two pictures; what stands behind the last one (a phone's short film) is cut off.
    """
    out, start, end = bytearray(data), 0, 0
    while start >= 0:
        try:
            parts = list(jpeg_segments(data, start))
        except BrokenFileError:
            if start == 0:
                raise
            # It was no picture, but bytes that look like the beginning of one.
            start = data.find(b"\xff\xd8\xff", start + 1)
            continue
        out[end:start] = bytes(start - end)
        end = parts[-1].start + 2
        for part in parts:
            if not _is_private(part):
                continue
            body = b""
            if part.payload.startswith(_EXIF):
                body = _EXIF + minimal_exif(orientation_of(part.payload))
            body = body[: len(part.payload)].ljust(len(part.payload), b"\x00")
            out[part.start + 4 : part.start + 4 + len(body)] = body
        start = data.find(b"\xff\xd8\xff", end)
    return bytes(out[:end])


def _strip_png(data: bytes) -> bytes:
    kept = [data[:8]]
    for kind, start, end in png_chunks(data):
        if kind == b"eXIf":
            orientation = orientation_of(data[start + 8 : end - 4])
            kept.append(_png_exif(orientation) if orientation != 1 else b"")
        elif kind in _PNG_KEPT:
            kept.append(data[start:end])
    return b"".join(kept)


def _png_exif(orientation: int) -> bytes:
    body = b"eXIf" + minimal_exif(orientation)
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04


def _strip_webp(data: bytes) -> bytes:
    chunks = [(kind, data[start:end]) for kind, start, end in webp_chunks(data)]
    # Decoders look for EXIF only where the header announces it.
    announced = any(kind == b"VP8X" and chunk[8] & _EXIF_FLAG for kind, chunk in chunks)
    exif = (orientation_of(chunk[8:]) for kind, chunk in chunks if kind == b"EXIF")
    orientation = next(exif, 1) if announced else 1
    kept = []
    for kind, chunk in chunks:
        if kind == b"VP8X":
            flags = chunk[8] & ~(_EXIF_FLAG | _XMP_FLAG) | (_EXIF_FLAG if orientation != 1 else 0)
            kept.append(chunk[:8] + bytes([flags]) + chunk[9:])
        elif kind in _WEBP_KEPT:
            kept.append(chunk)
    if orientation != 1:
        body = minimal_exif(orientation)
        kept.append(b"EXIF" + struct.pack("<I", len(body)) + body)
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _strip_gif(data: bytes) -> bytes:
    kept, at = [], 0
    for start, end in _private_gif_blocks(data):
        kept.append(data[at:start])
        at = end
    return b"".join([*kept, data[at:]])


def _private_gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the blocks stand that no decoder needs, and what follows the trailer."""
    end = len(data)
    for kind, start, end in gif_blocks(data):
        if kind != GIF_EXTENSION or data[start + 1] == _GIF_CONTROL:
            continue
        if data[start + 1] != _GIF_APPLICATION or data[start + 3 : start + 14] not in _GIF_KEPT:
            yield start, end
    if end < len(data):
        yield end, len(data)
