"""The adapter to Great Expectations 1.x: runs a suite on a data frame, on a PostgreSQL query, or on streamed rows."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from migration_kit.redaction import mask_email, redact
from migration_kit.suites.model import Rule, RuleResult, Suite, SuiteReport
from migration_kit.suites.rows import as_text, matches, stored, table_of

if TYPE_CHECKING:
    import pandas as pd

MOST_EXAMPLES = 10
LONGEST_EXAMPLE = 1_000
"""Characters of a value that are told: to look for addresses in a very long one takes minutes."""


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


def validate_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], suite: Suite) -> SuiteReport:
    """Validate rows of any number in flat memory, in a file of SQLite; what is judged is as in `validate_frame`.

    ``rows``: values are booleans, numbers, texts or None, in the order of ``columns``; the stream is read once.

    Raises:
        PermanentError: the file could not be written, as where its disk is full.
    """
    return validate_rows_by(columns, rows, [(suite, None)])[0]


def validate_rows_by(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], suites: Sequence[tuple[Suite, str | None]]
) -> list[SuiteReport]:
    """As ``validate_rows``, of one stream by several suites: each for all rows, or for those where a column is true.

    Raises:
        PermanentError: the file could not be written, as where its disk is full.
    """
    with stored(columns, rows, [only for _, only in suites if only is not None]) as path:
        store = _context().data_sources.add_sqlite("rows", connection_string=f"sqlite:///{path}")
        engine = store.get_execution_engine().engine
        _match_by_python(engine)
        try:
            return [_validate_table(store, engine, table_of(only), suite) for suite, only in suites]
        finally:
            engine.dispose()
            store.get_engine().dispose()


def _validate_table(store: Any, engine: Any, table: str, suite: Suite) -> SuiteReport:
    from sqlalchemy import func, select
    from sqlalchemy import table as named

    with engine.connect() as connection:
        rows = connection.scalar(select(func.count()).select_from(named(table)))
    source = store.add_table_asset(f"{suite.name} {table}", table_name=table)
    return _validate(source.add_batch_definition_whole_table("all").get_batch(), suite, rows)


def _match_by_python(engine: Any) -> None:
    """SQLite has no regular expressions of its own, and SQLAlchemy's function for them fails on some values."""
    from sqlalchemy import event

    def define(connection: Any, *_: Any) -> None:
        connection.create_function("regexp", 2, matches, deterministic=True)

    # Connections that were made before this would be without it.
    engine.dispose()
    event.listen(engine, "connect", define)


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
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        # Its pages about data are not used, and each context would leave a folder for them.
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _validate(batch: Any, suite: Suite, rows: int | None = None) -> SuiteReport:
    """Ask which rules hold; then only of those that do not, which rows break them: that costs a look at all rows.

    ``rows``: how many there are, where that is known without asking.
    """
    rules = dict(enumerate(suite.all_rules))
    at_once = {n: one for n, one in rules.items() if not one.is_count or rows is not None}
    strictly = _run(batch, suite.name, {n: one.strict for n, one in at_once.items()}, "BOOLEAN_ONLY")
    # A rule that may hold although some rows break it is asked again, as it is, if any do.
    held = {n: look for n, look in strictly.items() if _holds(look) or rules[n].strict is rules[n]}
    asked = {n: one for n, one in rules.items() if not _holds(held.get(n))}
    # Never COMPLETE: of a large table that is all wrong it would fetch every row.
    details = _run(batch, suite.name, asked, "SUMMARY", suite.key_columns)
    results = tuple(_result(one, held.get(n), details.get(n)) for n, one in rules.items())
    if rows is None:
        rows = details[0].result.get("observed_value") if 0 in details else None
    return SuiteReport(suite.name, int(rows or 0), results)


def _run(
    batch: Any, name: str, rules: Mapping[int, Rule], result_format: str, key_columns: Sequence[str] = ()
) -> dict[int, Any]:
    """Great Expectations' result of each rule, by the rule's position."""
    if not rules:
        return {}
    import great_expectations as gx
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    expectations = [
        get_expectation_impl(one.expectation)(
            **one.arguments, severity=FailureSeverity(one.severity), meta={"position": position}
        )
        for position, one in rules.items()
    ]
    found = batch.validate(
        gx.ExpectationSuite(name, expectations=expectations),
        result_format={
            "result_format": result_format,
            "unexpected_index_column_names": list(key_columns),
            "partial_unexpected_count": MOST_EXAMPLES,
            "return_unexpected_index_query": False,
        },
    )
    return {result.expectation_config.meta["position"]: result for result in found.results}


def _holds(found: Any) -> bool:
    return found is not None and bool(found.success) and _error(found.exception_info) is None


def _result(one: Rule, held: Any, details: Any) -> RuleResult:
    """A rule's result: from the first look alone where it held there, else with what the second one found."""
    if held is None and details is None:
        return RuleResult(one.name, one.column, one.severity, passed=False, error="the rule was not run")
    looks = [look for look in (held, details) if look is not None]
    # Rows that others write meanwhile may be repaired between the looks: what broke once is not called whole.
    passed = all(map(_holds, looks))
    told = details.result if details is not None else {}
    return RuleResult(
        rule=one.name,
        column=one.column,
        severity=one.severity,
        passed=passed,
        unexpected=int(told.get("unexpected_count") or 0),
        examples=() if passed else _examples(one, told),
        error=next((error for look in looks if (error := _error(look.exception_info)) is not None), None),
    )


def _error(info: Mapping[str, Any]) -> str | None:
    """The first exception's message: the info is flat for the whole rule, or nested by metric."""
    if info.get("raised_exception"):
        return redact(str(info.get("exception_message")))
    nested = (one for one in info.values() if isinstance(one, Mapping) and one.get("raised_exception"))
    return next((redact(str(one.get("exception_message"))) for one in nested), None)


def _examples(one: Rule, details: Mapping[str, Any]) -> tuple[str, ...]:
    """Rows that broke the rule, by key where there is one, else by value; e-mail addresses masked."""
    rows = details.get("partial_unexpected_index_list") or details.get("partial_unexpected_list")
    if rows:
        return tuple(mask_email(_told(one, row)) for row in rows[:MOST_EXAMPLES])
    observed = details.get("observed_value")
    return () if observed is None else (mask_email(f"observed: {observed}"),)


def _told(one: Rule, row: object) -> str:
    if isinstance(row, Mapping):
        keys_first = sorted(row.items(), key=lambda cell: cell[0] == one.column)
        return ", ".join(f"{name}={_shown(one, name, value)}" for name, value in keys_first)
    return _shown(one, one.column, row)


def _shown(one: Rule, column: str, value: object) -> str:
    # SQLite keeps booleans as 0 and 1.
    text = as_text(bool(value) if one.boolean and column == one.column and value in (0, 1) else value)
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[:LONGEST_EXAMPLE]}…"
