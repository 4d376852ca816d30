"""The overview, the decisions' pages and the audit log, over a registry that was migrated as far as curators let it."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.decisions_csv import read_csv, write_csv
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import QueueItem, Where
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, Person, desk_over


@pytest.fixture(scope="module")
def planned(make_shared_world: Callable[..., World]) -> Iterator[DeskPlace]:
    """Stars are planned and published, so that curators are asked, decisions stand, and something has failed."""
    world = make_shared_world()
    world.environment["REGISTRY_DECISIONS"] = ""
    with desk_over(world) as desk:
        with world.steps() as steps:
            for layer in ("S", "G"):
                steps.migrate(layer)
                curation.refresh(desk.state.registry, layer)
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


class TestDecisionsAsCsv:
    @pytest.fixture
    def asked(self, planned: DeskPlace) -> list[QueueItem]:
        return [*curation.page(planned.state.registry, Where(layer="G"), now=planned.state.clock()).items]

    def test_a_file_is_shown_line_by_line_before_anything_of_it_is_stored_and_taken_in_when_it_is_confirmed(
        self, planned: DeskPlace, asked: list[QueueItem]
    ) -> None:
        now = planned.state.clock()
        about, other = asked[0], asked[1]
        words = [_decision(about, now, "=Words of <b>her</b> own"), _decision(other, now, "", layer="C")]

        preview = _sent(planned.curator, write_csv(words) + "G,broken\r\n")

        assert preview.status_code == 200
        assert _counts(preview.text) == ["1", "0", "0", "2"]
        assert "layer &#39;C&#39; has no decisions" in preview.text
        assert "line 4: " in preview.text
        assert planned.state.registry.decisions.among([about.key]) == {}

        upload = re.search(r'name="upload" value="([^"]+)"', preview.text)
        assert upload
        foreign = planned.other_curator.post("/decisions/import/confirm", {"upload": upload[1]})
        assert foreign.status_code == 404
        done = planned.curator.post("/decisions/import/confirm", {"upload": upload[1]})

        assert _counts(done.text) == ["1", "0", "0", "2"]
        assert (
            planned.state.registry.decisions.among([about.key])[about.key].words == "=Words of <b>her</b> own"
        )
        assert planned.curator.post("/decisions/import/confirm", {"upload": upload[1]}).status_code == 404
        assert "cora" in planned.curator.get("/deciders").text

        out = planned.curator.get("/decisions/export.csv?layer=G")
        assert out.headers["content-type"] == "text/csv; charset=utf-8"
        assert re.fullmatch(
            r'attachment; filename="decisions-G-[0-9-]+\.csv"', out.headers["content-disposition"]
        )
        assert "'=Words" in out.text
        assert [one.words for one in read_csv(out.text)[0]] == ["=Words of <b>her</b> own"]
        assert _counts(_sent(planned.curator, out.text).text) == ["0", "0", "1", "0"]

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (b"", "The file is empty"),
            (b"\xff\xfe\x00a", "The file is not UTF-8: byte 0"),
            (b"name,words\r\n", "the header lacks the column"),
            (b'layer,"name\r\n', "cannot be read as decisions"),
            (b"\x00" * 500, "cannot be read as decisions"),
        ],
    )
    def test_a_file_that_is_none_is_refused_with_what_is_wrong(
        self, planned: DeskPlace, data: bytes, told: str
    ) -> None:
        answer = _sent(planned.curator, data)

        assert answer.status_code == 422
        assert told in answer.text

    def test_a_layer_without_decisions_has_no_file(self, planned: DeskPlace) -> None:
        assert planned.curator.get("/decisions/export.csv?layer=C").status_code == 422


def test_two_names_of_one_component_are_one_thing_that_composites_wait_for(planned: DeskPlace) -> None:
    registry = planned.state.registry
    song = curation.page(registry, Where(layer="G", state="open"), now=planned.state.clock()).items[-1]
    numeric = "1" + song.nna_address[1:]
    overview = registry.curation._overviews
    overview.update_one(
        {"_id": "held"},
        {"$set": {"components": [[song.nna_address, "waits", 3], [numeric, "waits", 2]]}},
        upsert=True,
    )

    assert [(one.component, one.composites) for one in curation.held(registry)] == [(song.label, 5)]
    assert song.label in planned.curator.get("/held").text


def _decision(item: QueueItem, now: datetime, words: str, layer: str = "G") -> Decision:
    return Decision(
        layer,
        item.name,
        item.nna_address,
        item.source_hash,
        Verdict.APPROVE,
        words or None,
        None,
        "cora",
        now,
    )


def _sent(person: Person, data: str | bytes) -> Any:
    content = data.encode() if isinstance(data, str) else data
    return person.client.post(
        "/decisions/import", data={"csrf_token": person.csrf}, files={"file": ("decisions.csv", content)}
    )


def _counts(page: str) -> list[str]:
    """Added, replaced, unchanged and refused, as the page tells them."""
    return re.findall(r"<dd>([\d,]+)</dd>", page)
