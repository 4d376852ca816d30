"""The words by which an item of the queue is found; what is asked of the queue is cut the same way."""

import re
import unicodedata
from collections.abc import Iterable

MOST = 24
"""Words that an item is found by: its name and address first, then category, tags and how its description begins."""
_LONGEST = 40
_LONGEST_TEXT = 2_000
_WORD = re.compile(r"[^\W_]+(?:[.'-][^\W_]+)*")


def words_of(texts: Iterable[str], *, most: int = MOST) -> list[str]:
    """The different words of some texts, lower case and without accents, in their order; names and addresses whole."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _WORD.findall(_plain(text[:_LONGEST_TEXT].casefold())):
            found.setdefault(word[:_LONGEST])
            if len(found) == most:
                return list(found)
    return list(found)


def _plain(text: str) -> str:
    """A text without accents; most have none."""
    if text.isascii():
        return text
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
