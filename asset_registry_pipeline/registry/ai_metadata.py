"""The `rules` provider: metadata that a text itself states; no network, no clock, no guesses.

A tempo word is kept as a word; a number of beats is given only when the text states one (60 to 200).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asset_registry_pipeline.registry.texts import clean

RULES_VERSION = "rules-1"
BPM_RANGE = (60, 200)

GENRE_FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "hip-hop": "urban", "rap": "urban", "trap": "urban", "r&b": "urban", "soul": "urban", "funk": "urban",
        "pop": "pop", "k-pop": "pop", "disco": "pop", "indie": "rock", "rock": "rock", "punk": "rock",
        "metal": "rock", "alternative": "rock", "house": "electronic", "techno": "electronic", "edm": "electronic",
        "electronic": "electronic", "synthwave": "electronic", "country": "folk", "folk": "folk", "acoustic": "folk",
        "latin": "latin", "reggaeton": "latin", "salsa": "latin", "jazz": "jazz", "blues": "jazz",
        "classical": "classical", "orchestral": "classical",
    }
)  # fmt: skip
_GENRE_SPELLINGS = {
    "hip hop": "hip-hop",
    "hiphop": "hip-hop",
    "rnb": "r&b",
    "rhythm and blues": "r&b",
    "kpop": "k-pop",
}
_MOODS = (
    "smooth", "introspective", "happy", "sad", "dark", "dreamy", "romantic", "melancholic", "playful", "confident",
    "nostalgic", "uplifting", "aggressive", "calm", "energetic", "mellow",
)  # fmt: skip
_TEMPO_WORDS = ("slow", "mid-tempo", "upbeat", "fast", "laid-back", "driving")
_ENERGY = {
    "energetic": "high", "upbeat": "high", "fast": "high", "driving": "high", "aggressive": "high",
    "mid-tempo": "medium", "confident": "medium", "playful": "medium",
    "slow": "low", "calm": "low", "mellow": "low", "laid-back": "low", "smooth": "low",
}  # fmt: skip


def _whole_words(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")


_SPELLINGS = _whole_words(_GENRE_SPELLINGS)
_VOCABULARY = _whole_words({*GENRE_FAMILIES, *_MOODS, *_TEMPO_WORDS, *_ENERGY})
_BPM = re.compile(r"\b(\d{2,3})\s*(?:bpm|beats per minute)\b", re.IGNORECASE)
_KEY = re.compile(r"\b(?:in|key of|key:)\s+([A-G](?:[#b♯♭]|[ -](?:sharp|flat))?)[ -]?(major|minor|maj|min)\b")
_LONG_KEY = {"maj": "major", "min": "minor"}


@dataclass(frozen=True)
class TextFacts:
    """What a text and its tags state; None and () where they state nothing."""

    bpm: int | None
    key: str | None
    tempo: str | None
    energy: str | None
    mood: str | None
    genre: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def coverage(self) -> float:
        """The share, 0 to 1, of the six facts that the text states: the provider's confidence."""
        stated = (self.bpm, self.key, self.tempo, self.energy, self.mood, self.genre)
        return round(sum(bool(fact) for fact in stated) / len(stated), 2)


def read_facts(text: str, tags: Iterable[str] = ()) -> TextFacts:
    """Read tempo, key, mood and genre from a text and its tags, by vocabulary and pattern only."""
    unique = list(dict.fromkeys(tag.strip().casefold() for tag in tags if tag.strip()))
    body = clean(text)
    folded = f" {body.casefold()} | {' | '.join(unique)} "
    folded = _SPELLINGS.sub(lambda match: _GENRE_SPELLINGS[match.group()], folded)
    stated = {*_VOCABULARY.findall(folded)}
    bpm = next(
        (int(found) for found in _BPM.findall(body) if BPM_RANGE[0] <= int(found) <= BPM_RANGE[1]), None
    )
    key = _KEY.search(body)
    words = [word for word in _ENERGY if word in stated]
    return TextFacts(
        bpm=bpm,
        key=f"{key.group(1)} {_LONG_KEY.get(key.group(2), key.group(2))}" if key else None,
        tempo=next((word for word in _TEMPO_WORDS if word in stated), None),
        energy=_ENERGY[words[0]] if words else None,
        mood=next((word for word in _MOODS if word in stated), None),
        genre=tuple(genre for genre in GENRE_FAMILIES if genre in stated),
        tags=tuple(unique),
    )
