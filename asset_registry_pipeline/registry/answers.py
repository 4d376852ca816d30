"""What the suites ask of a new document, answered while its source is at hand; judging the answers is the suites' part.

One row of plain values for each document: it is staged with the document and streamed into the suites later.
"""

from collections.abc import Callable, Mapping
from typing import Any

from asset_registry_pipeline.registry import composites, shapes
from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.documents import (
    JSON_FIELDS,
    TRANSFORMED_FIELDS,
    SourceDocument,
    type_name,
)
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, SONG_LAYERS, kind_of
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.target_shapes import shape_errors

ANSWER_COLUMNS = (
    "layer", "name", "own_name", "nna_address", "words_type", "words_length", "words_are_a_name", "fields_present",
    "json_parsed", "no_blank_components", "untouched", "shape", "confidence", "components", "score",
)  # fmt: skip
"""The questions, in the order of the answers; the suites have the words for each."""

RIGHT_SHAPE = "right"
"""The answer about the shape of a document that has none of its errors; otherwise they stand there."""

Same = Callable[[Any, Any], bool]
"""Whether two values would be stored as the same bytes."""

_REQUIRED = ("creatorDescription", "albumArt", "aiMetadata")
_MAY_CHANGE = (TRANSFORMED_FIELDS, TRANSFORMED_FIELDS | {"gcpStorageUrl"})


def required_fields(layer: str) -> tuple[str, ...]:
    """The Phase 2B fields that a document of this layer must have, populated or not."""
    if layer in SONG_LAYERS:
        return (*_REQUIRED, "musicMetadata")
    return (*_REQUIRED, "componentAnalysis") if layer in COMPOSITE_LAYERS else _REQUIRED


def answers(
    document: Mapping[str, Any], source: SourceDocument, profile: Profile, same: Same
) -> tuple[Any, ...]:
    """The answers about one new document, in the order of ANSWER_COLUMNS; None where a question does not apply."""
    layer, name, words = document["layer"], document["name"], document.get("creatorDescription")
    composite = layer in COMPOSITE_LAYERS
    analysis, listed = document.get("componentAnalysis"), document.get("components")
    return (
        layer,
        name,
        composites.own_name(name) if composite else name,
        document["nna_address"],
        "absent" if words is None else type_name(words),
        float(len(words)) if is_text(words) else None,
        profile.names_as_words == "refuse" and is_text(words) and is_hfn(words.strip().split(":")[0]),
        all(field in document for field in required_fields(layer)),
        profile.json_strings == "keep" or not any(is_text(document.get(field)) for field in JSON_FIELDS),
        not isinstance(listed, list) or not shapes.has_blanks(listed),
        not changed_fields(source, document, profile, same),
        "; ".join(shape_errors(document, kind_of(layer), profile, source.body))[:300] or RIGHT_SHAPE,
        _number(document.get("aiMetadata"), "confidence"),
        _components(listed, analysis, profile) if composite else None,
        _number(analysis, "compatibilityScore"),
    )


def _components(listed: object, analysis: object, profile: Profile) -> float | None:
    """How many components a composite has: as many as it lists, unless its list is kept in whatever form it has."""
    if profile.composite_components == "addresses":
        return float(len(listed)) if isinstance(listed, list) else None
    return _number(analysis, "totalComponents")


def changed_fields(
    source: SourceDocument, document: Mapping[str, Any], profile: Profile, same: Same
) -> list[str]:
    """The fields that the migration may not change and that are not byte-equal to the source."""
    body = source.body or {}
    may_change = _MAY_CHANGE[profile.rewrite_bucket is not None]
    absent = body.keys() - document.keys()
    changed = [field for field in body if field in absent - may_change] if absent else []
    for field, value in document.items():
        # What is the very same value needs no second look; the bytes decide on all others.
        if (before := body.get(field, document)) is value or field in may_change:
            continue
        if field not in body or not same(before, value):
            changed.append(field)
    return changed


def _number(value: object, key: str) -> float | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    return float(found) if isinstance(found, int | float) else None
