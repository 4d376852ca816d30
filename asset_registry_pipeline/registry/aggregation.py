"""`componentAnalysis`: what a composite inherits from its components; pure sums, no resolving, no stores."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from asset_registry_pipeline.registry.ai_metadata import GENRE_FAMILIES
from asset_registry_pipeline.registry.layers import BREAKDOWN_LAYERS, LAYER_NAMES
from asset_registry_pipeline.registry.texts import clean, sentences, shorten

TAG_LIMIT = 10
_WEIGHTS = {"tempo": 0.30, "genre": 0.25, "energy": 0.20, "style": 0.15, "mood": 0.10}
_ENERGY_STEPS = {"low": 0, "medium": 1, "high": 2}
_ENERGY_SCORES = (1.0, 0.6, 0.2)


@dataclass(frozen=True)
class Features:
    """What one component brings: its texts, and the facts that the score needs (None where unknown)."""

    layer: str
    description: str = ""
    tags: tuple[str, ...] = ()
    bpm: float | None = None
    genre: str | None = None
    energy: str | None = None
    mood: str | None = None


def component_analysis(components: Sequence[Features]) -> dict[str, Any]:
    """The stored object: total, breakdown by layer, the ten most frequent tags, a description, a score or None."""
    layers = Counter(component.layer for component in components)
    breakdown = {layer: layers.get(layer, 0) for layer in BREAKDOWN_LAYERS}
    breakdown |= {layer: count for layer, count in sorted(layers.items()) if layer not in breakdown}
    return {
        "totalComponents": len(components),
        "layerBreakdown": breakdown,
        "aggregatedTags": aggregate_tags(component.tags for component in components),
        "aggregatedDescription": aggregate_descriptions(components),
        "compatibilityScore": compatibility(components),
    }


def aggregate_tags(tags: Iterable[Iterable[str]], limit: int = TAG_LIMIT) -> list[str]:
    """The most frequent tags, case ignored; a component counts once per tag; ties in alphabetical order."""
    counts = Counter(tag for each in tags for tag in {tag.strip().casefold() for tag in each if tag.strip()})
    return [tag for tag, _ in sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]]


def aggregate_descriptions(components: Sequence[Features]) -> str:
    """The first sentence of each component's text, song first, shortened like a description."""
    order = {layer: position for position, layer in enumerate(BREAKDOWN_LAYERS)}
    parts = []
    for component in sorted(components, key=lambda component: order.get(component.layer, len(order))):
        first = next(sentences(clean(component.description)), "")
        if first:
            parts.append(f"{LAYER_NAMES.get(component.layer, component.layer)}: {first}")
    return shorten(" ".join(parts))


def compatibility(components: Sequence[Features]) -> float | None:
    """How well components go together, 0 to 1: the mean over all pairs.

    None with fewer than two components or when any input of any component is missing: a neutral value made up
    for a missing one would read like a measurement.
    """
    facts = [_score_inputs(component) for component in components]
    complete = [inputs for inputs in facts if inputs is not None]
    if len(complete) < 2 or len(complete) < len(facts):
        return None
    return round(fmean(_pair(one, other) for one, other in combinations(complete, 2)), 4)


@dataclass(frozen=True)
class _ScoreInputs:
    bpm: float
    genre: str
    energy: str
    mood: str
    tags: tuple[str, ...]


def _score_inputs(component: Features) -> _ScoreInputs | None:
    """The inputs of the score where a component has all of them and they are ones the score knows."""
    if component.bpm is None or component.genre is None or component.energy is None or component.mood is None:
        return None
    if component.genre not in GENRE_FAMILIES or component.energy not in _ENERGY_STEPS or not component.tags:
        return None
    return _ScoreInputs(component.bpm, component.genre, component.energy, component.mood, component.tags)


def _pair(one: _ScoreInputs, other: _ScoreInputs) -> float:
    scores = {
        "tempo": max(0.0, 1 - abs(one.bpm - other.bpm) / 60),
        "genre": _genre_score(one.genre, other.genre),
        "energy": _ENERGY_SCORES[abs(_ENERGY_STEPS[one.energy] - _ENERGY_STEPS[other.energy])],
        "style": _jaccard(one.tags, other.tags),
        "mood": 1.0 if one.mood == other.mood else 0.0,
    }
    return sum(_WEIGHTS[name] * score for name, score in scores.items())


def _genre_score(one: str, other: str) -> float:
    if one == other:
        return 1.0
    return 0.7 if GENRE_FAMILIES[one] == GENRE_FAMILIES[other] else 0.3


def _jaccard(one: Iterable[str], other: Iterable[str]) -> float:
    first, second = ({tag.casefold() for tag in tags} for tags in (one, other))
    return len(first & second) / len(first | second) if first | second else 0.0
