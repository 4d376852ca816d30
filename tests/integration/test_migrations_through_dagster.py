"""All three migrations as backfills of a real Dagster: one of them with a layer that arrives broken.

Two rounds, since each level of a backfill waits for Dagster's own tick of 30 seconds: in the first the looks of the
staging registry are spoilt; in the second they are repaired and "retry from failure" is pressed, while the other two
migrations run a second time.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pymongo import MongoClient
from rich.console import Console

from local_stack.dagster_api import Backfill, Run
from local_stack.dagster_server import RunningDagster, running_dagster
from local_stack.demo import accounting, migrations
from local_stack.sources import artworks, media, registry
from local_stack.stack import PROJECT, Stack

pytestmark = pytest.mark.timeout(600)

LAYERS = {"S": 8, "L": 10, "W": 6, "M": 6, "G": 6, "C": 40}
SPOILT = "L"


@dataclass
class Round:
    """What a round of backfills did: how each ended, its runs, its accounting, and what the targets then held."""

    backfills: dict[str, Backfill] = field(default_factory=dict)
    failures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    runs: dict[str, list[Run]] = field(default_factory=dict)
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)

    def partitions_of(self, pipeline: str, asset: str, status: str) -> set[str | None]:
        """The partitions of the asset whose runs ended so."""
        runs = self.runs[pipeline]
        return {
            run.partition for run in runs if run.status == status and any(asset in key for key in run.assets)
        }


@pytest.fixture(scope="module")
def filled(stack: Stack) -> Stack:
    media.fill(stack.environment, shape=media.SMALL)
    registry.fill(stack.environment, layers=LAYERS, dirt=False)
    artworks.fill(stack.environment, rows=1_500)
    return stack


@pytest.fixture(scope="module")
def dagster(filled: Stack) -> Iterator[RunningDagster]:
    with running_dagster(
        filled.data_dir, filled.environment, project=PROJECT, preferred_port=None
    ) as running:
        yield running


@pytest.fixture(scope="module")
def first(filled: Stack, dagster: RunningDagster) -> Round:
    with _spoilt(filled.environment):
        return _run(filled, dagster, migrations.launch(dagster.api))


@pytest.fixture(scope="module")
def second(filled: Stack, dagster: RunningDagster, first: Round) -> Round:
    again = {
        pipeline: dagster.api.launch_backfill(dagster.api.assets(location), title="again")
        for pipeline, location in migrations.LOCATIONS.items()
        if pipeline != "registry"
    }
    retried = dagster.api.retry_from_failure(first.backfills["registry"].id)
    return _run(filled, dagster, again | {"registry": retried})


def _run(stack: Stack, dagster: RunningDagster, backfills: Mapping[str, str]) -> Round:
    outcomes = migrations.follow(dagster.api, backfills, dagster.process, Console(quiet=True))
    return Round(
        {one.pipeline: one.backfill for one in outcomes},
        {one.pipeline: one.failures for one in outcomes},
        {one.pipeline: dagster.api.runs(one.backfill.id) for one in outcomes},
        accounting.summarise(outcomes, Path(stack.environment["REPORTS_PATH"])),
        _contents(stack.environment),
    )


@contextmanager
def _spoilt(environment: Mapping[str, str]) -> Iterator[None]:
    """While the block runs, the looks in staging are as a broken export leaves them: cut-off JSON."""
    with MongoClient[dict[str, Any]](environment["REGISTRY_STAGING_URI"]) as client:
        assets = client[environment["REGISTRY_STAGING_DB"]]["assets"]
        whole = list(assets.find({"layer": SPOILT}))
        assets.update_many({"layer": SPOILT}, {"$set": {"rights": '{"source":"Orig'}})
        try:
            yield
        finally:
            for document in whole:
                assets.replace_one({"_id": document["_id"]}, document)


def _contents(environment: Mapping[str, str]) -> dict[str, str]:
    """A hash of every row that the two PostgreSQL migrations wrote: their targets and their ledgers' outcomes."""
    tables = {
        "NABO_DATABASE_URL": ("public.media", "nabo_migration.outcomes", "nabo_migration.plan_items"),
        "ARTWORK_DATABASE_URL": ("artworks_v2", "users", "artwork_migration.outcomes"),
    }
    found = {}
    for variable, names in tables.items():
        with psycopg.connect(environment[variable]) as connection:
            for name in names:
                query = f"SELECT count(*) || ' ' || md5(string_agg(t::text, E'\n' ORDER BY t::text)) FROM {name} t"
                (found[name],) = connection.execute(query.encode()).fetchone() or ("",)
    return found


def test_a_broken_layer_fails_with_the_reason_in_its_run(first):
    assert first.backfills["registry"].status == "COMPLETED_FAILED"
    assert any(f"partition {SPOILT}" in told and "quarantined" in told for told in first.failures["registry"])


def test_a_broken_layer_stops_what_depends_on_it_through_a_mapping_and_unpartitioned(first):
    assert first.partitions_of("registry", "components", "SUCCESS") == {"S", "W", "M"}
    started = {key[-1] for run in first.runs["registry"] for key in run.assets}
    assert "composites" not in started
    assert "migration_report" not in started
    assert SPOILT not in first.partitions_of("registry", "reconciliation", "SUCCESS")


def test_a_broken_migration_is_reported_as_neither_balanced_nor_verified(first):
    assert not first.summaries["registry"]["verified"]
    assert not accounting.all_right(first.summaries)


def test_a_broken_migration_leaves_the_others_alone(first):
    for pipeline in ("nabo", "artwork"):
        assert first.backfills[pipeline].succeeded, first.failures[pipeline]
        assert first.summaries[pipeline]["balanced"]
        assert first.summaries[pipeline]["verified"]
        assert first.summaries[pipeline]["migrated"] > 0


def test_a_retry_after_the_repair_runs_just_what_is_needed(second):
    assert second.backfills["registry"].succeeded, second.failures["registry"]
    assert second.partitions_of("registry", "components", "SUCCESS") == {SPOILT}
    assert second.partitions_of("registry", "songs", "SUCCESS") == set()
    assert second.partitions_of("registry", "composites", "SUCCESS") == {"C"}
    assert second.partitions_of("registry", "reconciliation", "SUCCESS") == {SPOILT, "C"}
    assert second.summaries["registry"]["source"] == sum(LAYERS.values())
    assert second.summaries["registry"]["balanced"]
    assert second.summaries["registry"]["verified"]


def test_a_second_migration_finds_everything_done_and_writes_nothing(first, second):
    for pipeline in ("nabo", "artwork"):
        before, after = first.summaries[pipeline], second.summaries[pipeline]
        assert after["migrated"] == 0
        assert after["already_present"] == before["migrated"] + before["already_present"] + before["merged"]
        assert after["balanced"]
        assert after["verified"]
    assert second.contents == first.contents


def test_the_summary_of_an_earlier_batch_is_not_taken_for_this_one(first, second, filled):
    path = Path(filled.environment["REPORTS_PATH"]) / "nabo" / "migration-summary.json"
    assert json.loads(path.read_text())["batch_id"] == second.backfills["nabo"].id
    outcome = migrations.Outcome("nabo", first.backfills["nabo"], ())
    assert not accounting.summarise([outcome], path.parents[1])["nabo"]["verified"]
