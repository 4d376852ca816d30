"""What a suite and its report are: named rules as data, and which rows broke them; no Great Expectations here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Severity = Literal["critical", "warning"]

ROW_COUNT = "expect_table_row_count_to_be_between"


@dataclass(frozen=True)
class Rule:
    """One expectation by its name in Great Expectations (``expect_...``), with its arguments."""

    expectation: str
    name: str
    severity: Severity
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """The column or columns that the rule is about; empty for a rule about the whole table."""
        about = (self.arguments.get(key) for key in ("column", "column_A", "column_B", "column_list"))
        return ", ".join(str(name) for name in about if name)

    @property
    def boolean(self) -> bool:
        """Whether the rule is about values that are true or false."""
        return all(isinstance(value, bool) for value in self.arguments.get("value_set", [None]))

    @property
    def is_count(self) -> bool:
        """Whether the rule is about how many rows there are."""
        return self.expectation == ROW_COUNT

    @property
    def strict(self) -> "Rule":
        """The rule without the share of rows that may break it; itself where none may."""
        if "mostly" not in self.arguments:
            return self
        return replace(self, arguments={key: one for key, one in self.arguments.items() if key != "mostly"})


def rule(
    expectation: str, *, name: str | None = None, severity: Severity = "critical", **arguments: Any
) -> Rule:
    """A rule, e.g. ``rule("expect_column_values_to_be_unique", column="sha256")``.

    ``name`` is what people read where the rule breaks; a critical rule fails its suite, a warning does not.
    """
    return Rule(
        expectation, name or expectation.removeprefix("expect_").replace("_", " "), severity, arguments
    )


@dataclass(frozen=True)
class Suite:
    """Rules about one table. ``key_columns`` name a row where a rule breaks; fewer than ``min_rows`` rows fail."""

    name: str
    rules: tuple[Rule, ...]
    key_columns: tuple[str, ...] = ()
    min_rows: int = 1

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The rules, headed by the row count: every column expectation passes on an empty table."""
        return (rule(ROW_COUNT, name="there are rows to check", min_value=self.min_rows), *self.rules)


@dataclass(frozen=True)
class RuleResult:
    """What one rule found: how many rows broke it, with examples, or why it could not be checked."""

    rule: str
    column: str
    severity: Severity
    passed: bool
    unexpected: int = 0
    examples: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class SuiteReport:
    """What a suite found. ``passed`` says that no critical rule broke and none was left unchecked."""

    suite: str
    rows: int
    results: tuple[RuleResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every critical rule held."""
        return all(result.passed for result in self.results if result.severity == "critical")

    @property
    def broken(self) -> tuple[RuleResult, ...]:
        """The rules that did not hold, warnings included."""
        return tuple(result for result in self.results if not result.passed)
