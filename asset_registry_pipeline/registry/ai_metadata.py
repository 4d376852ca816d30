"""The `rules` provider: metadata that a text itself states; no network, no clock, nothing made up.

A number of beats is a fact only where the text states one (60 to 200). What a tempo word or a hedged number suggests is
kept apart from it, as `bpmEstimated`. Facts that a curator gives win over both, whoever made the metadata.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from asset_registry_pipeline.registry.decisions import FactsGiven
from asset_registry_pipeline.registry.song_titles import DESCRIBES, parse_song_line
from asset_registry_pipeline.registry.texts import clean, shorten, straighten

RULES_VERSION = "rules-3"
BPM_RANGE = (60, 200)
GIVEN_BY_CURATOR = "givenByCurator"
"""Where `inputContext.additionalContext` names the facts that are the curator's and not the provider's."""
SIMPLE_FIELDS = ("generatedDescription", "mood", "genre", "tempo", "key", "duration", "bpm", "tags")

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
_TEMPO_BPM = {"slow": 70, "mid-tempo": 105, "upbeat": 120, "fast": 140, "laid-back": 85, "driving": 128}
"""Tempo words with the beats per minute that each suggests: an estimate, the middle of what the word covers."""
_ENERGY = {
    "energetic": "high", "upbeat": "high", "fast": "high", "driving": "high", "aggressive": "high",
    "mid-tempo": "medium", "confident": "medium", "playful": "medium",
    "slow": "low", "calm": "low", "mellow": "low", "laid-back": "low", "smooth": "low",
}  # fmt: skip


def _whole_words(words: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?![\w-])")


_SPELLINGS = _whole_words(_GENRE_SPELLINGS)
_VOCABULARY = _whole_words({*GENRE_FAMILIES, *_MOODS, *_TEMPO_BPM, *_ENERGY})
_HEDGE = r"(?P<hedge>\b(?:about|around|roughly|approximately|circa|ca\.|nearly|almost)\s+|[~\u2248]\s*)?"
_BEATS = r"(?:(?P<low>\d{2,3})\s*(?:-|\u2013|to)\s*)?(?P<bpm>\d{2,3}(?:\.\d+)?)"
_UNIT = r"(?:bpm|beats (?:per|a) minute)"
_BPM = (
    re.compile(rf"{_HEDGE}(?<![\w.,-]){_BEATS}\s*{_UNIT}\b", re.IGNORECASE),
    re.compile(rf"\b{_UNIT}\s*(?:of|is|at|[:=])?\s*{_HEDGE}{_BEATS}(?!\w|[.,]\d)", re.IGNORECASE),
)
# "A minor hit" is no key: a bare A counts only behind what announces a key or parts one from other facts.
_KEY = re.compile(
    r"(?:(?:\b(?i:in|key of|key is|key)|[:,;/|(])\s*(?P<a>A)"
    r"|(?<![\w'])(?P<note>[B-G]|A(?=[#b\u266f\u266d]|[ -](?:sharp|flat))))"
    r"(?P<accidental>[#b\u266f\u266d]|[ -](?:sharp|flat)\b)?[ -]?(?P<mode>(?i:major|minor|maj|min))\b"
)
_ACCIDENTALS = {"\u266f": "#", "sharp": "#", "\u266d": "b", "flat": "b"}
_LONG_MODE = {"maj": "major", "min": "minor"}


@dataclass(frozen=True)
class TextFacts:
    """What a text and its tags state; None and () where they state nothing.

    `bpm` in beats per minute; `bpm_estimated` only where the text suggests a tempo and states none.
    """

    bpm: float | None
    bpm_estimated: float | None
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

    @property
    def stated(self) -> dict[str, Any]:
        """The facts as metadata holds them, without what is only estimated."""
        return {
            "bpm": self.bpm,
            "key": self.key,
            "mood": self.mood,
            "genre": list(self.genre),
            "tempo": self.tempo,
        }


def read_facts(text: str, tags: Iterable[str] = ()) -> TextFacts:
    """Read tempo, key, mood and genre from a text and its tags, by vocabulary and pattern only.

    What a song, its album and its artist are called says nothing of how it sounds: "Rock with You" is no rock.
    """
    unique = list(dict.fromkeys(tag.strip().casefold() for tag in tags if tag.strip()))
    body = clean(text)
    folded = f" {_without_names(body).casefold()} | {' | '.join(unique)} "
    folded = _SPELLINGS.sub(lambda match: _GENRE_SPELLINGS[match.group()], folded)
    stated = {*_VOCABULARY.findall(folded)}
    tempo = next((word for word in _TEMPO_BPM if word in stated), None)
    bpm, estimated = beats_in(body)
    if bpm is None and estimated is None and tempo is not None:
        estimated = _TEMPO_BPM[tempo]
    words = [word for word in _ENERGY if word in stated]
    return TextFacts(
        bpm=bpm,
        bpm_estimated=estimated,
        key=_key_in(body),
        tempo=tempo,
        energy=_ENERGY[words[0]] if words else None,
        mood=next((word for word in _MOODS if word in stated), None),
        genre=tuple(genre for genre in GENRE_FAMILIES if genre in stated),
        tags=tuple(unique),
    )


def _without_names(text: str) -> str:
    """A text without the title that it begins with, where that is surely one and not a description."""
    title = parse_song_line(text)
    if title.confidence == "low" or DESCRIBES in title.ambiguous:
        return text
    rest = straighten(text)
    for name in filter(None, (title.song, title.album, title.artist)):
        rest = rest.replace(name, "|", 1)
    return rest


def beats_in(text: str) -> tuple[float | None, float | None]:
    """The beats per minute that a text states, or those that it only suggests: by "about 120 BPM", or by a range."""
    estimated = None
    for pattern in _BPM:
        for found in pattern.finditer(text):
            bpm = _number(found["bpm"])
            if not BPM_RANGE[0] <= bpm <= BPM_RANGE[1]:
                continue
            if not found["low"] and not found["hedge"]:
                return bpm, None
            if estimated is None:
                low = _number(found["low"]) if found["low"] else bpm
                estimated = _number(str((low + bpm) / 2))
    return None, estimated


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _key_in(text: str) -> str | None:
    found = _KEY.search(text)
    if found is None:
        return None
    accidental = (found["accidental"] or "").strip(" -")
    mode = found["mode"].lower()
    note = (found["a"] or found["note"]) + _ACCIDENTALS.get(accidental, accidental)
    return f"{note} {_LONG_MODE.get(mode, mode)}"


def made_by_rules(
    words: str, tags: Iterable[str], *, layer: str, made_at: Any, given: FactsGiven | None = None
) -> dict[str, Any]:
    """`aiMetadata` in the full shape, made by this provider from words that were written at `made_at`."""
    facts = read_facts(words, tags)
    metadata = {
        "generatedBy": "rules",
        "generationStrategy": "text-rules",
        "processingTime": 0,
        "inputContext": {
            "creatorDescription": words,
            "layerStrategy": layer,
            "additionalContext": {"tags": list(facts.tags)},
        },
        "confidence": facts.coverage,
        "generatedAt": made_at,
        "version": RULES_VERSION,
        **simple_metadata(**facts.stated, generatedDescription=shorten(clean(words)), tags=list(facts.tags)),
        "bpmEstimated": facts.bpm_estimated,
        "energy": facts.energy,
    }
    return with_facts(metadata, given)


def simple_metadata(**given: Any) -> dict[str, Any]:
    """The fields of the simple shape, in their order; empty where nothing is given."""
    return {field: given.get(field, [] if field in ("genre", "tags") else None) for field in SIMPLE_FIELDS}


def only_stated_beats(metadata: Mapping[str, Any], words: str) -> dict[str, Any]:
    """Metadata in which only beats that the words state are a fact; what a provider claims beside them is an estimate.

    Models answer with a number whether or not one is known, and composites are compared by it.
    """
    stated, estimated = beats_in(clean(words))
    claimed = metadata.get("bpm")
    if stated is None:
        estimated = next((one for one in (claimed, metadata.get("bpmEstimated"), estimated) if one), None)
    return {**metadata, "bpm": stated, "bpmEstimated": None if stated is not None else estimated}


def with_facts(metadata: Mapping[str, Any], given: FactsGiven | None) -> dict[str, Any]:
    """Metadata with the facts that a curator gave in the place of the provider's, and marked as the curator's.

    Given a second time they change nothing more.
    """
    result = dict(metadata)
    if given is None:
        return result
    result |= {name: _given(name, getattr(given, name)) for name in given.given}
    if given.bpm is not None and "bpmEstimated" in result:
        result["bpmEstimated"] = None
    # Energy is read off these words, so it follows them.
    told = [_ENERGY[word] for word in (result.get("tempo"), result.get("mood")) if word in _ENERGY]
    if "energy" in result and (given.tempo or given.mood) and told:
        result["energy"] = told[0]
    context = result.get("inputContext")
    if isinstance(context, Mapping):
        before = context.get("additionalContext")
        more = dict(before) if isinstance(before, Mapping) else {"context": before} if before else {}
        result["inputContext"] = {
            **context,
            "additionalContext": more | {GIVEN_BY_CURATOR: list(given.given)},
        }
    return result


def _given(name: str, value: Any) -> Any:
    """A fact as metadata holds it: known words in their known spelling, all others as the curator wrote them."""
    if name == "genre":
        genres = [
            _known(_GENRE_SPELLINGS.get(part.casefold(), part)) for part in map(str.strip, value.split(","))
        ]
        return [*dict.fromkeys(genre for genre in genres if genre)]
    return _known(value.strip()) if isinstance(value, str) and name != "key" else value


def _known(word: str) -> str:
    folded = word.casefold()
    return folded if folded in GENRE_FAMILIES or folded in _MOODS or folded in _TEMPO_BPM else word
