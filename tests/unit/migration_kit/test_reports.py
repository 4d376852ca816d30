"""Reports arrive whole, and a hostile cell cannot break a table."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.accounting import Accounting
from migration_kit.reports import PipelineSummary, markdown_table, write_bytes, write_json, write_summary


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(head=st.dictionaries(st.text(), JSON, max_size=4), items=st.lists(JSON, max_size=5))
def test_what_is_streamed_is_the_same_json_as_what_is_held(tmp_path_factory, head, items):
    path = tmp_path_factory.getbasetemp() / "streamed.json"
    document = {**head, "items": iter(items), "nested": {"more": iter(items), "none": iter(())}}
    expected = {**head, "items": items, "nested": {"more": items, "none": []}}
    assert json.loads(write_json(path, document).read_text(encoding="utf-8")) == expected


def test_items_are_drawn_one_by_one_and_a_source_that_fails_half_way_leaves_nothing(tmp_path):
    path = write_json(tmp_path / "report.json", {"items": iter([1])})

    def lost():
        yield {"item": 1}
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        write_json(path, {"items": lost()})
    assert json.loads(path.read_text()) == {"items": [1]}
    assert list(tmp_path.iterdir()) == [path]


def test_what_could_not_be_read_again_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "report.json", {"similarity": float("nan")})
    with pytest.raises(TypeError, match="not within a list"):
        write_json(tmp_path / "report.json", {"items": [iter([1])]})
    assert list(tmp_path.iterdir()) == []


def test_bytes_arrive_whole(tmp_path):
    assert write_bytes(tmp_path / "sheet.jpg", b"picture").read_bytes() == b"picture"
    assert len(list(tmp_path.iterdir())) == 1
