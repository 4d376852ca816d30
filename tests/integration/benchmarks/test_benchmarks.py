"""The measurements themselves: on a few small pictures they run to their end and give every figure."""

import json
from types import SimpleNamespace

import pytest
from bson import ObjectId
from pymongo import MongoClient

from benchmarks import nabo, registry, registry_scale
from benchmarks.__main__ import table
from benchmarks.registry_content import require_migrated


@pytest.fixture
def environment(servers, storage, postgres_url, monkeypatch):
    """What the runner hands to a benchmark, with the smallest of everything."""
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    return {
        "NABO_DATABASE_URL": postgres_url,
        "SUPABASE_URL": storage.url,
        "SUPABASE_SERVICE_ROLE_KEY": storage.service_role_key,
        "BENCH_STACK": str(servers.data_dir),
        "BENCH_PICTURES": "small",
        "BENCH_FILES": "3",
        "BENCH_ITEMS": "12",
    }


def test_both_ways_carry_the_same_pictures_and_every_figure_comes(environment):
    figures = nabo.run(environment | {"BENCH_PARTS": "ways,memory"})
    assert figures["failed"] == {}
    assert set(nabo.GOALS) - {"recheck_per_s"} <= set(figures)
    assert figures["pictures"] == sum(figures["formats"].values()) == 3
    assert figures["second_run_writes"] == 0
    assert 0 < figures["codecs_checks_cpu_s"] < figures["codecs_cpu_s"]
    assert figures["similarity_worst"] > 0.9
    assert json.loads(json.dumps(figures)) == figures


def test_done_items_are_rechecked_and_a_part_that_fails_is_named_without_losing_the_others(
    environment, monkeypatch
):
    monkeypatch.setenv("PATH", "")  # neither file nor ImageMagick
    figures = nabo.run(environment | {"BENCH_PARTS": "recheck,ways"})
    assert figures["recheck_items"] == 12
    assert figures["recheck_per_s"] > 0
    assert list(figures["failed"]) == ["ways"]


def test_a_goal_that_is_missed_is_shown_as_such_and_a_figure_without_a_goal_is_only_shown():
    figures = {"peak_mib": 601.0, "saved_percent": 30.0, "formats": {"png": 3}, "failed": {}}
    shown = list(table("nabo", figures, nabo.GOALS))
    assert [line.split()[1] for line in shown] == ["saved_percent", "peak_mib", "formats"]
    assert shown[0].endswith(">= 30: met")
    assert shown[1].endswith("< 600: NOT MET")


def test_the_registry_is_migrated_against_bare_copies_and_every_figure_comes(servers, monkeypatch, tmp_path):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    uri = servers["mongo"].url
    places = {"REGISTRY_STAGING_URI": uri, "REGISTRY_DEVELOPMENT_URI": uri}
    parts = registry_scale.large(places, tmp_path, 600)
    figures = {**next(parts), **next(parts)}
    parts.close()  # before the second migration: the tests of the pipeline have that
    assert set(registry.GOALS) - {"plan_size_s"} <= set(figures)
    assert figures["large_n"] == sum(figures["outcomes"].values()) == 600
    assert len(figures["plain_copies_s"]) > 3
    assert json.loads(json.dumps(figures)) == figures


ID, STAR, SONG = ObjectId("5" * 24), "S.001.002.001", "G.001.002.001"
SOURCE = {
    "_id": ID,
    "layer": "C",
    "name": f"C.FUL.POP.001:{SONG}:{STAR}",
    "nna_address": "C.001.001.001",
    "rights": '{"share":1}',
    "components": [SONG, STAR],
}
PARTS = [
    {"_id": ObjectId(digit * 24), "layer": one[0], "name": one, "nna_address": one, "components": []}
    for digit, one in (("1", SONG), ("2", STAR))
]
ADDED = {"creatorDescription": None, "albumArt": None, "aiMetadata": None}
MADE = SOURCE | ADDED | {"rights": {"share": 1}, "componentAnalysis": {"totalComponents": 2}}


@pytest.mark.parametrize(
    ("made", "state", "told"),
    [
        (MADE, "migrated", None),
        (MADE | {"nna_address": "C.001.001.002"}, "migrated", "nna_address is another"),
        (MADE | {"rights": SOURCE["rights"]}, "migrated", "rights is another"),
        (MADE | {"extra": 1}, "migrated", "extra"),
        (MADE | {"creatorDescription": "x" * 501}, "migrated", "too long"),
        (MADE | {"components": [STAR, SONG]}, "migrated", "others"),
        (MADE | {"components": [SONG, "S.001.002.999"]}, "migrated", "not all are in development"),
        (MADE, "held", "in development: True"),
        (None, "migrated", "in development: False"),
        (MADE, None, "part at"),
    ],
)
def test_what_was_measured_must_be_a_migration(mongo, made, state, told):
    with MongoClient(mongo.uri) as client:
        here = SimpleNamespace(staging=client[mongo.staging], development=client[mongo.development])
        here.staging["assets"].insert_many([*PARTS, SOURCE])
        parts = [part | ADDED | ({"musicMetadata": {}} if part["layer"] == "G" else {}) for part in PARTS]
        here.development["assets"].insert_many([*parts, made] if made else parts)
        states = ["migrated", "migrated", *([state] if state else [])]
        items = zip((*PARTS, SOURCE), states, strict=False)
        here.development["migration_ledger"].insert_many(
            [{"_id": str(one["_id"]), "state": state} for one, state in items]
        )
        if told is None:
            assert require_migrated(here, 3) == {"migrated": 3}
        else:
            with pytest.raises(RuntimeError, match=told):
                require_migrated(here, 3)
