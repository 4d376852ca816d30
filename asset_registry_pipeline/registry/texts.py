"""Texts that people wrote: cleaning, shortening by sentences, spotting placeholders, masking; no documents."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

CREATOR_DESCRIPTION_LIMIT = 500
"""Characters (code points) that a `creatorDescription` may have."""

_QUOTES = str.maketrans(
    "\u2018\u2019\u201a\u2032\u201c\u201d\u201e\u2033",  # typographic quotes and primes, single then double
    "''''\"\"\"\"",
)
_BLANK = re.compile(r"\s")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WORLD_PREFIX = re.compile(r"^W\d{1,3}_[\w'-]+ - ")
_SENTENCE_END = re.compile(r"[.!?…]+[\"')\]]*(?=\s)")
# A full stop after these ends no sentence: initials ("Ben E. King"), acronyms ("U.S.A."), credits.
_NO_SENTENCE_END = re.compile(
    r"(?:\b(?:[A-Za-z]\.)+|\b(?:ft|feat|vs|mr|mrs|ms|dr|st|vol|no|pt|prod)\.)$", re.IGNORECASE
)
_PLACEHOLDERS = re.compile(
    r"(?:(?:this is )?(?:a |just a )?test(?:ing)?(?: (?:asset|upload|file|image|video|song|description|only))?s?"
    r"|(?:please )?delete(?: (?:me|this))?|please delete.*|placeholder.*|lorem ipsum.*|todo|tbd|tba|n/?a|none|null"
    r"|undefined|no description|description|desc|asdf\w*|qwert\w*|xxx+|untitled|new asset"
    r"|asset .*\([A-Z](?:\.[A-Z0-9]+){2,3}\))[\s\d.!#-]*",
    re.IGNORECASE | re.DOTALL,
)


def straighten(text: str) -> str:
    """NFC with straight quotes; nothing else changes."""
    return unicodedata.normalize("NFC", text).translate(_QUOTES)


def clean(text: str) -> str:
    """A description as a reader should see it.

    Straight quotes, no control characters, single spaces, no `W<NN>_<Name> - ` prefix, no blanks at the ends.
    """
    straight = straighten(text)
    visible = _CONTROLS.sub("", _BLANK.sub(" ", straight))
    return _WORLD_PREFIX.sub("", re.sub(r" {2,}", " ", visible).strip()).strip()


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, each with its end mark; initials, acronyms and `ft.` end none."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if match.group().startswith(".") and _NO_SENTENCE_END.search(text[start : match.start() + 1]):
            continue
        yield text[start : match.end()].strip()
        start = match.end()
    if rest := text[start:].strip():
        yield rest


def shorten(text: str, limit: int = CREATOR_DESCRIPTION_LIMIT) -> str:
    """As many whole sentences as fit into `limit` characters; a first sentence that is longer is cut at a word."""
    if len(text) <= limit:
        return text
    kept = ""
    for sentence in sentences(text):
        longer = f"{kept} {sentence}" if kept else sentence
        if len(longer) > limit:
            break
        kept = longer
    if kept:
        return kept
    cut = text[: limit - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut).rstrip() + "…"


def is_placeholder(text: str) -> bool:
    """Whether a text is a placeholder, a test or junk rather than a description."""
    body = clean(text)
    if not body:
        return False
    if _PLACEHOLDERS.fullmatch(body):
        return True
    letters = [character for character in body.casefold() if character.isalpha()]
    return not letters or (len(body) >= 3 and len(set(letters)) == 1)


def duplicates_by_case(tags: Iterable[str]) -> list[str]:
    """Tags that occur more than once when case and blanks around them are ignored, in the order of their repetition."""
    seen: set[str] = set()
    repeated = []
    for tag in tags:
        key = tag.strip().casefold()
        if key in seen:
            repeated.append(tag)
        seen.add(key)
    return repeated


def same_name(one: str, other: str) -> bool:
    """Whether two category names are the same but for case and `_`, blank or `-` between words."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
