"""Title, album and artist from a song's line of text; no look-ups, no metadata.

Canonical lines are `Song - Album - Artist` and `Song by Artist from Album`; everything else is read by rule, and says
how sure it is and what a person should look at. No text makes it raise.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from asset_registry_pipeline.registry.texts import sentences, straighten

Confidence = Literal["high", "medium", "low"]

EITHER_WAY = "song and artist may be the other way round"
A_COVER = "a cover: the artist is whom it covers, and who plays it is not said"
_EMPTY = "the text is empty"
_NO_SONG = "no song is named"
_NO_ARTIST = "no artist is named"
_TOO_LONG = "the line is too long for a title"
_MANY_PARTS = "more than three parts"
_BY_TWICE = "' by ' occurs more than once"
_BEHIND_DASH = "what stands behind the dash may be the album or the artist"
_DASH_IN_TITLE = "the dash may belong to the title"
DESCRIBES = "it may be a description rather than a title"
_LOW = {EITHER_WAY, A_COVER, _EMPTY, _NO_SONG, _NO_ARTIST, _TOO_LONG}
"""Doubts after which a title is hardly more than a guess."""

_LONGEST_LINE = 300
_DASH = re.compile(r" (?:[-\u2010-\u2015\u2212]+ )+")
_BY = re.compile(r" by ", re.IGNORECASE)
# In this order: "in" and "on" are ordinary words far more often than "from" and "off" are.
_ALBUM_WORDS = tuple((word, re.compile(rf" {word} ", re.IGNORECASE)) for word in ("from", "off", "in", "on"))
_AMBIGUOUS_ALBUM_WORDS = frozenset({"in", "on"})
_PLACEHOLDER_ALBUMS = frozenset(
    {"unknown album", "unknown", "single", "ep", "n/a", "na", "none", "no album", "untitled album", ""}
)
_PRONOUNS = frozenset({"me", "you", "us", "him", "her", "them", "it", "myself", "yourself"})
"""What stands behind the `by` of a title, as in "Stand by Me", and is never an artist."""

_INVISIBLE = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\x00-\x08\x0e-\x1b\x7f]")
_LABEL = re.compile(r"(?:\d{1,3}[.)] |(?:song|track|title) ?: ?)", re.IGNORECASE)
_GOES_ON = re.compile(r"(?:by|from|off|in|on|ft|feat|featuring)\b|[-\u2010-\u2015\u2212(\[]", re.IGNORECASE)
# An initial ends no sentence, unless what follows can only be the beginning of one: "Jay Z. A smooth track".
_BEHIND_INITIAL = re.compile(r"(?<=\b[A-Za-z]\.) (?=(?:A|An|The|This|It|Its|With|One|Her|His|Their) [a-z])")
_PROSE = re.compile(r"(?:an?|the|this|with|one|that) [a-z]|(?:A|An|The|This|With|One) [a-z]")
_PROSE_BEHIND_NAME = re.compile(r",? (?:is|was) (?:an?|the|about|one) |, (?:an?|the|which|with|that) [a-z]")
# Within these neither a dash nor a `by` parts anything.
_HELD_TOGETHER = re.compile(r"\([^()\[\]]*\)|\[[^()\[\]]*\]|\"[^\"]*\"")
_COVER = re.compile(r"(?P<song>.*\S) ?[(\[](?P<artist>[^()\[\]]*\S) cover[)\]]", re.IGNORECASE)
_CREDIT_BEHIND_SONG = re.compile(r"(?P<song>.*\S) (?P<credit>(?:feat|ft|featuring)\b\.? .*)", re.IGNORECASE)
_THE_ALBUM = re.compile(r"(?:the|her|his|their) album:? (?=.)", re.IGNORECASE)


@dataclass(frozen=True)
class SongTitle:
    """What a line says: `ambiguous` tells why a person should look, empty when nothing is in doubt.

    `alternatives`: the other ways in which the line can be read, to be looked up as well.
    """

    song: str | None
    album: str | None
    artist: str | None
    confidence: Confidence
    original: str
    ambiguous: tuple[str, ...] = ()
    alternatives: tuple["SongTitle", ...] = ()

    @property
    def canonical(self) -> str:
        """The title as a line that reads as it, where its parts hold nothing that parts a line."""
        parts = (self.song, self.album, self.artist) if self.album else (self.song, self.artist)
        return (" - " if self.album else " by ").join(part for part in parts if part)


def parse_song_line(text: str) -> SongTitle:
    """Read the first line or sentence of a text as a song title; an unreadable one has no song."""
    return _parsed_before(text) if len(text) <= _REPEATED_LENGTH else _parse(text)


def _parse(text: str) -> SongTitle:
    line = first_sentence(text)
    if not line:
        return SongTitle(None, None, None, "low", text, (_EMPTY,))
    parts = [part for part in _split(_DASH, line) if part]
    while len(parts) > 1 and (_is_placeholder_album(parts[-1]) or _begins_a_description(parts)):
        parts.pop()
    read = _of_dashes(parts) or _by_artist(parts) or _of_two(parts) or _without_artist(" - ".join(parts))
    return read.title(text, too_long=len(line) > _LONGEST_LINE)


# Planning, enriching and reporting ask the same of a song half a dozen times. Nothing that may be large is kept.
_REPEATED_LENGTH = 1_000
_parsed_before = lru_cache(maxsize=1_024)(_parse)


def first_sentence(text: str) -> str:
    """The first line or sentence, with straight quotes, single blanks, and without its full stop."""
    lines = (" ".join(line.split()) for line in _INVISIBLE.sub("", straighten(text)).splitlines())
    line = next(filter(None, lines), "")
    line = _LABEL.sub("", line, count=1) if _LABEL.match(line) else line
    parts = sentences(line)
    first = next(parts, "")
    for part in parts:
        # "Help! by The Beatles" goes on behind its mark.
        if not _GOES_ON.match(part):
            break
        first = f"{first} {part}"
    first = _BEHIND_INITIAL.split(first, maxsplit=1)[0]
    bare = first.rstrip(".\u2026 ")
    # "U.S.A." keeps its last stop; any other one closes the sentence.
    return f"{bare}." if re.search(r"\.[A-Za-z]$", bare) and first != bare else bare


@dataclass(frozen=True)
class _Read:
    song: str
    artist: str = ""
    album: str = ""
    doubts: tuple[str, ...] = ()
    alternatives: tuple["_Read", ...] = ()

    def title(self, original: str, *, too_long: bool = False) -> SongTitle:
        song, artist = _unquoted(self.song) or None, _unquoted(self.artist) or None
        album = _unquoted(
            _THE_ALBUM.sub("", self.album, count=1) if _THE_ALBUM.match(self.album) else self.album
        )
        found = {_NO_SONG: song is None, _NO_ARTIST: artist is None, _TOO_LONG: too_long}
        doubts = (*self.doubts, *(doubt for doubt, holds in found.items() if holds))
        return SongTitle(
            song,
            None if _is_placeholder_album(album) else album,
            artist,
            "low" if _LOW.intersection(doubts) else "medium" if doubts else "high",
            original,
            doubts,
            tuple(each.title(original) for each in self.alternatives),
        )


def _of_dashes(parts: list[str]) -> _Read | None:
    """`Song - Album - Artist`; also `Song - by Artist`, in which the `by` says which part is which."""
    named = parts[-1][:3].casefold() == "by " and len(parts) > 1
    if len(parts) < 3 and not named:
        return None
    artist = parts[-1][3:].strip() if named else parts[-1]
    doubts: tuple[str, ...] = (_MANY_PARTS,) if len(parts) > 3 else ()
    if not named and _has_artist(parts[0]):
        doubts += (_DASH_IN_TITLE,)
    return _credited(parts[0], artist, " - ".join(parts[1:-1]), doubts)


def _by_artist(parts: list[str]) -> _Read | None:
    """`Song by Artist from Album`; a part behind a dash is the title's own, or names the album."""
    if len(parts) == 2 and _has_artist(parts[0]) and not _has_artist(parts[1]):
        read = _by_artist(parts[:1])
        if read is None or read.album:
            return read
        other = _Read(parts[0], parts[1], doubts=(_BEHIND_DASH,))
        return _Read(read.song, read.artist, parts[1], (*read.doubts, _BEHIND_DASH), (other,))
    if not any(map(_has_artist, parts)):
        return None
    line = " - ".join(parts)
    *before, artist = _split(_BY, line)
    song = line[: len(line) - len(artist)][: -len(" by ")].strip()
    doubts: tuple[str, ...] = (_DASH_IN_TITLE,) if len(parts) > 1 else ()
    artist = _PROSE_BEHIND_NAME.split(artist, maxsplit=1)[0]
    artist, album, word = _album_behind(artist)
    if word in _AMBIGUOUS_ALBUM_WORDS:
        doubts += (f"'{word}' may belong to the artist or the title",)
    if len(before) > 1:
        doubts += (_BY_TWICE,)
    if _PROSE.match(song) or _PROSE.match(artist):
        doubts += (DESCRIBES,)
    return _credited(song, artist, album, doubts)


def _of_two(parts: list[str]) -> _Read | None:
    """A bare `A - B`: either may be the song."""
    if len(parts) != 2:
        return None
    other = _Read(parts[1], parts[0], doubts=(EITHER_WAY,))
    return _Read(parts[0], parts[1], doubts=(EITHER_WAY,), alternatives=(other,))


def _without_artist(line: str) -> _Read:
    if cover := _COVER.fullmatch(line):
        return _Read(cover["song"], cover["artist"], doubts=(A_COVER,))
    return _Read(line if any(map(str.isalnum, line)) else "")


def _has_artist(line: str) -> bool:
    """Whether a ` by ` in a line is followed by what may be an artist."""
    *before, artist = _split(_BY, line)
    return bool(before) and artist.casefold() not in _PRONOUNS


def _album_behind(artist: str) -> tuple[str, str, str]:
    """Artist, album, and the word between them; the latter two empty where no album is named."""
    masked = _masked(artist)
    for word, pattern in _ALBUM_WORDS:
        if found := pattern.search(masked):
            return artist[: found.start()].strip(), artist[found.end() :].strip(), word
    return artist, "", ""


def _credited(song: str, artist: str, album: str, doubts: tuple[str, ...]) -> _Read:
    """A guest who is named behind the song belongs to the artist."""
    if credit := _CREDIT_BEHIND_SONG.fullmatch(_masked(song)):
        start = credit.start("credit")
        song, artist = song[:start].strip(), f"{artist} {song[start:]}"
    return _Read(song, artist, album, doubts)


def _split(pattern: re.Pattern[str], line: str) -> list[str]:
    """The parts of a line between all matches that are not within brackets or quotes."""
    return [line[start:end].strip() for start, end in _between(pattern, _masked(line))]


def _between(pattern: re.Pattern[str], masked: str) -> Iterator[tuple[int, int]]:
    start = 0
    # A blank may end one match and begin the next one, as in "by by by".
    while found := pattern.search(masked, start):
        yield start, found.start()
        start = found.end() - 1
        if start >= len(masked):
            break
    yield start, len(masked)


def _masked(line: str) -> str:
    """A line of the same length, in which what is held together has nothing that could part it."""
    return _HELD_TOGETHER.sub(lambda found: "_" * len(found.group()), line)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"" and text[0] not in text[1:-1]:
        return text[1:-1].strip()
    return text


def _begins_a_description(parts: list[str]) -> bool:
    """Whether what stands behind a title describes it; of a bare pair it may be the title, written small."""
    return bool(_PROSE.match(parts[-1])) and (len(parts) > 2 or _has_artist(parts[0]))


def _is_placeholder_album(text: str) -> bool:
    return text.strip("()[]\"' .-").casefold() in _PLACEHOLDER_ALBUMS
