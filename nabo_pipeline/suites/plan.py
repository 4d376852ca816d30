"""What must hold of a plan before anything may follow it. Coverage is no rule: it is reported."""

from migration_kit.suites import Suite, rule
from nabo_pipeline.media.plans import MEDIA_TYPES, MIGRATE

_GOES = f'action=="{MIGRATE}"'
_STAYS = f'action!="{MIGRATE}"'

PLAN = Suite(
    "migration_plan_integrity",
    (
        rule("expect_column_values_to_be_unique", column="item", name="each file is planned once"),
        rule(
            "expect_column_values_to_be_in_set",
            column="action",
            value_set=[MIGRATE, "excluded", "quarantined"],
            name="each file has an action",
        ),
        rule(
            "expect_column_values_to_not_be_null",
            column="reason",
            row_condition=_STAYS,
            condition_parser="pandas",
            name="what is not migrated has a reason",
        ),
        rule("expect_column_values_to_be_unique", column="claim", name="each target path is claimed once"),
        rule(
            "expect_column_values_to_match_regex",
            column="stem",
            regex=r"^[0-9a-f-]{36}/.+",
            row_condition=_GOES,
            condition_parser="pandas",
            name="a target path begins with the new id",
        ),
        rule(
            "expect_column_values_to_be_in_set",
            column="media_type",
            value_set=list(MEDIA_TYPES.values()),
            row_condition=_GOES,
            condition_parser="pandas",
            name="each picture has a media type",
        ),
        rule(
            "expect_column_values_to_not_be_null",
            column="owner",
            row_condition=_GOES,
            condition_parser="pandas",
            name="each picture has an owner",
        ),
        rule(
            "expect_column_values_to_be_between",
            column="size",
            min_value=0,
            name="sizes are not negative",
        ),
    ),
    key_columns=("item",),
)
"""Table: the plan's rows with `claim`: the owner of an avatar, bucket and stem of another picture, or null."""
