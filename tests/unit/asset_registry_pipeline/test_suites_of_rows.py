"""The registry's suites judge streamed rows as they judge a data frame of the same rows."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.steps.comparing import COLUMNS
from asset_registry_pipeline.suites.apply import dispositions, documents
from asset_registry_pipeline.suites.inventory import snapshot
from asset_registry_pipeline.suites.verify import INDEXES, RECONCILIATION
from migration_kit.suites import Suite, SuiteReport, validate_frame, validate_rows

SUITES = (
    snapshot(0.1), dispositions(0.1), documents(("S",)), documents(("G",)), documents(("C",)), RECONCILIATION, INDEXES,
)  # fmt: skip
TEXTS = st.sampled_from(
    ["S.POP.HPM.001", "S.001.007.001", "S", "str", "absent", "dict", "none", "😀", "a\x00", ""]
)
NUMBERS = st.sampled_from([None, 0.0, 0.5, 1.0, 2.0, 500.0, 501.0])
TRUTHS = st.sampled_from([True, False, None])
NUMBER_COLUMNS = {"words_length", "confidence", "components", "score"}


def columns_of(suite: Suite) -> dict[str, st.SearchStrategy[Any]]:
    """The columns that a suite asks about, each with values of its kind."""
    values: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(suite.key_columns, TEXTS)
    for one in suite.rules:
        kind = TRUTHS if one.boolean else NUMBERS if one.column in NUMBER_COLUMNS else TEXTS
        values[one.column] = st.sampled_from([*Disposition]).map(str) if one.column == "disposition" else kind
    return values


@st.composite
def judged(draw: st.DrawFn) -> tuple[Suite, list[str], list[tuple[Any, ...]]]:
    suite = draw(st.sampled_from(SUITES))
    columns = columns_of(suite)
    return suite, list(columns), draw(st.lists(st.tuples(*columns.values()), max_size=6))


def told(report: SuiteReport) -> Mapping[tuple[str, str], Any]:
    """What a report says, whatever order it names rows in; of an error only that there is one."""
    return {
        (result.rule, result.column): (result.passed, result.unexpected, sorted(result.examples))
        if result.error is None
        else "error"
        for result in report.results
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(judged())
def test_the_report_of_streamed_rows_is_that_of_a_data_frame(
    asked: tuple[Suite, list[str], list[tuple[Any, ...]]],
) -> None:
    suite, columns, rows = asked
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    streamed = validate_rows(columns, iter(rows), suite)
    assert streamed.rows == len(rows)
    assert told(streamed) == told(validate_frame(frame, suite))


def test_each_question_of_the_reconciliation_has_a_rule_that_its_wrong_answer_breaks() -> None:
    sound = ("sound", "", True, True, *(None,) * 7, 500.0, None)
    assert validate_rows(COLUMNS, [sound], RECONCILIATION).passed
    wrong = {"source_unchanged": False, "accounted": False, "words_length": 501.0}
    rows = [sound, sound]
    for n, question in enumerate(COLUMNS[2:], 2):
        rows.append((question, "", *sound[2:n], wrong.get(question, "a fault"), *sound[n + 1 :]))
    broken = validate_rows(COLUMNS, rows, RECONCILIATION).broken
    named = {
        one.column: {example.split("item=")[1].split(",")[0] for example in one.examples} for one in broken
    }
    assert named == {"item": {"sound"}, **{question: {question} for question in COLUMNS[2:]}}
