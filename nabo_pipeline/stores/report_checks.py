"""Queries over the check tables, made from the suites themselves: what was asked, of how many, and what failed it.

Every rule of a suite that looks at rows one by one is counted here; a test holds this to the suites.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from migration_kit.suites import Rule, Suite
from nabo_pipeline.stores.state import SCHEMA
from nabo_pipeline.suites.validation import SUITES, TABLES

TABLES_STAND = f"select to_regclass('{SCHEMA}.{TABLES[SUITES[0].name]}') is not null"
"""Whether there are check tables: an older installation has none before its first validation."""

_SUBJECTS: Mapping[str, str] = {
    "picture_checks": "subject",
    "gallery_checks": "'service ' || service",
    "avatar_checks": "'owner ' || owner",
    "objects_of_others": "'object ' || object",
}


@dataclass(frozen=True)
class Question:
    """A rule that is asked of each row of a table, and the SQL that says whether a row breaks it."""

    rule: Rule
    broken: str


def questions(suite: Suite) -> list[Question]:
    """The rules of a suite that are asked of each row."""
    return [Question(rule, broken) for rule in suite.rules if (broken := _broken(rule)) is not None]


def _broken(rule: Rule) -> str | None:
    if rule.arguments.get("value_set") == [True]:
        return f"not {rule.column}"
    if "min_value" in rule.arguments and rule.column:
        return f"{rule.column} not between {int(rule.arguments['min_value'])} and {int(rule.arguments['max_value'])}"
    return None


def totals_query(suite: Suite) -> str:
    """(category, number of the question, rows asked, rows that broke it) of a suite's table."""
    asked = questions(suite)
    counts = ", ".join(
        f"count({one.rule.column}) as checked_{number}, count(*) filter (where {one.broken}) as failed_{number}"
        for number, one in enumerate(asked)
    )
    rows = ", ".join(f"({number}, checked_{number}, failed_{number})" for number in range(len(asked)))
    return f"""
        select category, number, checked, failed
        from (select category, {counts} from {SCHEMA}.{TABLES[suite.name]} group by category) counted
        cross join lateral (values {rows}) as told (number, checked, failed)
        order by category, number
    """  # noqa: S608 - constants


def failures_query(suite: Suite) -> str:
    """(category, subject, numbers of the questions that it broke) of every row that broke any."""
    asked, table = questions(suite), TABLES[suite.name]
    numbers = ", ".join(f"case when {one.broken} then {number} end" for number, one in enumerate(asked))
    broken = " or ".join(f"({one.broken})" for one in asked)
    return f"""
        select category, {_SUBJECTS[table]} as subject, array_remove(array[{numbers}], null) as numbers
        from {SCHEMA}.{table} where {broken} order by category, 2
    """  # noqa: S608 - constants
