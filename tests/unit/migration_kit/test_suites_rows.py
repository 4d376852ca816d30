"""Suites on streamed rows: the same verdicts as on a data frame, whatever the rows hold, and nothing left behind."""

import math
import resource
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from migration_kit.failures import PermanentError
from migration_kit.suites import Suite, SuiteReport, rule, validate_frame, validate_rows, validate_rows_by

COLUMNS = ("item", "ok", "name", "length")
SUITE = Suite(
    "rows",
    (
        rule("expect_column_values_to_be_unique", column="item", name="each once"),
        rule("expect_column_values_to_be_in_set", column="ok", value_set=[True], name="all is well"),
        rule("expect_column_values_to_match_regex", column="name", regex=r"\A[A-Z]\.\d+\Z", name="a name"),
        rule("expect_column_values_to_be_between", column="length", max_value=500, name="not too long"),
        rule(
            "expect_column_values_to_not_be_in_set",
            column="name",
            value_set=["X.0"],
            mostly=0.5,
            name="few X",
        ),
    ),
    key_columns=("item",),
)
GOOD = ("a", True, "S.1", 5.0)
ODD_TEXTS = (
    "\x00",
    "a\x00b",
    "\ud800",
    "\ud800x",
    "😀",
    "'; DROP TABLE rows; --",
    "%",
    "$x",
    "x" * 100_000,
    "",
)


def broken(report: SuiteReport) -> dict[str, tuple[str, ...]]:
    return {result.rule: result.examples for result in report.broken}


def test_streamed_rows_that_keep_every_rule_pass() -> None:
    report = validate_rows(COLUMNS, iter([GOOD, ("b", None, None, None)]), SUITE)
    assert report.passed
    assert report.rows == 2
    assert not [result.error for result in report.results if result.error]


def test_suites_that_judge_one_stream_look_each_at_its_own_rows() -> None:
    every = Suite("every", (rule("expect_column_values_to_be_unique", column="item", name="each once"),))
    rows = iter([GOOD, ("b", True, "no name", 1.0), ("b", False, "no name", None), ("c", None, None, None)])
    whole, fine = validate_rows_by(COLUMNS, rows, [(every, None), (SUITE, "ok")])
    assert (whole.rows, list(broken(whole))) == (4, ["each once"])
    assert (fine.rows, list(broken(fine))) == (2, ["a name"])


def test_what_a_rule_allows_is_counted_all_the_same() -> None:
    report = validate_rows(COLUMNS, [GOOD, ("b", True, "X.0", 1.0)], SUITE)
    assert report.passed
    assert {result.rule: result.unexpected for result in report.results}["few X"] == 1


@pytest.mark.parametrize(
    ("row", "rule_name", "example"),
    [
        (("b", False, "S.1", 5.0), "all is well", "item=b, ok=False"),
        (("a", True, "S.1", 5.0), "each once", "item=a"),
        (("b", True, "S.1\n", 5.0), "a name", "item=b, name=S.1\n"),
        (("b", True, "S.1", 501.0), "not too long", "item=b, length=501.0"),
    ],
)
def test_a_row_that_breaks_a_rule_is_named(row: tuple[object, ...], rule_name: str, example: str) -> None:
    told = broken(validate_rows(COLUMNS, iter([GOOD, row]), SUITE))
    assert list(told) == [rule_name]
    assert told[rule_name][0].startswith(example)


def test_rows_that_a_rule_with_a_tolerance_lets_pass_are_counted_all_the_same() -> None:
    report = validate_rows(COLUMNS, [GOOD, ("b", True, "X.0", 1.0)], SUITE)
    assert report.passed
    assert report.results[-1].unexpected == 1


def test_no_rows_at_all_fail() -> None:
    assert list(broken(validate_rows(COLUMNS, iter(()), SUITE))) == ["there are rows to check"]


def test_no_text_breaks_the_table_and_no_two_texts_become_one() -> None:
    rows = [(text, True, "S.1", float(len(text))) for text in ODD_TEXTS]
    told = broken(validate_rows(COLUMNS, rows, SUITE))
    assert list(told) == ["not too long"]
    odd_names = [(str(number), True, text, 1.0) for number, text in enumerate(ODD_TEXTS)]
    told = broken(validate_rows(COLUMNS, odd_names, SUITE))
    assert len(told["a name"]) == len(ODD_TEXTS)
    assert "item=2, name=\\ud800" in told["a name"]


def test_rows_after_one_that_had_to_be_changed_are_kept_once() -> None:
    texts = [str(number) for number in range(2_500)]
    texts[700], texts[1_900] = "\ud800", "\udfff"
    report = validate_rows(COLUMNS, ((text, True, "S.1", 2**70) for text in texts), SUITE)
    assert report.rows == 2_500
    assert list(broken(report)) == ["not too long"]


def test_the_report_of_rows_is_that_of_the_frame_with_the_same_rows() -> None:
    rows = [GOOD, ("b", False, "x", 501.0), ("b", None, None, None), ("c", True, "X.0", 2.0)]
    frame = validate_frame(pd.DataFrame(rows, columns=list(COLUMNS)), SUITE)
    assert validate_rows(COLUMNS, rows, SUITE) == frame


def test_no_number_is_too_large_too_small_or_too_odd_to_be_judged() -> None:
    numbers = (2**70, 10**400, -(10**400), math.inf, -math.inf, math.nan, True, None)
    rows = [(str(n), True, "S.1", number) for n, number in enumerate(numbers)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    told = broken(validate_rows(COLUMNS, rows, SUITE))
    assert [example.partition(",")[0] for example in told["not too long"]] == ["item=0", "item=1", "item=3"]
    assert list(told) == list(broken(validate_frame(frame, SUITE)))


def test_an_address_with_a_surrogate_in_an_example_is_masked() -> None:
    told = broken(validate_rows(COLUMNS, [("anna@example.com\ud800", False, "S.1", 1.0)], SUITE))
    assert "anna@" not in str(told)


def test_the_rows_are_gone_afterwards_even_where_the_stream_broke(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A folder of its own: others may be judging rows at this moment.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept: list[Path] = []

    def rows() -> object:
        yield GOOD
        kept.extend(tmp_path.glob("rows-to-check-*/rows.sqlite"))
        raise RuntimeError("the server is gone")

    with pytest.raises(RuntimeError, match="the server is gone"):
        validate_rows(COLUMNS, rows(), SUITE)  # type: ignore[arg-type]
    assert kept
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_hold_the_rows_is_named_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, unlimited[1]))
    try:
        with pytest.raises(PermanentError, match=r"could not be kept for checking.*TMPDIR") as refused:
            validate_rows(COLUMNS, ((str(number), True, "S.1", 1.0) for number in range(100_000)), SUITE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert refused.value.item == str(tmp_path)
    assert not list(tmp_path.iterdir())
