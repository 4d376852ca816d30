"""What a file is, by its first bytes. Never by its name; nothing is decoded here."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 512
"""How many first bytes `sniff` wants: enough for every magic number and for the text test."""

EMPTY = "inode/x-empty"
UNKNOWN = "application/octet-stream"

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/tiff": "tiff",
}
"""Formats this migration reads, with the extension of their names."""

_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"8BPS", "image/vnd.adobe.photoshop"),
)
# ISO base media brands: https://nokiatech.github.io/heif/technical.html and the AVIF specification.
_BRANDS = {
    b"heic": "image/heic", b"heix": "image/heic", b"heim": "image/heic", b"heis": "image/heic",
    b"hevc": "image/heic-sequence", b"mif1": "image/heif", b"msf1": "image/heif-sequence",
    b"avif": "image/avif", b"avis": "image/avif",
}  # fmt: skip


@dataclass(frozen=True)
class FileType:
    """A MIME type and whether this migration can carry it (an empty file is carried to its quarantine)."""

    mime: str

    @property
    def supported(self) -> bool:
        """Whether the migration reads this type."""
        return self.mime in EXTENSIONS or self.mime == EMPTY


def sniff(head: bytes) -> FileType:
    """The type of a file from its first bytes (`HEAD_BYTES` of them, fewer if the file is shorter)."""
    if not head:
        return FileType(EMPTY)
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return FileType(mime)
    if head[:4] == b"RIFF":
        return FileType("image/webp" if head[8:12] == b"WEBP" else UNKNOWN)
    if head[4:8] == b"ftyp":
        return FileType(_BRANDS.get(head[8:12], "video/mp4"))
    return FileType(_text_type(head))


def _text_type(head: bytes) -> str:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A cut through the middle of a character is not an error of the file.
        if error.start < len(head) - 3:
            return UNKNOWN
        text = head[: error.start].decode("utf-8")
    if any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in text):
        return UNKNOWN
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith("<svg") or (start.startswith("<?xml") and "<svg" in start):
        return "image/svg+xml"
    if start.startswith(("<!doctype html", "<html")):
        return "text/html"
    return "text/plain"
