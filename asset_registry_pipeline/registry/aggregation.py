"""`componentAnalysis`: what a composite inherits from its components; pure sums, no resolving, no stores."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, combinations
from statistics import fmean
from typing import Any

from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.ai_metadata import GENRE_FAMILIES
from asset_registry_pipeline.registry.layers import BREAKDOWN_LAYERS, LAYER_NAMES
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.texts import clean, sentences, shorten

TAG_LIMIT = 10
_ORDER = {layer: position for position, layer in enumerate(BREAKDOWN_LAYERS)}
_WEIGHTS = {"tempo": 0.30, "genre": 0.25, "energy": 0.20, "style": 0.15, "mood": 0.10}
_ENERGY_STEPS = {"low": 0, "medium": 1, "high": 2}
_ENERGY_SCORES = (1.0, 0.6, 0.2)


@dataclass(frozen=True)
class Features:
    """What one component brings: its texts, and the facts that the score needs (None where unknown).

    Keep one for all composites of a component: what is derived from it is worked out once.
    """

    layer: str
    description: str = ""
    tags: tuple[str, ...] = ()
    bpm: float | None = None
    genre: str | None = None
    energy: str | None = None
    mood: str | None = None

    @cached_property
    def folded_tags(self) -> frozenset[str]:
        """Its tags, case and blanks around them ignored."""
        return frozenset(_folded(self.tags))

    @cached_property
    def opening(self) -> str:
        """The first sentence of its text behind the name of its layer, as `Songs: A song.`; empty without a text."""
        first = next(sentences(clean(self.description)), "")
        return f"{LAYER_NAMES.get(self.layer, self.layer)}: {first}" if first else ""

    @cached_property
    def score_inputs(self) -> "ScoreInputs | None":
        """The inputs of the score, where all are there and ones that the score knows."""
        if self.bpm is None or self.genre is None or self.energy is None or self.mood is None:
            return None
        if self.genre not in GENRE_FAMILIES or self.energy not in _ENERGY_STEPS or not self.tags:
            return None
        return ScoreInputs(
            self.bpm, self.genre, self.energy, self.mood, frozenset(map(str.casefold, self.tags))
        )


FEATURE_FIELDS = (
    "layer", "creatorDescription", "description", "tags",
    "aiMetadata.genre", "aiMetadata.bpm", "aiMetadata.energy", "aiMetadata.mood",
)  # fmt: skip
"""All that `features_of` looks at in a document."""


def features_of(document: Mapping[str, Any]) -> Features:
    """What a component in development brings to its composites; nothing where a field has another shape.

    Its words, unless they are only a name, else its description.
    """
    made = document.get("aiMetadata")
    metadata: Mapping[str, Any] = made if isinstance(made, Mapping) else {}
    genre, bpm = metadata.get("genre"), metadata.get("bpm")
    words = document.get("creatorDescription")
    if not is_text(words) or not words or is_hfn(words.split(":")[0]):
        words = document.get("description")
    tags = document.get("tags")
    return Features(
        layer=document["layer"],
        description=words if is_text(words) else "",
        tags=tuple([tag for tag in tags if is_text(tag)]) if isinstance(tags, list) else (),
        # Only a tempo that is known: `bpmEstimated` beside it is none that components are compared by.
        bpm=float(bpm) if isinstance(bpm, int | float) and not isinstance(bpm, bool) else None,
        genre=genre[0] if isinstance(genre, list) and genre and is_text(genre[0]) else None,
        energy=metadata["energy"] if is_text(metadata.get("energy")) else None,
        mood=metadata["mood"] if is_text(metadata.get("mood")) else None,
    )


@dataclass(frozen=True)
class ScoreInputs:
    """All that the score is made of; tags with case ignored."""

    bpm: float
    genre: str
    energy: str
    mood: str
    tags: frozenset[str]


def component_analysis(components: Sequence[Features]) -> dict[str, Any]:
    """The stored object: total, breakdown by layer, the ten most frequent tags, a description, a score or None."""
    return {
        "totalComponents": len(components),
        "layerBreakdown": dict(_breakdown(tuple([component.layer for component in components]))),
        "aggregatedTags": _most_frequent([component.folded_tags for component in components], TAG_LIMIT),
        "aggregatedDescription": aggregate_descriptions(components),
        "compatibilityScore": compatibility(components),
    }


@lru_cache(maxsize=1_024)
def _breakdown(layers: tuple[str, ...]) -> Mapping[str, int]:
    breakdown = dict.fromkeys(BREAKDOWN_LAYERS, 0)
    for layer in sorted(layers):
        breakdown[layer] = breakdown.get(layer, 0) + 1
    return breakdown


def _folded(tags: Iterable[str]) -> set[str]:
    return {folded for tag in tags if (folded := tag.strip().casefold())}


def _most_frequent(tags: Iterable[Iterable[str]], limit: int) -> list[str]:
    counts = Counter(chain.from_iterable(tags))
    # Sorting keeps the order of equals, reversed or not: alphabetical among tags of one frequency.
    return sorted(sorted(counts), key=counts.__getitem__, reverse=True)[:limit]


def aggregate_descriptions(components: Sequence[Features]) -> str:
    """The first sentence of each component's text, song first, shortened like a description."""
    ordered = sorted(components, key=_place)
    return shorten(" ".join([component.opening for component in ordered if component.opening]))


def _place(component: Features) -> int:
    return _ORDER.get(component.layer, len(_ORDER))


def compatibility(components: Sequence[Features]) -> float | None:
    """How well components go together, 0 to 1: the mean over all pairs.

    None with fewer than two components or when any input of any component is missing: a neutral value made up
    for a missing one would read like a measurement.
    """
    complete = []
    for component in components:
        if component.score_inputs is None:
            return None
        complete.append(component.score_inputs)
    if len(complete) < 2:
        return None
    return round(fmean(_pair(one, other) for one, other in combinations(complete, 2)), 4)


def _pair(one: ScoreInputs, other: ScoreInputs) -> float:
    scores = {
        "tempo": max(0.0, 1 - abs(one.bpm - other.bpm) / 60),
        "genre": _genre_score(one.genre, other.genre),
        "energy": _ENERGY_SCORES[abs(_ENERGY_STEPS[one.energy] - _ENERGY_STEPS[other.energy])],
        "style": len(one.tags & other.tags) / len(one.tags | other.tags),
        "mood": 1.0 if one.mood == other.mood else 0.0,
    }
    return sum(_WEIGHTS[name] * score for name, score in scores.items())


def _genre_score(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return 0.7 if GENRE_FAMILIES[one] == GENRE_FAMILIES[other] else 0.3
