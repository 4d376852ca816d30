"""What the queue asks of the server is answered by indexes, in their order; nothing is sorted or scanned as a whole."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient, monitoring

from asset_registry_pipeline.registry.roles import Actor, Role
from asset_registry_pipeline.stores.claims import ClaimStore
from asset_registry_pipeline.stores.curation import CurationStore
from asset_registry_pipeline.stores.decisions import DecisionStore
from asset_registry_pipeline.stores.queue import QueueStore, Wanted
from tests.integration.asset_registry_pipeline.curation.conftest import NOW

ROWS = 3_000
ANN = Actor("ann", Role.CURATOR)
WANTED = [
    Wanted("S", "open"),
    Wanted(None, "open"),
    Wanted("S", "decided"),
    Wanted("S", "open", "required"),
    Wanted(None, "open", "required"),
    Wanted("S", "claimed", claimed_by="ann"),
    Wanted(None, "claimed", claimed_by="ann"),
]


class _Commands(monitoring.CommandListener):
    """The commands about the queue, as they were sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in ("find", "findAndModify", "aggregate", "update", "count"):
            self.sent.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """What came back is not looked at."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """What came back is not looked at."""


@pytest.fixture(scope="module")
def commands() -> _Commands:
    return _Commands()


@pytest.fixture(scope="module")
def database(mongo_of_module: Any, commands: _Commands) -> Iterator[Any]:
    """A queue of a few thousand rows, most of them open."""
    with MongoClient[dict[str, Any]](
        mongo_of_module.uri, tz_aware=True, event_listeners=[commands]
    ) as client:
        database = client[mongo_of_module.development]
        QueueStore(database).install()
        DecisionStore(database).install()
        CurationStore(database).install()
        database["migration_queue"].insert_many([_row(number) for number in range(ROWS)])
        yield database


def _row(number: int) -> dict[str, Any]:
    layer = "SLWMG"[number % 5]
    state = {0: "decided", 1: "claimed"}.get(number % 17, "open")
    row = {
        "_id": f"{layer}|{layer}.POP.HPM.{number:06}|{layer}.001.007.{number:06}", "layer": layer, "state": state,
        "item": f"{number:024x}", "name": f"{layer}.POP.HPM.{number:06}", "nna_address": f"{layer}.001.007.{number}",
        "label": "x", "source_hash": "h", "asks": ["required", "no_description"], "blocks": number % 40,
        "words": [f"{layer}.pop.hpm.{number:06}".lower(), "common", f"rare{number // 3}"], "version": 1,
        "identifier": number, "hint": "",
    }  # fmt: skip
    return row | ({"claimed_by": "ann", "lease_until": NOW} if state == "claimed" else {})


def _stages(plan: Any) -> Iterator[str]:
    if isinstance(plan, dict):
        if "stage" in plan:
            yield plan["stage"]
        for value in plan.values():
            yield from _stages(value)
    elif isinstance(plan, list):
        for value in plan:
            yield from _stages(value)


def _explained(database: Any, command: dict[str, Any]) -> tuple[set[str], int]:
    """The stages of a command's plan, and how many index keys it looked at."""
    plain = {
        name: value
        for name, value in command.items()
        if name not in ("lsid", "$clusterTime", "$db", "txnNumber")
    }
    told = database.command("explain", plain, verbosity="executionStats")
    return {*_stages(told)}, told["executionStats"]["totalKeysExamined"] if "executionStats" in told else 0


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_a_page_is_read_from_an_index_in_its_order_and_no_further_than_it_shows(
    database: Any, commands: _Commands, wanted: Wanted
) -> None:
    queue = QueueStore(database)
    middle = queue.page(wanted, after=None, most=10)[-1]
    for after in (None, (middle["blocks"], middle["_id"])):
        commands.sent.clear()
        rows = queue.page(wanted, after=after, most=51)
        stages, keys = _explained(database, commands.sent[0])
        assert "IXSCAN" in stages
        assert not stages & {"COLLSCAN", "SORT"}
        assert rows
        # An item that is asked for two reasons is met twice; of claims, all are one person's own.
        assert keys <= 2 * len(rows) or (wanted.claimed_by and keys <= ROWS // 17 + 1)
        if after is not None:
            assert [(-one["blocks"], one["_id"]) for one in rows] == sorted(
                (-one["blocks"], one["_id"]) for one in rows
            )
            assert (-rows[0]["blocks"], rows[0]["_id"]) > (-middle["blocks"], middle["_id"])


def test_the_next_item_is_claimed_by_one_look_into_an_index(database: Any, commands: _Commands) -> None:
    for wanted in WANTED[:2] + WANTED[3:5]:
        commands.sent.clear()
        taken = ClaimStore(database).take_next(wanted, "ann", NOW, NOW)
        assert taken is not None
        command = next(one for one in commands.sent if "findAndModify" in one)
        stages, keys = _explained(database, command)
        assert not stages & {"COLLSCAN", "SORT"}
        assert keys <= 4
        database["migration_queue"].update_one({"_id": taken["_id"]}, {"$set": {"state": "open"}})


def test_ended_leases_names_and_counts_are_looked_up_in_indexes_too(
    database: Any, commands: _Commands
) -> None:
    queue, claims = QueueStore(database), ClaimStore(database)
    names = [row["name"] for row in queue.page(Wanted("S"), after=None, most=20)]
    asked = {
        "ended leases": lambda: claims.free_what_is_over(NOW.replace(year=2000)),
        "names": lambda: queue.called(names),
        "count": lambda: queue.count(Wanted("S", "open"), 10_000),
        "counts": queue.counts,
    }
    for what, ask in asked.items():
        commands.sent.clear()
        ask()
        assert commands.sent, what
        for command in commands.sent:
            stages, _ = _explained(database, command)
            assert not stages & {"COLLSCAN", "SORT"}, what
            if what == "counts":
                assert "FETCH" not in stages


@pytest.mark.parametrize(
    ("text", "rare"), [("rare7", True), ("s.pop.hpm.0000", True), ("common", False), ("c", False)]
)
def test_a_search_looks_at_few_rows_whether_the_word_is_rare_or_common(
    database: Any, commands: _Commands, monkeypatch: pytest.MonkeyPatch, text: str, rare: bool
) -> None:
    monkeypatch.setattr("asset_registry_pipeline.stores.queue.MOST_SORTED", 100)
    queue, wanted = QueueStore(database), Wanted("S", "open", words=(text,))
    commands.sent.clear()
    rows = queue.page(wanted, after=None, most=51)
    assert rows
    assert queue.count(wanted, 10_000) <= 1_000
    assert [(-one["blocks"], one["_id"]) for one in rows] == sorted(
        (-one["blocks"], one["_id"]) for one in rows
    )
    for command in commands.sent:
        stages, _ = _explained(database, command)
        assert "COLLSCAN" not in stages
        if "sort" in command and "hint" in command and rare:
            # What is sorted was counted before, and stands in the index: no row is read for it.
            assert "SORT" in stages
            assert "FETCH" not in stages
        else:
            assert "SORT" not in stages


def test_pages_of_a_search_follow_each_other_without_a_gap(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, wanted = QueueStore(database), Wanted("S", "open", words=("common", "s.pop"))
    every = [row["_id"] for row in queue.page(wanted, after=None, most=ROWS)]

    def all_pages() -> list[str]:
        found: list[str] = []
        after = None
        while rows := queue.page(wanted, after=after, most=40):
            found += [row["_id"] for row in rows]
            after = rows[-1]["blocks"], rows[-1]["_id"]
        return found

    assert len(every) > 100
    assert all_pages() == every
    # The other way, for what very many items have: along the index of the queue's order.
    monkeypatch.setattr("asset_registry_pipeline.stores.queue.MOST_SORTED", 10)
    assert all_pages() == every
