"""Great Expectations as data: a suite is named rules, a report says which rows broke them.

``model`` is what a pipeline writes and reads; ``adapter`` is the only place that knows Great Expectations 1.x, and
imports it only when it runs (seconds); ``rows`` keeps streamed rows for it to judge. What a pipeline expects of its
data belongs to the pipeline's ``suites``.
"""

from migration_kit.suites.adapter import validate_frame, validate_query, validate_rows, validate_rows_by
from migration_kit.suites.model import ROW_COUNT, Rule, RuleResult, Severity, Suite, SuiteReport, rule

__all__ = [
    "ROW_COUNT",
    "Rule",
    "RuleResult",
    "Severity",
    "Suite",
    "SuiteReport",
    "rule",
    "validate_frame",
    "validate_query",
    "validate_rows",
    "validate_rows_by",
]
