"""How well what a music service found fits the song that was asked for, told so that a curator understands it; pure.

Asking the services belongs to `lookups`, reading a line of words to `song_titles`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from rapidfuzz import fuzz

from asset_registry_pipeline.registry.song_titles import A_COVER, EITHER_WAY, SongTitle

Quality = Literal["High", "Medium", "Low"]
Source = Literal["iTunes", "MusicBrainz"]

ARTIST_FLOOR = 0.9
"""Likeness of the artists below which a song is never taken unattended, however well its title fits."""
STRONG = 0.85
"""Score from which a match is taken unattended, if nothing else speaks against it."""
OFFERED_TITLE = 0.6
"""Likeness of the titles below which a curator is not shown a song at all."""
MOST_OFFERED = 6
"""Candidates that a curator is shown."""
_TITLE_FLOOR, _ALBUM_FLOOR = 0.88, 0.6
_SHARE_OF_TITLE, _SHARE_OF_ARTIST = 0.55, 0.45
_SHARE_OF_ALBUM = 0.1
_NOT_SURE = 0.85
_OTHER_ARTIST = 0.7
_ALBUM_WITH_MORE = 0.8
_PENALTY = 0.25
_BY_ANOTHER = 0.45
"""The score of a song by another artist is at most this."""
_SHORT = 8
"""Letters of a name below which one other letter makes another name (`Queen`, `Queens`)."""

_VERSIONS = {
    "live": "live", "remix": "remix", "remixes": "remix", "remixed": "remix", "karaoke": "karaoke",
    "tribute": "tribute", "tributes": "tribute", "cover": "cover", "covers": "cover", "covered": "cover",
    "instrumental": "instrumental", "acoustic": "acoustic", "lullaby": "lullaby", "parody": "parody",
    "nightcore": "nightcore", "sped": "sped up", "slowed": "slowed",
}  # fmt: skip
"""Words that make a recording another one than the song, as whole words; and what is told of them."""
_CREDIT = re.compile(
    r"\s*(?:[(\[]?\b(?:feat|ft|featuring)\b\.?\s+(?P<who>[^()\[\]]+)[)\]]?|[(\[]with\s+(?P<with>[^()\[\]]+)[)\]])",
    re.IGNORECASE,
)
_BETWEEN_ARTISTS = re.compile(r"\s*(?:,|&|\+|/|;|\bx\b|\band\b|\bwith\b|\bvs\b\.?)\s*", re.IGNORECASE)
_SAME_RECORDING = re.compile(
    r"\s*(?:[(\[]|\s-\s)\s*(?:(?:\d{4}\s+)?(?:digital(?:ly)?\s+)?remaster(?:ed)?(?:\s+\d{4})?(?:\s+version)?"
    r"|(?:radio|single|album|original|explicit|clean|mono|stereo)(?:\s+(?:edit|version|mix))?"
    r"|explicit|from\s[^)\]]+)\s*[)\]]?\s*$",
    re.IGNORECASE,
)
_EDITION = re.compile(
    r"\s+-\s+(?:single|ep)\s*$|\s*[(\[][^)\]]*\b(?:edition|version|remaster(?:ed)?|deluxe|expanded|bonus)\b[^)\]]*[)\]]",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_ANOTHER_VERSION = re.compile(
    r"\b(?:version|mix|edit|demo|session|take|medley|interlude|reprise)\b", re.IGNORECASE
)
_LETTERS = str.maketrans(
    {"$": "s", "\u00f8": "o", "\u00e6": "ae", "\u0142": "l", "\u0111": "d", "'": "", "\u2019": "", "`": ""}
)
_SINGLE_LETTERS = re.compile(r"\b\w(?: \w\b)+")
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

    Where a bare `A - B` fits strongly in both orders, neither is strong: a person has to say which one is meant.
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
        kept = [(_in_doubt(candidate, title), order) for candidate, order in kept]
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


def main_title(song: str) -> str:
    """A song's title without who is featured, as services know it."""
    return _without_credit(song)


def main_artist(artist: str) -> str:
    """A credit without who is featured."""
    return _without_credit(artist)


def search_words(title: SongTitle) -> str:
    """The words to search for: song and artist, or where no artist is known the album in its place."""
    return f"{main_title(title.song or '')} {main_artist(title.artist) if title.artist else title.album or ''}".strip()


def artist_likeness(asked: str, found: str, *, featured: str = "") -> tuple[float, str]:
    """How like two credits are (0..1), and what to tell of it where they are not the same; empty where they are.

    `featured`: whom the found song's title names besides. One of several artists is not the same as that one alone.
    """
    ours, theirs = _without_credit(asked), _without_credit(found)
    whole = _name_likeness(ours, theirs)
    if whole >= ARTIST_FLOOR:
        return whole, "" if whole == 1.0 else f"the artist is written '{found}'"
    our_names, their_names = _names(ours), _names(theirs)
    everyone = their_names | _names(_credited(found)) | _names(featured)
    if our_names and our_names == their_names:
        return 1.0, ""
    # "Lady Gaga & Bruno Mars" is "Lady Gaga" with "(feat. Bruno Mars)" in the title, or the other way round.
    ours_and_credited = our_names | _names(_credited(asked))
    if their_names and our_names <= everyone and their_names <= ours_and_credited:
        return 0.95, f"the artists are written '{found}'"
    if our_names & everyone:
        return min(
            _NOT_SURE, max(_OTHER_ARTIST, whole)
        ), f"not all artists are the same: '{found}', not '{asked}'"
    return whole, f"by another artist: '{found}', not '{asked}'"


def title_likeness(asked: str, found: str) -> float:
    """How like two titles of songs are (0..1), without who is featured and what names the same recording."""
    ours, theirs = _title(asked), _title(found)
    if not ours or not theirs:
        return 0.0
    if ours == theirs:
        return 1.0
    if ours.replace(" ", "") == theirs.replace(" ", ""):
        return 0.98
    like = _spelling_likeness(ours, theirs)
    # One title with and one without what stands in brackets behind it: a subtitle, or another version.
    brackets = [_IN_BRACKETS.findall(asked), _IN_BRACKETS.findall(found)]
    if all(brackets) or not any(brackets):
        return like
    if _title(_IN_BRACKETS.sub("", asked)) != _title(_IN_BRACKETS.sub("", found)):
        return like
    another = any(_ANOTHER_VERSION.search(text) for texts in brackets for text in texts)
    return max(like, _NOT_SURE if another else _TITLE_FLOOR)


def other_versions(title: SongTitle, found: Found) -> tuple[str, ...]:
    """Which words (live, remix, ...) only one side has, as whole words: the recording may be another one."""
    ours, ours_album = _version_words(title.song, title.artist), _version_words(title.album)
    theirs, theirs_album = _version_words(found.song, found.artist), _version_words(found.album)
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
        artist, told = artist_likeness(asked.artist, found.artist, featured=_credited(found.song))
        score = _SHARE_OF_TITLE * title + _SHARE_OF_ARTIST * artist
        strong = strong and artist >= ARTIST_FLOOR
        reasons += [told] if told else []
    else:
        score, strong = title * _SHARE_OF_TITLE, False
        reasons.append(f"no artist is asked for; this one is by '{found.artist}'")
    if asked.album and found.album:
        album = _album_likeness(asked.album, found.album)
        score = (1 - _SHARE_OF_ALBUM) * score + _SHARE_OF_ALBUM * album
        if album < _ALBUM_FLOOR:
            strong = False
            reasons.append(f"from the album '{found.album}', not '{asked.album}'")
    for word in other_versions(asked, found):
        score, strong = score - _PENALTY, False
        reasons.append(f"'{word}' is said of only one of the two: another recording")
    if artist is not None and artist < _OTHER_ARTIST:
        score = min(score, _BY_ANOTHER)
    score = round(max(0.0, min(1.0, score)), 3)
    same = "Same song, artist and album" if asked.album and found.album else "Same song and artist"
    why = _sentence(reasons) if reasons else same
    return _Judged(score, strong and score >= STRONG, title >= OFFERED_TITLE, why)


def _in_doubt(candidate: ArtCandidate, title: SongTitle) -> ArtCandidate:
    told = f"{candidate.why}; but '{title.song}' and '{title.artist}' are both songs and both artists"
    return replace(candidate, strong=False, why=told)


def _sentence(reasons: list[str]) -> str:
    told = "; ".join(reasons)
    return told[:1].upper() + told[1:]


def _name_likeness(one: str, other: str) -> float:
    ours, theirs = _folded(one), _folded(other)
    if not ours or not theirs:
        return 0.0
    if ours == theirs:
        return 1.0
    if ours.replace(" ", "") == theirs.replace(" ", "") or sorted(ours.split()) == sorted(theirs.split()):
        return 0.98
    return _spelling_likeness(ours, theirs)


def _spelling_likeness(one: str, other: str) -> float:
    like = fuzz.ratio(one, other) / 100
    # In a short name, and in a number, one other character makes another name.
    same_numbers = re.findall(r"\d+", one) == re.findall(r"\d+", other)
    return like if same_numbers and min(len(one), len(other)) >= _SHORT else min(like, _NOT_SURE)


def _album_likeness(one: str, other: str) -> float:
    ours, theirs = (_folded(_EDITION.sub("", album)) or _folded(album) for album in (one, other))
    if ours == theirs:
        return 1.0
    # "Midnights" is "Midnights (3am Edition)"; and what follows an album's name in a line may be read as part of it.
    longer, shorter = (theirs, ours) if len(theirs) > len(ours) else (ours, theirs)
    if f"{longer} ".startswith(f"{shorter} ") and len(shorter) >= _SHORT:
        return max(_ALBUM_WITH_MORE, fuzz.ratio(ours, theirs) / 100)
    return fuzz.ratio(ours, theirs) / 100


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, (_folded(part) for part in _BETWEEN_ARTISTS.split(text))))


def _credited(text: str) -> str:
    match = _CREDIT.search(text)
    return (match["who"] or match["with"] or "") if match else ""


def _without_credit(text: str) -> str:
    return _CREDIT.sub("", text).strip() or text


def _title(text: str) -> str:
    return _folded(_SAME_RECORDING.sub("", _without_credit(text)) or text)


def _version_words(*texts: str | None) -> Counter[str]:
    words = re.findall(r"[^\W_]+", " ".join(filter(None, texts)).casefold())
    return Counter(_VERSIONS[word] for word in words if word in _VERSIONS)


def _folded(text: str) -> str:
    """Lower case without accents, marks and a leading `the`; initials joined: `B.B. King` is `bb king`."""
    apart = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    plain = "".join(letter for letter in apart if not "\u0300" <= letter <= "\u036f")
    plain = unicodedata.normalize("NFKC", plain).replace("&", " and ")
    spaced = " ".join(re.sub(r"[^\w]|_", " ", plain).split())
    joined = _SINGLE_LETTERS.sub(lambda match: match[0].replace(" ", ""), spaced)
    return re.sub(r"^the (?=\S)", "", joined) or plain.strip()
