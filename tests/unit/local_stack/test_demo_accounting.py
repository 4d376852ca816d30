"""What the demo says at the end: only what a report of this very backfill has proved."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from local_stack.dagster_api import Backfill
from local_stack.demo import accounting
from local_stack.demo.migrations import Outcome
from migration_kit.accounting import Accounting
from migration_kit.reports import PipelineSummary, write_summary

DONE = Accounting(
    source=12, migrated=7, already_present=1, excluded={"no mapping [old]": 2}, held={"no words": 1}, merged=1
)


def outcome(*, status="COMPLETED_SUCCESS", failures=(), batch="b1", pipeline="nabo") -> Outcome:
    return Outcome(pipeline, Backfill(batch, status, 100.0, 104.0, ()), failures)


def report(accounting_of_it=DONE, *, batch="b1", verified=True) -> None:
    write_summary("nabo", PipelineSummary("nabo", batch, accounting_of_it, verified, 3.0))


def shown(summaries) -> str:
    console = Console(file=StringIO(), width=200)
    accounting.show(summaries, console)
    return console.file.getvalue()


def test_a_balanced_and_verified_migration_is_right(reports_path):
    report()
    summaries = accounting.summarise([outcome()], reports_path)
    assert accounting.all_right(summaries)
    assert summaries["nabo"] == {
        **DONE.to_dict(),
        "verified": True,
        "seconds": 4.0,
        "items_per_second": 3.0,
        "failures": [],
    }


def test_one_wrong_migration_makes_the_whole_demo_wrong(reports_path):
    report()
    summaries = accounting.summarise([outcome(), outcome(pipeline="artwork")], reports_path)
    assert summaries["nabo"]["verified"]
    assert not accounting.all_right(summaries)


def test_no_migration_at_all_is_not_right():
    assert not accounting.all_right({})


@pytest.mark.parametrize(
    ("accounting_of_it", "verified", "ended"),
    [
        (Accounting(source=3, migrated=2), True, outcome()),
        (DONE, False, outcome()),
        (DONE, True, outcome(status="COMPLETED_FAILED", failures=("partition chat: broken",))),
        (DONE, True, outcome(status="CANCELED", failures=("the backfill ended as CANCELED",))),
    ],
    ids=["unbalanced", "unverified", "failed", "cancelled"],
)
def test_a_migration_that_is_not_wholly_proved_is_wrong(reports_path, accounting_of_it, verified, ended):
    report(accounting_of_it, verified=verified)
    assert not accounting.all_right(accounting.summarise([ended], reports_path))


@pytest.mark.parametrize("batch", [None, "b0"], ids=["no report", "another backfill's report"])
def test_a_backfill_without_a_report_of_its_own_counts_as_nothing_and_says_so(reports_path, batch):
    if batch:
        report(batch=batch)
    summaries = accounting.summarise([outcome()], reports_path)
    assert summaries["nabo"]["source"] == summaries["nabo"]["migrated"] == 0
    assert not summaries["nabo"]["balanced"]
    assert not accounting.all_right(summaries)
    assert "holds no report of this backfill (b1)" in summaries["nabo"]["failures"][0]


def test_the_table_shows_every_figure_and_below_it_every_reason(reports_path):
    report()
    text = shown(accounting.summarise([outcome()], reports_path))
    (row,) = [line for line in text.splitlines() if line.startswith("│ nabo")]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        *("nabo", "12", "7", "1", "2", "0", "1", "1", "4.0", "3.0", "yes", "yes"),
    ]
    assert "nabo      excluded           2  no mapping [old]" in text
    assert "nabo      held               1  no words" in text


def test_what_failed_is_shown_in_its_own_words(reports_path):
    failed = outcome(status="COMPLETED_FAILED", failures=("partition chat: images: [Errno 28] no space",))
    text = shown(accounting.summarise([failed], reports_path))
    assert "failed  partition chat: images: [Errno 28] no space" in text
    assert "NO" in text


def test_the_summary_is_written_as_json_into_a_folder_that_is_made(tmp_path: Path):
    path = accounting.write({"nabo": DONE.to_dict()}, tmp_path / "reports")
    assert path == tmp_path / "reports" / "demo-summary.json"
    assert json.loads(path.read_text())["nabo"]["excluded"] == {"no mapping [old]": 2}
