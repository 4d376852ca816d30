"""What people do to a migration: two start it at once, a curator writes what a browser or a spreadsheet would run."""

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from asset_registry_pipeline.registry.decisions import Verdict
from asset_registry_pipeline.registry.decisions_csv import write_csv
from asset_registry_pipeline.stores.files import load_decisions
from local_stack.sources import registry as source

WORDS = (
    "<script>alert(1)</script> & <b>bold</b>",
    '=HYPERLINK("http://x.invalid";"look")',
    "+49 beats",
    "-2+3 is no sum",
    "@SUM(A1:A9)",
    "'=escaped already",
    "\t=after a tab",
    'two lines,\none with "quotes"; \U0001f468\u200d\U0001f469',
    "a b " * 125,
    "a b " * 125 + "c",
)
"""What curators may write; the last has 501 characters."""


def test_curators_words_come_through_the_csv_as_they_are_and_no_cell_is_a_formula(make_world: Any) -> None:
    world = make_world(layers={**source.SMALL, "G": 13})
    path = world.folder / "decisions.csv"
    edits = [one for one in load_decisions(str(path))[0] if one.layer == "G" and one.verdict is Verdict.EDIT]
    given = [replace(one, words=words) for one, words in zip(edits, WORDS, strict=True)]
    path.write_text(write_csv(given), encoding="utf-8")
    cells = [cell for row in csv.reader(path.open(encoding="utf-8", newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []

    with world.steps() as steps:
        steps.migrate("G")
        standing = steps.registry.decisions.of_layer("G")
    outcomes = {row["detail"]["label"]: row for row in world.development["migration_ledger"].find()}
    for one in given:
        song = world.development["assets"].find_one({"name": one.name})
        if len(one.words or "") > 500:
            assert song is None
            assert outcomes[one.name]["reason"] == "the curator's words cannot be used"
        else:
            assert song["creatorDescription"] == one.words
    out = write_csv(standing[one.key] for one in given)
    assert out.encode() == path.read_bytes()


def test_two_runners_at_once_over_bad_input_write_each_document_once(make_world: Any) -> None:
    world = make_world()
    source.make_hostile(world.environment)
    with world.steps() as steps:
        steps.plan("S")

    def run(name: str) -> int:
        with world.steps() as steps:
            return steps.publish("S", batch=name, run=name).written

    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(run, ["one", "other"]))
    there = world.development["assets"].count_documents({})
    assert sum(written) == there > 100
    assert world.development["migration_ledger"].count_documents({"state": "migrated"}) == there
