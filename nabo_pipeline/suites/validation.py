"""What must hold of migrated pictures: every one of them, every gallery, every avatar; nothing of ours but true ones.

The tables are those of `stores/checks.sql`; a check that is null was not to be asked.
"""

from migration_kit.suites import Rule, Severity, Suite, rule


def _true(column: str, name: str, severity: Severity = "critical") -> Rule:
    return rule(
        "expect_column_values_to_be_in_set", column=column, value_set=[True], name=name, severity=severity
    )


PICTURES = Suite(
    "pictures_reconciled",
    (
        rule("expect_column_values_to_be_unique", column="subject", name="each picture is checked once"),
        _true("in_ledger", "no object and no row without a ledger entry"),
        _true("object_found", "each migrated picture is in Storage"),
        _true("object_equals_ledger", "each object's hash is the ledger's"),
        _true("object_decodes", "each object decodes"),
        _true("content_type_fits", "each object's content type and name are those of its bytes"),
        _true("row_found", "each migrated picture has its row in public.media"),
        _true("row_equals_ledger", "each row is as it was written"),
        _true("row_is_only_one", "each object is shown by one row"),
        _true("parents_exist", "each row's owner, service and message exist"),
        _true(
            "owner_fits", "each row is its owner's: by its path, its service's stylist, its message's sender"
        ),
    ),
    key_columns=("subject",),
)
GALLERIES = Suite(
    "galleries_in_order",
    (
        rule("expect_column_values_to_be_between", column="previews", min_value=1, max_value=1,
             name="each service has exactly one preview"),
        _true("preview_comes_first", "a preview of ours is the first picture by path"),
        _true("created_at_increases", "created_at increases in path order"),
    ),
    key_columns=("service",),
    min_rows=0,
)  # fmt: skip
AVATARS = Suite(
    "one_avatar_per_owner",
    (
        rule("expect_column_values_to_be_between", column="avatars", min_value=1, max_value=1,
             name="each owner has exactly one avatar"),
    ),
    key_columns=("owner",),
    min_rows=0,
)  # fmt: skip
OTHERS = Suite(
    "objects_of_others",
    (_true("explained", "each object of others is shown by a row", "warning"),),
    key_columns=("object",),
    min_rows=0,
)
"""Not this migration's matter: listed, never touched, and no reason to stop."""

SUITES = (PICTURES, GALLERIES, AVATARS, OTHERS)
TABLES = {
    PICTURES.name: "picture_checks",
    GALLERIES.name: "gallery_checks",
    AVATARS.name: "avatar_checks",
    OTHERS.name: "objects_of_others",
}
"""The table that each suite looks at."""
