"""What must hold of migrated pictures: every one of them, every gallery, every avatar; no row but true ones."""

from migration_kit.suites import Rule, Suite, rule


def _true(column: str, name: str) -> Rule:
    return rule("expect_column_values_to_be_in_set", column=column, value_set=[True], name=name)


PICTURES = Suite(
    "pictures_reconciled",
    (
        rule("expect_column_values_to_be_unique", column="subject", name="each picture is checked once"),
        _true("in_ledger", "no object and no row without a ledger entry"),
        _true("object_found", "each migrated picture is in Storage"),
        _true("object_equals_ledger", "each object's hash is the ledger's"),
        _true("object_decodes", "each object decodes"),
        _true("content_type_fits", "each object's content type is that of its bytes"),
        _true("row_found", "each migrated picture has its row in public.media"),
        _true("row_equals_ledger", "each row is as it was written, and the only one for its object"),
        _true("parents_exist", "each row's owner, service and message exist"),
    ),
    key_columns=("subject",),
)
GALLERIES = Suite(
    "galleries_in_order",
    (
        rule("expect_column_values_to_be_between", column="previews", min_value=1, max_value=1,
             name="each service has exactly one preview"),
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
SUITES = (PICTURES, GALLERIES, AVATARS)
