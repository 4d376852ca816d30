"""How well what a music service found fits the song that was asked for, told so that a curator understands it; pure.

Asking the services belongs to `lookups`, reading a line of words to `song_titles`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from asset_registry_pipeline.registry.song_names import (
    ARTIST_FLOOR,
    OTHER_ARTIST,
    album_likeness,
    artist_likeness,
    credited,
    title_likeness,
    version_words,
    without_credit,
)
from asset_registry_pipeline.registry.song_titles import A_COVER, EITHER_WAY, SongTitle

Quality = Literal["High", "Medium", "Low"]
Source = Literal["iTunes", "MusicBrainz"]

STRONG = 0.85
"""Score from which a match is taken unattended, if nothing else speaks against it."""
OFFERED_TITLE = 0.6
"""Likeness of the titles below which a curator is not shown a song at all."""
MOST_OFFERED = 6
"""Candidates that a curator is shown."""
_TITLE_FLOOR, _ALBUM_FLOOR = 0.88, 0.6
_SHARE_OF_TITLE, _SHARE_OF_ARTIST = 0.55, 0.45
_SHARE_OF_ALBUM = 0.1
_PENALTY = 0.25
_ALSO = "read in another way the line names another song, which is there as well"
_BY_ANOTHER = 0.45
"""The score of a song by another artist is at most this."""

_ARTWORK_SIZE = re.compile(r"/(\d+)x(\d+)([a-z]{0,2})(-\d+)?\.(jpg|png|webp)$")


@dataclass(frozen=True)
class Found:
    """A song as a service names it; `artwork_url` is empty where it has no picture of it, `duration` in seconds."""

    song: str
    artist: str
    album: str
    artwork_url: str
    source: Source
    quality: Quality = "Medium"
    duration: float | None = None


@dataclass(frozen=True)
class ArtCandidate:
    """Album art that may be the song's: what it belongs to, how well that fits (0..1), and why.

    `strong`: fits so well that it is taken unattended. `why`: a sentence for the curator. `duration` in seconds.
    """

    song: str
    artist: str
    album: str
    artwork_url: str
    quality: Quality
    source: Source
    score: float
    strong: bool
    why: str
    duration: float | None = None


@dataclass(frozen=True)
class _Judged:
    """One order of song and artist compared with what was found."""

    score: float
    strong: bool
    offered: bool
    why: str


def sized(artwork_url: str) -> tuple[str, Quality]:
    """The address of Apple's picture at 600x600, and what quality that promises.

    An address that does not end in a size is kept, with less promised.
    """
    if _ARTWORK_SIZE.search(artwork_url):
        return _ARTWORK_SIZE.sub("/600x600bb.jpg", artwork_url), "High"
    return artwork_url, "Medium"


def orders(title: SongTitle) -> tuple[SongTitle, ...]:
    """The title, and where it may be the other way round that one, too; nothing where no song is named."""
    if not (title.song or "").strip():
        return ()
    if EITHER_WAY in title.ambiguous and title.artist:
        swapped = SongTitle(title.artist, title.album, title.song, title.confidence, title.original)
        return title, swapped
    return (title, *title.alternatives)


def candidates(title: SongTitle, found: Iterable[Found]) -> tuple[ArtCandidate, ...]:
    """What was found that may be the song and has a picture, the best first, at most `MOST_OFFERED`.

    Where a line fits strongly in two readings, neither is strong: a person has to say which one is meant.
    """
    asked = orders(title)
    offered: dict[str, tuple[ArtCandidate, int]] = {}
    for one in found:
        if not one.artwork_url:
            continue
        judged, order = max(
            ((_judge(each, one), -place) for place, each in enumerate(asked)),
            key=lambda pair: (pair[0].score, pair[1]),
            default=(_Judged(0.0, strong=False, offered=False, why=""), 0),
        )
        if not judged.offered:
            continue
        candidate = ArtCandidate(
            song=one.song, artist=one.artist, album=one.album, artwork_url=one.artwork_url,
            quality=one.quality, source=one.source,
            score=judged.score, strong=judged.strong, why=judged.why, duration=one.duration,
        )  # fmt: skip
        standing = offered.get(one.artwork_url)
        if standing is None or (candidate.strong, candidate.score) > (standing[0].strong, standing[0].score):
            offered[one.artwork_url] = (candidate, order)
    kept = list(offered.values())
    if len({order for candidate, order in kept if candidate.strong}) > 1:
        kept = [(_in_doubt(candidate), order) for candidate, order in kept]
    if A_COVER in title.ambiguous:
        # The picture of whom it covers is not the one of who plays it.
        kept = [
            (replace(one, strong=False, why=f"{one.why}; but the line says {A_COVER}"), order)
            for one, order in kept
        ]
    ranked = sorted((candidate for candidate, _ in kept), key=lambda one: (not one.strong, -one.score))
    return tuple(ranked[:MOST_OFFERED])


def best_first(title: SongTitle, found: Iterable[Found]) -> tuple[Found, ...]:
    """What may be the song, the best first, whether it has a picture or not."""
    asked = orders(title)
    judged = [(max((_judge(each, one) for each in asked), key=lambda it: it.score), one) for one in found]
    offered = [(it, one) for it, one in judged if it.offered]
    return tuple(one for _, one in sorted(offered, key=lambda pair: (not pair[0].strong, -pair[0].score)))


def search_words(title: SongTitle) -> str:
    """The words to search for: song and artist, or where no artist is known the album in its place."""
    behind = without_credit(title.artist) if title.artist else title.album
    return " ".join(filter(None, (without_credit(title.song or ""), behind)))


def other_versions(title: SongTitle, found: Found) -> tuple[str, ...]:
    """Which words (live, remix, ...) only one side has, as whole words: the recording may be another one."""
    ours, ours_album = version_words(title.song, title.artist), version_words(title.album)
    theirs, theirs_album = version_words(found.song, found.artist), version_words(found.album)
    return tuple(
        sorted(
            {word for word in theirs - ours if word not in ours_album}
            | {word for word in ours - theirs if word not in theirs_album}
            | {word for word in theirs_album if word not in ours and word not in ours_album}
        )
    )


def _judge(asked: SongTitle, found: Found) -> _Judged:
    title = title_likeness(asked.song or "", found.song)
    score, reasons, strong = title, [], title >= _TITLE_FLOOR
    if title < 1.0:
        reasons.append(f"the title is '{found.song}'")
    artist = None
    if asked.artist:
        artist, told = artist_likeness(asked.artist, found.artist, featured=credited(found.song))
        score = _SHARE_OF_TITLE * title + _SHARE_OF_ARTIST * artist
        strong = strong and artist >= ARTIST_FLOOR
        reasons += [told] if told else []
    else:
        score, strong = title * _SHARE_OF_TITLE, False
        reasons.append(f"no artist is asked for; this one is by '{found.artist}'")
    if asked.album and found.album:
        album = album_likeness(asked.album, found.album)
        score = (1 - _SHARE_OF_ALBUM) * score + _SHARE_OF_ALBUM * album
        if album < _ALBUM_FLOOR:
            strong = False
            reasons.append(f"from the album '{found.album}', not '{asked.album}'")
    for word in other_versions(asked, found):
        score, strong = score - _PENALTY, False
        reasons.append(f"'{word}' is said of only one of the two: another recording")
    if artist is not None and artist < OTHER_ARTIST:
        score = min(score, _BY_ANOTHER)
    score = round(max(0.0, min(1.0, score)), 3)
    same = "Same song, artist and album" if asked.album and found.album else "Same song and artist"
    why = _sentence(reasons) if reasons else same
    return _Judged(score, strong and score >= STRONG, title >= OFFERED_TITLE, why)


def _in_doubt(candidate: ArtCandidate) -> ArtCandidate:
    return replace(candidate, strong=False, why=f"{candidate.why}; but {_ALSO}")


def _sentence(reasons: list[str]) -> str:
    told = "; ".join(reasons)
    return told[:1].upper() + told[1:]
