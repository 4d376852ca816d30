"""The overview, the decisions' pages and the audit log, over a registry that was migrated as far as curators let it."""

from collections.abc import Callable, Iterator

import pytest

from asset_registry_pipeline.registry.decisions_csv import COLUMNS, read_csv
from asset_registry_pipeline.stores.progress import Progress, Status
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, desk_over


@pytest.fixture(scope="module")
def planned(make_shared_world: Callable[..., World]) -> Iterator[DeskPlace]:
    """Stars are planned and published, so that curators are asked, decisions stand, and something has failed."""
    world = make_shared_world()
    with desk_over(world) as desk:
        with world.steps() as steps:
            steps.migrate("S")
        yield desk


def test_the_overview_tells_progress_failures_and_what_to_decide(planned: DeskPlace) -> None:
    page = planned.curator.get("/").text

    assert "Stars" in page
    assert "Nothing has failed" not in page
    assert 'action="/retry"' in page


def test_a_retry_is_asked_for_once_told_on_the_page_and_kept_in_the_audit_log(planned: DeskPlace) -> None:
    answer = planned.curator.post("/retry", {"about": "S"})

    assert answer.status_code == 200
    assert "Stars will be run again" in answer.text
    assert "Stars will be run again" not in planned.curator.get("/").text
    assert "asked for a retry" in planned.admin.get("/audit").text


def test_who_may_only_edit_asks_for_no_retry_and_reads_no_log(planned: DeskPlace) -> None:
    assert planned.editor.post("/retry", {"about": "S"}).status_code == 403
    assert planned.editor.get("/audit").status_code == 403
    assert planned.curator.get("/audit").status_code == 403
    assert planned.editor.get("/decisions/export.csv").status_code == 403
    assert (
        planned.editor.client.post(
            "/decisions/import", data={"csrf_token": planned.editor.csrf}, files={"file": ("d.csv", b"x")}
        ).status_code
        == 403
    )
    assert "/audit" not in planned.curator.get("/").text
    assert "/audit" in planned.admin.get("/").text
