"""What must hold of a backup before anything is built upon it: restored, it is what staging holds."""

from migration_kit.suites import Suite, rule

COLUMNS = ("part", "named", "documents", "restored", "missing", "extra", "different")
_QUESTIONS = {
    "missing": "every document of staging comes back from the backup",
    "extra": "nothing comes back that staging does not hold",
    "different": "what comes back is byte-equal to staging",
}
BACKUP = Suite(
    "backup_is_proved",
    (
        rule("expect_column_values_to_be_unique", column="part", name="each part is restored once"),
        *(
            rule("expect_column_values_to_be_in_set", column=column, value_set=[0], name=name)
            for column, name in _QUESTIONS.items()
        ),
    ),
    key_columns=("part", "named"),
)
