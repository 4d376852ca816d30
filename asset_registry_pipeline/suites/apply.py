"""What must hold of a layer's staged outcomes before any of them is published."""

import re

from asset_registry_pipeline.registry.addresses import HFN_PATTERN, LETTER_PATTERN
from asset_registry_pipeline.registry.answers import RIGHT_SHAPE
from asset_registry_pipeline.registry.composites import MAXIMUM_COMPONENTS, MINIMUM_COMPONENTS
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, MIGRATED_LAYERS, SONG_LAYERS
from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT
from asset_registry_pipeline.registry.transform import Disposition
from migration_kit.suites import Rule, Suite, rule

_KEYS = ("item", "label")


def dispositions(quarantine_limit: float = 1.0) -> Suite:
    """Every document has one outcome, and not more are quarantined than the profile's share allows."""
    return Suite(
        "outcomes_of_all_documents",
        (
            rule("expect_column_values_to_be_unique", column="item", name="each document has one outcome"),
            rule(
                "expect_column_values_to_be_in_set",
                column="disposition",
                value_set=[str(one) for one in Disposition],
                name="the outcome is a known one",
            ),
            _true("explained", "what is not ready has a reason"),
            _true("has_document", "what is ready has a document, and nothing else has"),
            rule(
                "expect_column_values_to_not_be_in_set",
                column="disposition",
                value_set=[str(Disposition.QUARANTINED)],
                mostly=round(1 - quarantine_limit, 6),
                name=f"at most {quarantine_limit:.0%} are quarantined",
            ),
        ),
        key_columns=_KEYS,
    )


def documents(layers: tuple[str, ...]) -> Suite:
    """What every document that is to be published must be, with what songs and composites add."""
    extra = _SONG_RULES if layers == SONG_LAYERS else _COMPOSITE_RULES if layers == COMPOSITE_LAYERS else ()
    return Suite("documents_to_publish", (*_DOCUMENT_RULES, *extra), key_columns=_KEYS)


def _true(column: str, name: str) -> Rule:
    return rule("expect_column_values_to_be_in_set", column=column, value_set=[True], name=name)


def _whole(pattern: re.Pattern[str]) -> str:
    """A pattern for a whole value, without groups to capture: pandas warns of them."""
    return rf"\A(?:{pattern.pattern.replace('(', '(?:')})\Z"


_DOCUMENT_RULES = (
    rule("expect_column_values_to_be_unique", column="name", name="names are unique"),
    rule("expect_column_values_to_be_unique", column="nna_address", name="addresses are unique"),
    rule(
        "expect_column_values_to_be_in_set",
        column="layer",
        value_set=list(MIGRATED_LAYERS),
        name="known layer",
    ),
    rule(
        "expect_column_values_to_match_regex",
        column="own_name",
        regex=_whole(HFN_PATTERN),
        name="the name has the registry's form",
    ),
    rule(
        "expect_column_values_to_match_regex",
        column="nna_address",
        regex=_whole(LETTER_PATTERN),
        name="the address has the registry's form",
    ),
    rule(
        "expect_column_values_to_be_in_set",
        column="words_type",
        value_set=["str", "absent"],
        name="creatorDescription is a text or null",
    ),
    rule(
        "expect_column_values_to_be_between",
        column="words_length",
        max_value=CREATOR_DESCRIPTION_LIMIT,
        name=f"creatorDescription has at most {CREATOR_DESCRIPTION_LIMIT} characters",
    ),
    rule(
        "expect_column_values_to_be_in_set",
        column="words_are_a_name",
        value_set=[False],
        name="creatorDescription is never a name",
    ),
    _true("fields_present", "the Phase 2B fields are there"),
    rule(
        "expect_column_values_to_be_in_set",
        column="shape",
        value_set=[RIGHT_SHAPE],
        name="the Phase 2B fields have the shapes that the profile names",
    ),
    _true("json_parsed", "trainingData and rights are objects"),
    _true("no_blank_components", "no empty text stands in components"),
    _true("untouched", "all other fields are byte-equal to staging"),
    rule(
        "expect_column_values_to_be_between",
        column="confidence",
        min_value=0,
        max_value=1,
        name="confidence is from 0 to 1",
    ),
)
_SONG_RULES = (
    rule(
        "expect_column_values_to_not_be_null", column="words_length", name="every song has a curator's words"
    ),
)
_COMPOSITE_RULES = (
    rule("expect_column_values_to_not_be_null", column="components", name="the components are known"),
    rule(
        "expect_column_values_to_be_between",
        column="components",
        min_value=MINIMUM_COMPONENTS,
        max_value=MAXIMUM_COMPONENTS,
        name=f"{MINIMUM_COMPONENTS} to {MAXIMUM_COMPONENTS} components",
    ),
    rule(
        "expect_column_values_to_be_between",
        column="score",
        min_value=0,
        max_value=1,
        name="compatibilityScore is from 0 to 1",
    ),
)
