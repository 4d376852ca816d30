"""Tables of staged and published documents for the suites to judge: one row a document, one column a question."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asset_registry_pipeline.registry import composites, shapes
from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.documents import (
    JSON_FIELDS,
    TRANSFORMED_FIELDS,
    SourceDocument,
    type_name,
)
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, SONG_LAYERS
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.steps.apply import Staged
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.workspace import Candidate

if TYPE_CHECKING:
    import pandas as pd

REQUIRED_2B = ("creatorDescription", "albumArt", "aiMetadata")


def dispositions_frame(candidates: Sequence[Candidate]) -> "pd.DataFrame":
    """One row for each staged outcome."""
    columns = ("item", "label", "disposition", "reason", "explained", "has_document")
    rows = [
        (
            candidate.item,
            candidate.label,
            str(candidate.disposition),
            candidate.reason,
            (candidate.reason is None) == (candidate.disposition == "ready"),
            (candidate.raw is not None) == (candidate.disposition == "ready"),
        )
        for candidate in candidates
    ]
    return _frame(rows, columns)


def candidates_frame(staged: Staged, profile: Profile) -> "pd.DataFrame":
    """One row for each document that is ready."""
    sources = {document.item: document for document in staged.source.documents}
    rows = [
        document_row(candidate.item, codec.decode(candidate.raw), sources.get(candidate.item), profile)
        for candidate in staged.candidates
        if candidate.raw is not None
    ]
    return _frame([tuple(row.values()) for row in rows], DOCUMENT_COLUMNS)


DOCUMENT_COLUMNS = (
    "item", "label", "layer", "name", "own_name", "nna_address", "words_type", "words_length",
    "words_are_a_name", "fields_present", "json_parsed", "no_blank_components", "untouched", "ai_metadata",
    "confidence", "music_metadata", "components", "analysis", "score",
)  # fmt: skip


def document_row(
    item: str, document: Mapping[str, Any], source: SourceDocument | None, profile: Profile
) -> dict[str, Any]:
    """What the suites ask of one new document; None where a question does not apply to it."""
    layer, words = document.get("layer"), document.get("creatorDescription")
    own_name = composites.read_name(document["name"])[0] if layer in COMPOSITE_LAYERS else document["name"]
    made, analysis = document.get("aiMetadata"), document.get("componentAnalysis")
    listed = document.get("components")
    required = (
        *REQUIRED_2B,
        *(["musicMetadata"] if layer in SONG_LAYERS else []),
        *(["componentAnalysis"] if layer in COMPOSITE_LAYERS else []),
    )
    return {
        "item": item,
        "label": own_name,
        "layer": layer,
        "name": document["name"],
        "own_name": own_name,
        "nna_address": document["nna_address"],
        "words_type": "absent" if words is None else type_name(words),
        "words_length": float(len(words)) if is_text(words) else None,
        "words_are_a_name": profile.names_as_words == "refuse"
        and is_text(words)
        and is_hfn(words.strip().split(":")[0]),
        "fields_present": all(field in document for field in required),
        "json_parsed": profile.json_strings == "keep"
        or not any(is_text(document.get(field)) for field in JSON_FIELDS),
        "no_blank_components": not isinstance(listed, list) or shapes.without_blanks(listed) == listed,
        "untouched": source is not None and not changed_fields(source, document, profile),
        "ai_metadata": "absent" if made is None else type_name(made),
        "confidence": _number(made, "confidence"),
        "music_metadata": type_name(document.get("musicMetadata")) if layer in SONG_LAYERS else None,
        "components": float(len(listed)) if layer in COMPOSITE_LAYERS and isinstance(listed, list) else None,
        "analysis": type_name(analysis) if layer in COMPOSITE_LAYERS else None,
        "score": _number(analysis, "compatibilityScore"),
    }


def changed_fields(source: SourceDocument, document: Mapping[str, Any], profile: Profile) -> list[str]:
    """The fields that the migration may not change and that are not byte-equal to the source."""
    body = source.body or {}
    may_change = TRANSFORMED_FIELDS | ({"gcpStorageUrl"} if profile.rewrite_bucket is not None else set())
    return [
        field
        for field in {**body, **document}
        if field not in may_change
        and (
            field not in body
            or field not in document
            or codec.encode({"": body[field]}) != codec.encode({"": document[field]})
        )
    ]


def _number(value: object, key: str) -> float | None:
    found = value.get(key) if isinstance(value, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def _frame(rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))
