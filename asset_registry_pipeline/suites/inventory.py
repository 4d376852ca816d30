"""What must hold of a layer in staging before anything is planned from it: it was exported whole and can be used."""

from migration_kit.suites import Suite, rule


def snapshot(quarantine_limit: float = 1.0) -> Suite:
    """Every document stands there once, and not more are past migrating than the profile's share allows.

    Here and not only before publishing: what staging got wrong is repaired in staging, and a retry has to begin
    where staging is read.
    """
    return Suite(
        "staging_is_sound",
        (
            rule("expect_column_values_to_be_unique", column="item", name="each document is read once"),
            rule(
                "expect_column_values_to_be_in_set",
                column="usable",
                value_set=[True],
                mostly=round(1 - quarantine_limit, 6),
                name=f"at most {quarantine_limit:.0%} must be quarantined",
            ),
        ),
        key_columns=("item", "label"),
    )
