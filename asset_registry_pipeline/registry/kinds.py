"""The kinds of findings: what each leads to, and its words. Finding them is for others."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

Found = Sequence[tuple[str, str, str]]
"""Things found: kind, field, detail."""


class Effect(StrEnum):
    """What a finding does to its document; the last one is about the surroundings, and nothing is written at all."""

    REPORT = "report"
    REVIEW = "review"
    HOLD = "hold"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"


KINDS: Mapping[str, tuple[Effect, str]] = {
    "unreadable_document": (Effect.QUARANTINE, "the document cannot be decoded"),
    "oversized_document": (
        Effect.QUARANTINE,
        "the document is too near the limit of 16 MB to take the new fields",
    ),
    "nested_too_deep": (Effect.QUARANTINE, "the document is nested too deep"),
    "missing_field": (Effect.REPORT, "a field is absent or null"),
    "required_field_missing": (Effect.QUARANTINE, "name, address or layer is absent"),
    "wrong_type": (Effect.QUARANTINE, "a field has another type than it should"),
    "unexpected_field": (Effect.REPORT, "a field that staging documents do not have; kept as it is"),
    "language_field": (
        Effect.REPORT,
        "a field named language, which would break a text index with default settings",
    ),
    "undefined_in_address": (Effect.QUARANTINE, "'undefined' stands in the address or the name"),
    "undefined_in_url": (Effect.REPORT, "'undefined' stands in the storage URL"),
    "malformed_address": (Effect.QUARANTINE, "name or address is not of the registry's form"),
    "unknown_code": (Effect.QUARANTINE, "a code or number is not in the taxonomy"),
    "address_mismatch": (Effect.QUARANTINE, "layer, name and address do not say the same"),
    "category_mismatch": (Effect.REPORT, "category or subcategory is another than the name's code says"),
    "code_as_category": (Effect.REPORT, "a code where the name of a category belongs"),
    "stringified_json": (Effect.REPORT, "JSON stored as a string; parsed"),
    "unparseable_json": (Effect.QUARANTINE, "a string that should hold a JSON object does not"),
    "character_map": (Effect.REPORT, "aiMetadata stored as a map of characters; joined"),
    "broken_character_map": (
        Effect.QUARANTINE,
        "aiMetadata stored as a map of characters that cannot be joined",
    ),
    "unknown_shape": (Effect.QUARANTINE, "a Phase 2B field has a shape that the registry does not know"),
    "impossible_confidence": (Effect.QUARANTINE, "aiMetadata.confidence is not from 0 to 1"),
    "blank_components": (Effect.REPORT, "a list of components with an empty text in it; emptied"),
    "hfn_as_creator_description": (Effect.REVIEW, "an HFN where the creator's description belongs"),
    "no_description": (Effect.REVIEW, "there is no description"),
    "placeholder_description": (Effect.REVIEW, "the description is a placeholder, a test or junk"),
    "long_description": (Effect.REPORT, "the description is over 500 characters; shortened by sentences"),
    "trailing_whitespace": (Effect.REPORT, "blanks around the description"),
    "duplicate_tags": (Effect.REPORT, "tags that differ only by case"),
    "unreadable_reference": (Effect.QUARANTINE, "an entry of components is no reference"),
    "components_differ_from_name": (
        Effect.REPORT,
        "components and name list different components; components win",
    ),
    "incomplete_composite": (Effect.REPORT, "a composite without one of song, star, look, move, world"),
    "broken_structure": (Effect.QUARANTINE, "the composite breaks a rule of structure"),
    "equal_component_sets": (Effect.REPORT, "another composite has the same components"),
    "duplicate_name": (Effect.QUARANTINE, "another document has the same name"),
    "duplicate_address": (Effect.QUARANTINE, "another document has the same address"),
    "reference_to_missing": (Effect.HOLD, "a component that is nowhere in staging"),
    "reference_to_rejected": (Effect.HOLD, "a component that a curator has decided against"),
    "reference_to_unmigrated": (Effect.HOLD, "a component that is in staging and not in development"),
    "collision": (Effect.QUARANTINE, "development holds a different document under this _id"),
    "name_or_address_taken": (
        Effect.QUARANTINE,
        "another document in development has the name or the address",
    ),
    "unique_index_on_absent_field": (
        Effect.REFUSE,
        "a unique index of development covers a field that the documents lack",
    ),
    "source_is_target": (Effect.REFUSE, "staging and development are the same database"),
    "legacy_database_name": (Effect.REPORT, "a database has a name of old"),
    "counts_off_the_expectation": (Effect.REPORT, "a layer has other numbers than the profile expects"),
    "outside_the_layers": (Effect.QUARANTINE, "the document names no layer of this migration"),
}
"""Every kind of finding about documents and their surroundings: what it leads to, and its words."""
