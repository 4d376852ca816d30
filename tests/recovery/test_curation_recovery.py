"""1,000 decisions by curators whose processes are killed and whose connections are cut: no word is lost or torn."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from pymongo import MongoClient

from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import CLAIMED, DECIDED, OPEN
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import opened
from asset_registry_pipeline.stores.settings import Settings
from tests.recovery.curation_mortal import ACKNOWLEDGED, words_about
from tests.recovery.cut_connections import Way, way_to
from tests.recovery.mortals import Mortals
from tests.recovery.registry_place import Mongod

DECISIONS, CURATORS = 1_000, 4
MOST_RUNS = 60
TAXONOMY = {
    "layer": "S",
    "name": "Stars",
    "categories": {
        "001": {"code": "POP", "name": "Pop", "subcategories": {"007": {"code": "HPM", "name": "Hits"}}}
    },
}
_EVENTS_OF_ONE = 5
"""Writes that one decision takes, with the note that it was acknowledged; for where a process is killed."""


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    forking = Mortals("curation")
    yield forking
    forking.close()


def _asset(number: int) -> dict[str, Any]:
    return {
        "_id": ObjectId(),
        "layer": "S",
        "name": f"S.POP.HPM.{number:04}",
        "nna_address": f"S.001.007.{number:04}",
    }


def _row(asset: dict[str, Any]) -> dict[str, Any]:
    return {
        "_id": f"S|{asset['name']}|{asset['nna_address']}", "layer": "S", "item": str(asset["_id"]),
        "identifier": asset["_id"], "label": asset["name"], "name": asset["name"], "hint": "", "blocks": 0,
        "nna_address": asset["nna_address"], "source_hash": codec.content_hash(codec.encode(asset)),
        "asks": ["required"], "state": OPEN, "words": [], "version": 1,
    }  # fmt: skip


@pytest.fixture
def settings(mongod: Mongod) -> Settings:
    """A staging of 1,000 stars, and a queue that asks about each of them."""
    with MongoClient[Any](mongod.url) as client:
        assets = [_asset(number) for number in range(1, DECISIONS + 1)]
        client["curation-staging"]["assets"].insert_many(assets)
        client["curation-staging"]["taxonomies"].insert_one(TAXONOMY)
        client["curation-dev"]["migration_queue"].insert_many([_row(one) for one in assets])
        return Settings(
            staging_uri=mongod.url, staging_db="curation-staging",
            development_uri=mongod.url, development_db="curation-dev",
        )  # fmt: skip


def _through(way: Way, settings: Settings, url: str) -> dict[str, Any]:
    """The same settings over a way whose connections are cut."""
    address = f"mongodb://{urlsplit(url).hostname}:{way.port}/?directConnection=true"
    return asdict(settings) | {"staging_uri": address, "development_uri": address}


def test_every_decision_that_was_acknowledged_is_there_and_every_other_is_absent_or_whole(
    mongod: Mongod, mortals: Mortals, settings: Settings, tmp_path: Path
) -> None:
    chance = random.Random(7)
    with opened(settings) as registry, way_to(urlsplit(mongod.url).port or 0) as way:
        curation.install(registry)
        keys = [
            one["_id"]
            for one in MongoClient(mongod.url)["curation-dev"]["migration_queue"].find({}, {"_id": 1})
        ]
        killed: Counter[str] = Counter()
        torn: list[str] = []

        def work(number: int) -> None:
            notes, own = tmp_path / f"notes-{number}", keys[number::CURATORS]
            notes.touch()
            for _ in range(MOST_RUNS):
                left = [key for key in own if key not in {*notes.read_text().splitlines()}]
                if not left:
                    return
                at: Any = chance.randrange(1, 60 * _EVENTS_OF_ONE)
                if chance.random() < 0.3:
                    at = ACKNOWLEDGED
                order = {
                    "at": at,
                    "nth": chance.randrange(1, 40) if at == ACKNOWLEDGED else 1,
                    "happens": "death",
                }
                ended = mortals.run(
                    {}, name=f"curator {number}", keys=left, notes=str(notes),
                    settings=_through(way, settings, mongod.url), **order,
                )  # fmt: skip
                killed["killed" if ended["killed"] else "ended"] += 1
                assert ended["killed"] or ended["success"], ended["failures"]
                way.cut()
                # The server gives up what a dead client began after a minute; nobody waits for that here.
                registry.development.session().client.admin.command("killAllSessions", [])
                done = {*notes.read_text().splitlines()}
                at_hand = next((key for key in own if key not in done), own[-1])
                torn.extend(_wrong(registry, [at_hand], done))

        with ThreadPoolExecutor(CURATORS) as pool:
            for each in [pool.submit(work, number) for number in range(CURATORS)]:
                each.result()
        assert killed["killed"] >= 2 * CURATORS
        assert way.cuts > killed["killed"]
        assert torn == []
        acknowledged = {line for one in tmp_path.glob("notes-*") for line in one.read_text().splitlines()}
        assert acknowledged == {*keys}
        assert _wrong(registry, keys, acknowledged) == []


def _wrong(registry: Any, keys: list[str], acknowledged: set[str]) -> list[str]:
    """What of these is not as it was acknowledged, or not whole."""
    recorded = registry.decisions.recorded(keys)
    one_key = keys[0] if len(keys) == 1 else None
    log, _ = registry.audit.newest(key=one_key, before=None, most=10 * DECISIONS)
    audited = Counter(row["key"] for row in log)
    wrong = []
    for key in keys:
        one, row = recorded.get(key), registry.queue.get(key)
        if key in acknowledged and one is None:
            wrong.append(f"{key} was acknowledged and is lost")
        if one is not None:
            whole = one.decision.words == words_about(key) and one.revision == 1 and one.history == ()
            if not (whole and row["state"] == DECIDED and row["decided_by"] == one.decision.decided_by):
                wrong.append(f"{key} is there in part")
        elif row["state"] not in (OPEN, CLAIMED):
            wrong.append(f"{key} is {row['state']} without a decision")
        if audited[key] != (one is not None):
            wrong.append(f"{key} stands {audited[key]} times in the audit log")
    return wrong
