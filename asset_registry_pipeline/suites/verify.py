"""What must hold of a layer in development, compared with staging document by document."""

from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT
from migration_kit.suites import Suite, rule

_QUESTIONS = {
    "source_unchanged": "staging is as it was when the document was migrated",
    "accounted": "every document has an outcome in the ledger",
    "outcome": "what was not migrated would not be now either, and for the same reason",
    "presence": "what was migrated is in development, and nothing else is",
    "content": "the document equals what its source makes it, byte for byte",
    "untouched": "fields the migration does not change are byte-equal to staging",
    "references": "every reference leads to a document in development",
    "fields_present": "the Phase 2B fields are there",
}
RECONCILIATION = Suite(
    "staging_against_development",
    (
        rule("expect_column_values_to_be_unique", column="item", name="each document is compared once"),
        *(
            rule("expect_column_values_to_be_in_set", column=column, value_set=[True], name=name)
            for column, name in _QUESTIONS.items()
        ),
        rule(
            "expect_column_values_to_be_between",
            column="words_length",
            max_value=CREATOR_DESCRIPTION_LIMIT,
            name=f"creatorDescription has at most {CREATOR_DESCRIPTION_LIMIT} characters",
        ),
    ),
    key_columns=("item", "label"),
)
INDEXES = Suite(
    "indexes_of_development",
    (
        rule(
            "expect_column_values_to_be_in_set",
            column="problem",
            value_set=["none"],
            name="each wanted index is there as wanted",
        ),
    ),
    key_columns=("index", "problem"),
)
