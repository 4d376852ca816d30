"""Great Expectations through the adapter: each kind of verdict, with rows that break the rules."""

import pandas as pd
import pytest

from migration_kit.suites import Suite, rule, validate_frame

SUITE = Suite(
    "pictures",
    (
        rule("expect_column_values_to_be_unique", column="hash", name="no picture twice"),
        rule("expect_column_values_to_not_be_null", column="owner"),
        rule("expect_column_values_to_be_in_set", column="kind", value_set=["png"], severity="warning"),
    ),
    key_columns=("item",),
)


def frame(**columns):
    return pd.DataFrame(
        {"item": ["i1", "i2"], "hash": ["a", "b"], "owner": ["o", "o"], "kind": ["png", "png"]} | columns
    )


def test_a_clean_frame_passes():
    report = validate_frame(frame(), SUITE)
    assert report.passed
    assert report.rows == 2
    assert not report.broken


def test_a_broken_rule_names_the_rows():
    report = validate_frame(frame(hash=["a", "a"]), SUITE)
    assert not report.passed
    (broken,) = report.broken
    assert broken.rule == "no picture twice"
    assert broken.unexpected == 2
    assert "item=i1" in broken.examples[0]


def test_a_broken_warning_shows_but_does_not_fail():
    report = validate_frame(frame(kind=["png", "bmp"]), SUITE)
    assert report.passed
    assert [result.severity for result in report.broken] == ["warning"]


def test_an_empty_frame_fails_although_every_column_rule_passes_on_it():
    report = validate_frame(frame().iloc[:0], SUITE)
    assert not report.passed
    assert [result.rule for result in report.broken] == ["there are rows to check"]


def test_a_missing_column_fails_with_its_name_instead_of_an_exception():
    report = validate_frame(frame().drop(columns="owner"), SUITE)
    assert not report.passed
    assert any('"owner"' in (result.error or "") for result in report.broken)


def test_an_email_in_an_example_is_masked():
    suite = Suite("emails", (rule("expect_column_values_to_be_unique", column="hash"),))
    report = validate_frame(frame(hash=["anna@example.com"] * 2), suite)
    assert "anna@" not in str(report)


def test_an_expectation_that_does_not_exist_is_an_error_of_the_suite():
    with pytest.raises(Exception, match="expect_miracles"):
        validate_frame(frame(), Suite("wrong", (rule("expect_miracles"),)))
