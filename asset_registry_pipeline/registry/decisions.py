"""Curators' decisions about assets and songs: what one is, and what is wrong with one; no CSV, no stores.

A decision holds who decided, when, and the hash of the source that was looked at. Words are kept byte for byte. What a
curator put in the place of what was found out about a song says what is wrong with it when it is made.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

LOOKED_UP_SOURCES = ("iTunes", "MusicBrainz")
"""Where album art is looked up; what a curator accepts comes from one of them."""
OWN_SOURCES = ("Manual", "AI Generated")
"""Where a picture comes from that a curator puts in the place of what was found."""
BPM_GIVEN = (20, 400)
"""Beats per minute that a curator may give: wider than what a text is searched for, as a person has listened."""
_LONGEST = 500
_LONGEST_URL = 2_000
_HTTPS = re.compile(r"https://[^\s/?#@\x00-\x20\x7f\\]+(?:[/?#][^\s\x00-\x20\x7f]*)?", re.IGNORECASE)


class Verdict(StrEnum):
    """What a curator decided: take it, take it with these words, or leave it behind, and in which way."""

    APPROVE = "approve"
    EDIT = "edit"
    REJECT = "reject"
    TEST = "test"
    EXCLUDE = "exclude"


AGAINST = (Verdict.REJECT, Verdict.TEST, Verdict.EXCLUDE)
"""The verdicts that leave an asset behind. What becomes of its composites is the profile's to say."""


class ArtVerdict(StrEnum):
    """What a curator says to album art: this candidate, another picture, or none."""

    ACCEPT = "accept"
    REPLACE = "replace"
    REFUSE = "refuse"


@dataclass(frozen=True)
class SongTitleGiven:
    """The title as a curator gave it, in the place of the whole parsed one; without an album where it is None.

    Raises:
        ValueError: there is no song, or a part is blank or over 500 characters.
    """

    song: str | None
    album: str | None = None
    artist: str | None = None

    def __post_init__(self) -> None:
        if self.song is None:
            raise ValueError("a title needs the name of the song")
        for name in ("song", "album", "artist"):
            _check_text(name, getattr(self, name))


@dataclass(frozen=True)
class ArtChoice:
    """What a curator said about the album art: `url` of the picture that was accepted or is to replace what was found.

    Raises:
        ValueError: an accepted picture is from no look-up, a URL is missing or not https, or one was refused and named.
    """

    verdict: str
    url: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdict", ArtVerdict(self.verdict))
        if self.verdict == ArtVerdict.REFUSE:
            if self.url is not None or self.source is not None:
                raise ValueError("album art is refused, or a picture is named; not both")
            return
        if self.url is None or len(self.url) > _LONGEST_URL or not _HTTPS.fullmatch(self.url):
            raise ValueError(f"album art {(self.url or '')[:100]!r} is neither `refuse` nor an https URL")
        sources = LOOKED_UP_SOURCES if self.verdict == ArtVerdict.ACCEPT else (*OWN_SOURCES, None)
        if self.source not in sources:
            known = ", ".join(source for source in sources if source)
            raise ValueError(f"album art of source {self.source!r}: {self.verdict} expects {known}")


@dataclass(frozen=True)
class FactsGiven:
    """Facts of the regenerated metadata that a curator replaced; None where what was found stands.

    `bpm` in beats per minute; `genre` may name several, with commas between them.

    Raises:
        ValueError: none is given, the tempo is out of range, or a text is blank or over 500 characters.
    """

    bpm: int | None = None
    key: str | None = None
    mood: str | None = None
    genre: str | None = None
    tempo: str | None = None

    def __post_init__(self) -> None:
        if not self.given:
            raise ValueError("no fact is given")
        if self.bpm is not None and not _is_bpm(self.bpm):
            raise ValueError(f"bpm {self.bpm!r} is not a whole number from {BPM_GIVEN[0]} to {BPM_GIVEN[1]}")
        for name in ("key", "mood", "genre", "tempo"):
            _check_text(name, getattr(self, name))

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the facts that are given."""
        return tuple(name for name in self.__dataclass_fields__ if getattr(self, name) is not None)


@dataclass(frozen=True)
class Decision:
    """One decision about one asset; `words` is the creator's description where the curator gave one.

    `title`, `album_art` and `facts` are for songs: what the curator put in the place of what was parsed, looked up and
    regenerated; None where it stands as it is.
    """

    layer: str
    name: str
    nna_address: str
    source_hash: str
    verdict: Verdict
    words: str | None
    reason: str | None
    decided_by: str
    decided_at: datetime
    title: SongTitleGiven | None = None
    album_art: ArtChoice | None = None
    facts: FactsGiven | None = None

    @property
    def key(self) -> str:
        """What it is stored under: layer, name and address, none of which a migration changes."""
        return f"{self.layer}|{self.name}|{self.nna_address}"


def _is_bpm(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and BPM_GIVEN[0] <= value <= BPM_GIVEN[1]


def _check_text(name: str, text: str | None) -> None:
    if text is not None and not (text.strip() and len(text) <= _LONGEST):
        raise ValueError(f"{name} is blank" if not text.strip() else f"{name} has over {_LONGEST} characters")
