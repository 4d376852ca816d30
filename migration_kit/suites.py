"""Great Expectations as data: a suite is named rules, a report says which rows broke them.

The adapter to Great Expectations 1.x stands here and nowhere else, and imports it only when it runs (seconds).
What a pipeline expects of its data belongs to the pipeline's ``suites``.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from migration_kit.redaction import mask_email, redact

if TYPE_CHECKING:
    import pandas as pd

Severity = Literal["critical", "warning"]

ROW_COUNT = "expect_table_row_count_to_be_between"
MOST_EXAMPLES = 10


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


def validate_frame(frame: "pd.DataFrame", suite: Suite) -> SuiteReport:
    """Validate a data frame in memory."""
    source = _context().data_sources.add_pandas("frame").add_dataframe_asset("frame")
    batch = source.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    return _validate(batch, suite)


def validate_query(url: str, query: str, suite: Suite) -> SuiteReport:
    """Validate a query's rows on PostgreSQL itself (``url``: ``postgresql://...``); no row is pulled here."""
    # Bare postgresql:// would mean psycopg 3 to SQLAlchemy, which Great Expectations does not know, and its other
    # name, postgres://, nothing at all.
    # A dollar sign would be taken for one of its own variables; an address may write it in percent form.
    address = re.sub("^postgres(ql)?://", "postgresql+psycopg2://", url).replace("$", "%24")
    store = _context().data_sources.add_postgres("database", connection_string=address)
    _fetch_no_rows(store.get_execution_engine().engine, query)
    try:
        source = store.add_query_asset("rows", query=query)
        return _validate(source.add_batch_definition_whole_table("all").get_batch(), suite)
    finally:
        store.get_engine().dispose()


def _fetch_no_rows(engine: Any, query: str) -> None:
    """Great Expectations sends the bare query to learn its columns: all rows would come to be thrown away."""
    from sqlalchemy import event

    def ask_for_columns(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> Any:
        # The driver's own percent signs are doubled.
        bare = statement.replace("%%", "%").strip() == query.strip()
        columns_only = f"SELECT * FROM ({statement}) AS asked LIMIT 0"  # noqa: S608 - the caller's own query
        return (columns_only if bare else statement), parameters

    event.listen(engine, "before_cursor_execute", ask_for_columns, retval=True)


def _context() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "False"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _validate(batch: Any, suite: Suite) -> SuiteReport:
    import great_expectations as gx
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    rules = suite.all_rules
    expectations = [
        get_expectation_impl(one.expectation)(
            **one.arguments, severity=FailureSeverity(one.severity), meta={"position": position}
        )
        for position, one in enumerate(rules)
    ]
    found = batch.validate(
        gx.ExpectationSuite(suite.name, expectations=expectations),
        result_format={
            # Never COMPLETE: of a large table that is all wrong it would fetch every row.
            "result_format": "SUMMARY",
            "unexpected_index_column_names": list(suite.key_columns),
            "partial_unexpected_count": MOST_EXAMPLES,
            "return_unexpected_index_query": False,
        },
    )
    by_position = {result.expectation_config.meta["position"]: result for result in found.results}
    results = tuple(_result(one, by_position.get(position)) for position, one in enumerate(rules))
    rows = by_position[0].result.get("observed_value") if 0 in by_position else None
    return SuiteReport(suite.name, int(rows or 0), results)


def _result(one: Rule, found: Any) -> RuleResult:
    if found is None:
        return RuleResult(one.name, one.column, one.severity, passed=False, error="the rule was not run")
    error = _error(found.exception_info)
    details = found.result
    return RuleResult(
        rule=one.name,
        column=one.column,
        severity=one.severity,
        passed=bool(found.success) and error is None,
        unexpected=int(details.get("unexpected_count") or 0),
        examples=() if found.success else _examples(details),
        error=error,
    )


def _error(info: Mapping[str, Any]) -> str | None:
    """The first exception's message: the info is flat for the whole rule, or nested by metric."""
    if info.get("raised_exception"):
        return redact(str(info.get("exception_message")))
    nested = (one for one in info.values() if isinstance(one, Mapping) and one.get("raised_exception"))
    return next((redact(str(one.get("exception_message"))) for one in nested), None)


def _examples(details: Mapping[str, Any]) -> tuple[str, ...]:
    """Rows that broke the rule, by key where there is one, else by value; e-mail addresses masked."""
    rows = details.get("partial_unexpected_index_list") or details.get("partial_unexpected_list")
    if rows:
        return tuple(mask_email(_told(row)) for row in rows[:MOST_EXAMPLES])
    observed = details.get("observed_value")
    return () if observed is None else (mask_email(f"observed: {observed}"),)


def _told(row: object) -> str:
    if isinstance(row, Mapping):
        return ", ".join(f"{name}={value}" for name, value in row.items())
    return str(row)
