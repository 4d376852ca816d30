"""The songs that the stand-in knows: those of the synthetic registry, most of them without trouble."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from local_stack.sources.registry.documents import songs

SEED, SONGS = 7, 34
"""The songs of the demonstration; those of the small source of the tests are the first of them."""
ONLY_MUSICBRAINZ, NO_MATCH, BROKEN_PICTURE, BY_ANOTHER, ONLY_LIVE = (8, 20), 17, 15, 18, 32
"""Places, in the registry's order, of the songs that are not simply there."""

_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<song>[\w ]+) by (?P<artist>[\w ]+) from (?P<album>[\w ]+)$",
        r"(?P<song>[\w ]+) - (?P<album>[\w ]+) - (?P<artist>[\w ]+)$",
        r"(?P<song>[\w ]+) by (?P<artist>[\w ]+) off (?P<album>[\w ]+)\.",
        r"(?P<song>[\w ]+) by (?P<artist>[\w ]+)\.",
    )
)


@dataclass(frozen=True)
class Song:
    """A recording on a release. `known_to`: the services that have it; `picture`: what its picture is like."""

    song: str
    artist: str
    album: str
    known_to: Sequence[str] = ("itunes", "musicbrainz")
    picture: Literal["good", "broken", "none"] = "good"

    @property
    def mark(self) -> str:
        """What tells this release from all others, in hexadecimal digits."""
        return hashlib.sha256("\n".join((self.song, self.artist, self.album)).encode()).hexdigest()

    @property
    def mbid(self) -> str:
        """The release's identifier at MusicBrainz."""
        mark = self.mark
        return "-".join((mark[:8], mark[8:12], mark[12:16], mark[16:20], mark[20:32]))


REAL = (
    Song("Anxiety", "Doechii", "Anxiety - Single"),
    Song("Anxiety", "Sleepy Hallow", "Boy Meets World"),
    Song("What It Is (Block Boy) [feat. Kodak Black]", "Doechii", "What It Is (Block Boy) - Single"),
    Song("What It Is (Solo Version)", "Doechii", "What It Is (Solo Version) - Single"),
    Song("Party In the U.S.A.", "Miley Cyrus", "The Time of Our Lives (International Version) - EP"),
    Song("Party In the U.S.A. (Live)", "Miley Cyrus", "iTunes Live from London"),
    Song("Anti-Hero", "Taylor Swift", "Midnights"),
    Song("Anti-Hero (ILLENIUM Remix)", "Taylor Swift", "Anti-Hero (ILLENIUM Remix) - Single"),
    Song("Stand By Me", "Ben E. King", "Don't Play That Song!"),
    Song("Stand by Me (Karaoke Version)", "Sing King", "Soul Karaoke"),
    Song("Stand by Me", "Otis Redding", "Pain in My Heart"),
    Song("Pretty Little Baby", "Connie Francis", "Connie Francis Sings Second Hand Love"),
    Song("NOKIA", "Drake", "$ome $exy $ongs 4 U"),
)
"""Real songs of the registry, with namesakes that must not be taken for them."""


def registry_songs(seed: int = SEED, count: int = SONGS) -> tuple[Song, ...]:
    """What the stand-in knows of the synthetic registry's songs, the real ones among them."""
    return (*REAL, *_generated(seed, count))


def _generated(seed: int, count: int) -> Iterator[Song]:
    for place, made in enumerate(songs(seed, count, dirt=True)):
        line = made.document["description"]
        read = next(filter(None, (form.match(line) for form in _FORMS)), None)
        if read is None or place == NO_MATCH:
            continue
        named = read.groupdict()
        song, artist, album = (
            named["song"],
            named["artist"],
            named.get("album") or f"{named['song']} - Single",
        )
        if place in ONLY_MUSICBRAINZ:
            yield Song(song, artist, album, known_to=("musicbrainz",))
        elif place == BROKEN_PICTURE:
            yield Song(song, artist, album, picture="broken")
        elif place == BY_ANOTHER:
            yield Song(song, "Night Market Choir", f"Songs of {artist}")
        elif place == ONLY_LIVE:
            yield Song(f"{song} (Live)", artist, f"{album} (Live)")
        else:
            yield Song(song, artist, album)
