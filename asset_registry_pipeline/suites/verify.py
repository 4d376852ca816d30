"""What must hold of a layer in development, compared with staging document by document."""

from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT
from migration_kit.suites import Suite, rule

_YES = {
    "source_unchanged": "staging is as it was when the document was migrated",
    "accounted": "every document has an outcome in the ledger",
}
_NONE = {
    "outcome": "the outcome is the one that the document would have now",
    "presence": "what was migrated is in development, and nothing else is",
    "content": "the document equals what its source makes it, byte for byte",
    "wrong_type": "every field has the type that it should have",
    "untouched": "fields the migration does not change are byte-equal to staging",
    "references": "every reference leads to a document in development",
    "missing_fields": "the Phase 2B fields are there",
    "cover": "the album art's objects are in the bucket as they were written",
}
RECONCILIATION = Suite(
    "staging_against_development",
    (
        rule("expect_column_values_to_be_unique", column="item", name="each document is compared once"),
        *(
            rule("expect_column_values_to_be_in_set", column=column, value_set=[True], name=name)
            for column, name in _YES.items()
        ),
        # The answers to these name what is wrong, as the fields that differ.
        *(
            rule("expect_column_values_to_be_null", column=column, name=name)
            for column, name in _NONE.items()
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


def counts(least: int = 0, most: int | None = None) -> Suite:
    """About as many documents are in development as the profile expects; only a warning."""
    return Suite(
        "counts_in_development",
        (
            rule(
                "expect_column_values_to_be_between",
                column="in_development",
                min_value=least,
                max_value=most,
                severity="warning",
                name="the number in development is about the expected one",
            ),
        ),
        key_columns=("layer",),
    )
