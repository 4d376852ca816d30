"""What must hold of a plan before anything may follow it. Coverage is no rule: it is reported."""

from migration_kit.suites import Suite, rule
from nabo_pipeline.media.plans import MEDIA_TYPES, MIGRATE

NOT_ASKED = "-"

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
            name="what is not migrated has a reason",
        ),
        rule("expect_column_values_to_be_unique", column="claim", name="each target path is claimed once"),
        rule(
            "expect_column_values_to_match_regex",
            column="stem",
            regex=r"^[0-9a-f-]{36}/.+",
            name="a target path begins with the new id",
        ),
        rule(
            "expect_column_values_to_be_in_set",
            column="media_type",
            value_set=list(MEDIA_TYPES.values()),
            name="each picture has a media type",
        ),
        rule(
            "expect_column_values_to_not_be_null",
            column="owner",
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
"""Table: what `rows_query` selects."""


def rows_query(table: str) -> str:
    """The rows that the suite looks at, of a plan in `table` (`stores.plan_draft`).

    `claim` is what only one file may have (an owner's avatar, or a target path); alternates wait for the file before
    them. Of files that are not migrated, `stem` and `media_type` are null; of the others `reason` does not count.
    """
    goes = f"action = '{MIGRATE}'"
    return f"""
        select item, action, size,
            case when {goes} then '{NOT_ASKED}' else reason end as reason,
            case when {goes} and alternate_of is null then claim end as claim,
            case when {goes} then stem end as stem,
            case when {goes} then media_type end as media_type,
            case when {goes} then owner else '{NOT_ASKED}' end as owner
        from {table}
    """  # noqa: S608 - constants
