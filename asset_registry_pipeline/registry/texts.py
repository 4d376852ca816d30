"""Texts that people wrote: cleaning, shortening by sentences, spotting placeholders, masking; no documents."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

CREATOR_DESCRIPTION_LIMIT = 500
"""Characters (code points) that a `creatorDescription` may have."""

# Typographic quotes and primes, single then double.
_QUOTES = (
    *((mark, "'") for mark in "\u2018\u2019\u201a\u2032"),
    *((mark, '"') for mark in "\u201c\u201d\u201e\u2033"),
)
_BLANK = re.compile(r"\s")
_BLANKS = re.compile(r" {2,}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TWO_LETTERS = re.compile(r"[^a-z]*([a-z])[^a-z]*(?!\1)[a-z]")
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_WORLD_PREFIX = re.compile(r"^W\d{1,3}_[\w'-]+ - ")
# Only from the first mark of a run: asked anew from each of them, a line of dots costs the square of its length.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]+[\"')\]]*(?=\s)")
# A full stop after these ends no sentence: initials ("Ben E. King"), acronyms ("U.S.A."), credits.
_NO_SENTENCE_END = re.compile(r"\b(?:[A-Za-z]|ft|feat|vs|mr|mrs|ms|dr|st|vol|no|pt|prod)\.$", re.IGNORECASE)
_LONGEST_CREDIT = len("feat")
_PLACEHOLDERS = re.compile(
    r"(?:(?:this is )?(?:a |just a )?test(?:ing)?(?: (?:asset|upload|file|image|video|song|description|only))?s?"
    r"|(?:please )?delete(?: (?:me|this))?|please delete.*|placeholder.*|lorem ipsum.*|todo|tbd|tba|n/?a|none|null"
    r"|undefined|no description|description|desc|asdf\w*|qwert\w*|xxx+|untitled|new asset"
    r"|asset .*\([A-Z](?:\.[A-Z0-9]+){2,3}\))[\s\d.!#-]*",
    re.IGNORECASE | re.DOTALL,
)


def straighten(text: str) -> str:
    """NFC with straight quotes; nothing else changes."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFC", text)
    for mark, straight in _QUOTES:
        text = text.replace(mark, straight)
    return text


def clean(text: str) -> str:
    """A description as a reader should see it.

    Straight quotes, no control characters, single spaces, no `W<NN>_<Name> - ` prefix, no blanks at the ends.
    """
    visible = straighten(text).strip()
    # Most texts hold nothing to replace; asking is ten times faster than replacing.
    if not visible.isascii() or not visible.isprintable() or "  " in visible:
        visible = _BLANKS.sub(" ", _CONTROLS.sub("", _BLANK.sub(" ", visible))).strip()
    return _WORLD_PREFIX.sub("", visible).strip() if visible.startswith("W") else visible


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, each with its end mark; initials, acronyms and `ft.` end none."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        stop = match.start()
        if text[stop] == "." and _NO_SENTENCE_END.search(text, max(start, stop - _LONGEST_CREDIT), stop + 1):
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
    return is_placeholder_once_cleaned(clean(text))


def is_placeholder_once_cleaned(body: str) -> bool:
    """The same of a text that has been cleaned already."""
    if not body:
        return False
    if _PLACEHOLDERS.fullmatch(body):
        return True
    # Nearly every text begins with two letters that differ, so the others need not be looked at.
    if _TWO_LETTERS.match(body[:12].lower()):
        return False
    letters = {character for character in body.casefold() if character.isalpha()}
    return not letters or (len(body) >= 3 and len(letters) == 1)


def duplicates_by_case(tags: Iterable[str]) -> list[str]:
    """Tags that occur more than once when case and blanks around them are ignored, in the order of their repetition."""
    tags = list(tags)
    seen: set[str] = set()
    repeated: list[str] = []
    if len({tag.strip().casefold() for tag in tags}) == len(tags):
        return repeated
    for tag in tags:
        key = tag.strip().casefold()
        if key in seen:
            repeated.append(tag)
        seen.add(key)
    return repeated


def same_name(one: str, other: str) -> bool:
    """Whether two category names are the same but for case and `_`, blank or `-` between words."""
    return one == other or _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return _BETWEEN_WORDS.sub(" ", name).strip().casefold()
