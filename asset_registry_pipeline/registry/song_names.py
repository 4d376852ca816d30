"""How like two names are: of songs, of artists and their credits, of albums, as people and services write them; pure.

What is made of it is for `song_matches`.
"""

import re
import unicodedata
from collections import Counter

from rapidfuzz import fuzz

ARTIST_FLOOR = 0.9
"""Likeness of the artists below which a song is never taken unattended, however well its title fits."""
NOT_SURE = 0.85
"""What may be the same and may be another one is at most this like."""
OTHER_ARTIST = 0.7
"""Likeness below which an artist is simply another one."""
_ALBUM_WITH_MORE = 0.8
_SUBTITLE = 0.88
"""Likeness of a title to the same one with a subtitle in brackets."""
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
    r"\b(?:version|mix|edit|demo|session|take|medley|interlude|reprise|piano|orchestral|8d|reverb"
    r"|originally|performed|famous|style)\b",
    re.IGNORECASE,
)
_LETTERS = str.maketrans(
    {"$": "s", "\u00f8": "o", "\u00e6": "ae", "\u0142": "l", "\u0111": "d", "'": "", "\u2019": "", "`": ""}
)
_SINGLE_LETTERS = re.compile(r"\b\w(?: \w\b)+")


def artist_likeness(asked: str, found: str, *, featured: str = "") -> tuple[float, str]:
    """How like two credits are (0..1), and what to tell of it where they are not the same; empty where they are.

    `featured`: whom the found song's title names besides. One of several artists is not the same as that one alone.
    """
    ours, theirs = without_credit(asked), without_credit(found)
    whole = _name_likeness(ours, theirs)
    if whole >= ARTIST_FLOOR:
        return whole, "" if whole == 1.0 else f"the artist is written '{found}'"
    our_names, their_names = _names(ours), _names(theirs)
    everyone = their_names | _names(credited(found)) | _names(featured)
    if our_names and our_names == their_names:
        return 1.0, ""
    # "Lady Gaga & Bruno Mars" is "Lady Gaga" with "(feat. Bruno Mars)" in the title, or the other way round.
    ours_and_credited = our_names | _names(credited(asked))
    if their_names and our_names <= everyone and their_names <= ours_and_credited:
        return 0.95, f"the artists are written '{found}'"
    if our_names & everyone:
        return min(
            NOT_SURE, max(OTHER_ARTIST, whole)
        ), f"not all artists are the same: '{found}', not '{asked}'"
    other = "by another artist" if whole < OTHER_ARTIST else "perhaps by another artist"
    return whole, f"{other}: '{found}', not '{asked}'"


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
    return max(like, NOT_SURE if another else _SUBTITLE)


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
    return like if same_numbers and min(len(one), len(other)) >= _SHORT else min(like, NOT_SURE)


def album_likeness(one: str, other: str) -> float:
    """How like two albums are (0..1), whatever edition of them is meant."""
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


def credited(text: str) -> str:
    """Who is featured, as a title or a credit names them; empty where nobody is."""
    match = _CREDIT.search(text)
    return (match["who"] or match["with"] or "") if match else ""


def without_credit(text: str) -> str:
    """A title or a credit without who is featured."""
    return _CREDIT.sub("", text).strip() or text


def _title(text: str) -> str:
    return _folded(_SAME_RECORDING.sub("", without_credit(text)) or text)


def version_words(*texts: str | None) -> Counter[str]:
    """How often each kind of other recording (live, remix, ...) is said, as whole words."""
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
