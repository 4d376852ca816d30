"""What can be found in the Phase 2B fields where staging has them already; filling them is for the strategies."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from asset_registry_pipeline.registry import shapes, target_shapes
from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.documents import PHASE_2B_FIELDS, type_name
from asset_registry_pipeline.registry.kinds import Found
from asset_registry_pipeline.registry.shapes import is_text


def found_in(body: Mapping[str, Any]) -> Found:
    """Everything found in these fields."""
    found, metadata = _ai_metadata(body.get("aiMetadata"))
    words = body.get("creatorDescription")
    if is_text(words) and is_hfn(words.strip().split(":")[0]):
        found.append(("hfn_as_creator_description", "creatorDescription", words.strip()))
    for field in PHASE_2B_FIELDS:
        value, expected = body.get(field), ("str",) if field == "creatorDescription" else ("dict", "str")
        if value is not None and type_name(value) not in expected:
            found.append(("wrong_type", field, f"{type_name(value)}, {' or '.join(expected)} expected"))
        elif field in target_shapes.SHAPES:
            found += _unknown_shape(field, metadata if field == "aiMetadata" else value)
    return found


def _ai_metadata(value: Any) -> tuple[list[tuple[str, str, str]], Mapping[str, Any] | None]:
    """What is wrong with how metadata is stored, and the metadata itself where it can be had and may be judged."""
    found = []
    if shapes.is_character_map(value):
        try:
            value = shapes.join_character_map(value)
        except shapes.ShapeError as error:
            return [("broken_character_map", "aiMetadata", str(error))], None
        found.append(("character_map", "aiMetadata", ""))
    elif is_text(value):
        with suppress(shapes.ShapeError):  # told by the findings about JSON
            value = shapes.parse_json_object(value)
    if not isinstance(value, Mapping):
        return found, None
    confidence = value.get("confidence")
    if isinstance(confidence, int | float) and not 0 <= confidence <= 1:
        return [*found, ("impossible_confidence", "aiMetadata", f"{confidence}")], None
    return found, value


def _unknown_shape(field: str, value: object) -> Found:
    # Empty says nothing, whatever its type; the transform leaves it out.
    wrong = target_shapes.unknown_shape(field, value) if value else []
    return [("unknown_shape", field, "; ".join(wrong)[:200])] if wrong else []
