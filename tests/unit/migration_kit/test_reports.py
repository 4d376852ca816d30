"""Reports arrive whole, and a hostile cell cannot break a table."""

import json

import pytest

from migration_kit.accounting import Accounting
from migration_kit.reports import PipelineSummary, markdown_table, write_json, write_summary


def test_a_summary_holds_the_accounting_and_the_verdicts(reports_path):
    summary = PipelineSummary(
        "nabo", "batch-1", Accounting(2, migrated=1, excluded={"too large": 1}), True, 1.26
    )
    written = json.loads(write_summary("nabo", summary).read_text())
    assert written["excluded"] == {"too large": 1}
    assert written["balanced"] is True
    assert written["verified"] is True
    assert written["seconds"] == 1.3


def test_a_report_that_fails_half_way_leaves_the_earlier_one(tmp_path):
    path = write_json(tmp_path / "report.json", {"items": 1})
    circular: list = []
    circular.append(circular)
    with pytest.raises(ValueError, match="Circular"):
        write_json(path, circular)
    assert json.loads(path.read_text()) == {"items": 1}


def test_a_cell_with_pipes_and_line_breaks_stays_in_its_row():
    table = markdown_table([{"item": "a|b\nc\\", "reason": None}], ["item", "reason"])
    assert table.splitlines() == ["| item | reason |", "|---|---|", "| a\\|b c\\\\ |  |"]


def test_a_table_shows_no_more_than_its_limit():
    rows = ({"n": number} for number in range(100))
    assert len(markdown_table(rows, ["n"], limit=50).splitlines()) == 52
