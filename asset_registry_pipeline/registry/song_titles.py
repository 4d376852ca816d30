"""Title, album and artist from a song's line of text; no look-ups, no metadata.

Canonical lines are `Song - Album - Artist` and `Song by Artist from Album`; everything else is read by rule
and says how sure it is.
"""

import re
from dataclasses import dataclass
from typing import Literal

from asset_registry_pipeline.registry.texts import sentences, straighten

Confidence = Literal["high", "medium", "low"]

_DASH = re.compile(r"\s+[-\u2013\u2014]+\s+")
_BY = re.compile(r"\s+by\s+", re.IGNORECASE)
# In this order: "in" and "on" are ordinary words far more often than "from" and "off" are.
_ALBUM_WORDS = ("from", "off", "in", "on")
_AMBIGUOUS_ALBUM_WORDS = frozenset({"in", "on"})
_PLACEHOLDER_ALBUMS = frozenset({"unknown album", "unknown", "single", "ep", "n/a", "none", "-"})


@dataclass(frozen=True)
class SongTitle:
    """What a line says: `ambiguous` tells why a person should look, empty when nothing is in doubt."""

    song: str | None
    album: str | None
    artist: str | None
    confidence: Confidence
    original: str
    ambiguous: tuple[str, ...] = ()


def parse_song_line(text: str) -> SongTitle:
    """Read the first line or sentence of a text as a song title. Never raises; an unreadable line has no song."""
    line = first_sentence(text)
    if not line:
        return SongTitle(None, None, None, "low", text, ("the text is empty",))
    parts = [part.strip() for part in _DASH.split(line) if part.strip()]
    dropped = len(parts) > 1 and _is_placeholder_album(parts[-1])
    if dropped:
        parts.pop()
    if len(parts) >= 3:
        album = None if _is_placeholder_album(" - ".join(parts[1:-1])) else " - ".join(parts[1:-1])
        doubts = () if len(parts) == 3 else ("more than three parts",)
        return SongTitle(parts[0], album, parts[-1], "medium" if doubts else "high", text, doubts)
    joined = " - ".join(parts)
    if _BY.search(joined):
        return _by_artist(joined, text)
    if len(parts) == 2:
        return SongTitle(
            parts[0], None, parts[1], "low", text, ("song and artist may be the other way round",)
        )
    return SongTitle(joined or None, None, None, "low", text, ("no artist is named",))


def first_sentence(text: str) -> str:
    """The first line or sentence, with straight quotes and without its full stop."""
    lines = [line for line in straighten(text).splitlines() if line.strip()]
    first = next(sentences(lines[0]), "") if lines else ""
    # "U.S.A." and "ft." keep their stops inside a line; at its very end a single stop closes the sentence.
    return re.sub(r"(?<!\.[A-Za-z])[.]+$", "", first).strip()


def _by_artist(line: str, original: str) -> SongTitle:
    *before, last = _BY.split(line)
    song = line[: len(line) - len(last)]
    song = re.sub(r"\s+by\s+$", "", song, flags=re.IGNORECASE).strip()
    artist, album, doubts = last.strip(), None, []
    for word in _ALBUM_WORDS:
        match = re.search(rf"\s+{word}\s+", artist, re.IGNORECASE)
        if match:
            album = artist[match.end() :].strip()
            artist = artist[: match.start()].strip()
            if word in _AMBIGUOUS_ALBUM_WORDS:
                doubts.append(f"'{word}' may belong to the artist or the title")
            break
    if album is not None and _is_placeholder_album(album):
        album = None
    if len(before) > 1:
        doubts.append("' by ' occurs more than once")
    return SongTitle(
        song or None, album, artist or None, "medium" if doubts else "high", original, tuple(doubts)
    )


def _is_placeholder_album(text: str) -> bool:
    return text.strip().strip("()[]\"'").casefold() in _PLACEHOLDER_ALBUMS
