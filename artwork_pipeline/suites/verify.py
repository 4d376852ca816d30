"""What must hold before a month counts as migrated: of both sides compared, and of the clean rows by themselves."""

from artwork_pipeline.artworks.mapping import CLEAN_GENERATION, CLEAN_UPSCALE
from migration_kit.suites import Rule, Suite, rule

DIFFERENCES = {
    "unaccounted": "every row of the source has one outcome, and no other row has one",
    "missing": "every migrated row is in the clean table",
    "extra": "no other row is in the clean table",
    "changed": "every migrated row is the mapping of its old row, or what a live write left there, to the last column",
    "not restorable": "the clean row goes back to the old one, to the last column and type",
    "not kept": "every row that was set aside is kept as it was",
    "lost alias": "every twin's token opens the other row, as long as before",
    "extra alias": "no other token opens a row",
    "dangling": "every order and review resolves",
}
"""The kinds of difference that the comparison finds, and what each of them breaks."""

# The comparison runs in the database as statements of its own; the suite names what it proves.
BOTH_SIDES = Suite(
    "both_sides_agree",
    tuple(
        Rule("sql comparison", f"{problem}: {meaning}", "critical")
        for problem, meaning in DIFFERENCES.items()
    ),
    min_rows=0,
)

_PICTURES = ("pet_mom_image_url", "pet_image_url", "generated_image_url", "upscaled_image_url")
_SENTINELS = ["pending", "migrated-missing", "missing", "none", "null"]

CLEAN_ROWS = Suite(
    "clean_rows",
    (
        rule("expect_column_values_to_be_unique", column="id", name="an id is given once"),
        rule("expect_column_values_to_not_be_null", column="customer_name", name="a customer has a name"),
        rule(
            "expect_column_values_to_not_be_null", column="customer_email", name="a customer has an address"
        ),
        rule(
            "expect_column_values_to_be_in_set",
            column="address_is_normal",
            value_set=[True],
            name="an address is in its one form",
        ),
        rule(
            "expect_column_values_to_be_in_set",
            column="generation_status",
            value_set=list(CLEAN_GENERATION),
            name="the state of the generation is a known one",
        ),
        rule(
            "expect_column_values_to_be_in_set",
            column="upscale_status",
            value_set=list(CLEAN_UPSCALE),
            name="the state of the upscaling is a known one",
        ),
        rule("expect_column_values_to_be_unique", column="access_token", name="a token opens one artwork"),
        rule(
            "expect_column_value_lengths_to_be_between",
            column="access_token",
            min_value=1,
            name="a token is not empty",
        ),
        rule("expect_column_values_to_not_be_null", column="access_token", name="every artwork has a token"),
        rule(
            "expect_column_values_to_be_in_set",
            column="token_is_an_alias",
            value_set=[False],
            name="a token is no alias too",
        ),
        rule(
            "expect_column_values_to_not_be_null", column="token_expires_at", name="every token ends some day"
        ),
        *(
            rule(
                "expect_column_values_to_not_be_in_set",
                column=column,
                value_set=_SENTINELS,
                name="a missing picture is NULL, not a word",
            )
            for column in _PICTURES
        ),
        rule(
            "expect_column_values_to_not_be_null",
            column="user_id",
            severity="warning",
            name="an artwork has a user",
        ),
        rule(
            "expect_column_values_to_be_in_set",
            column="finished_has_picture",
            value_set=[True],
            severity="warning",
            name="a finished artwork has its picture",
        ),
    ),
    key_columns=("id",),
)
"""Of one month's clean rows, with a few columns computed by `stores.verification.clean_rows_query`."""

SUITES = (BOTH_SIDES, CLEAN_ROWS)
