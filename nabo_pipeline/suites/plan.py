"""What must hold of a plan before anything may follow it. Coverage is no rule: it is reported."""

from migration_kit.suites import Suite, rule
from nabo_pipeline.media.plans import MEDIA_TYPES, MIGRATE, PlanItem

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
"""Table: the plan's rows as `table_row` gives them."""


def table_row(item: PlanItem) -> dict[str, object]:
    """The row of a plan item that the suite looks at.

    `claim` is what only one file may have (an owner's avatar, or a target path); alternates wait for the file before
    them. Of files that are not migrated, `stem` and `media_type` are null; of the others `reason` does not count.
    """
    goes = item.migrates
    claim = f"avatar of {item.owner}" if item.media_type == "avatar" else f"{item.bucket}/{item.stem}"
    return {
        "item": item.item,
        "action": item.action,
        "reason": NOT_ASKED if goes else item.reason,
        "claim": claim if goes and item.alternate_of is None else None,
        "stem": item.stem if goes else None,
        "media_type": item.media_type if goes else None,
        "owner": item.owner if goes else NOT_ASKED,
        "size": item.size,
    }


COLUMNS = ("item", "action", "reason", "claim", "stem", "media_type", "owner", "size")
