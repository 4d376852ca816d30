"""What every ledger promises, asked of PostgreSQL and of MongoDB alike."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from migration_kit.accounting import State
from migration_kit.gates import Verdict, VerdictStatus
from migration_kit.ledger import Entry, Plan


def entry(
    item, state=State.MIGRATED, *, partition="profile", reason=None, run="run-1", batch="batch-1", **more
):
    return Entry(item, partition, state, reason, run_id=run, batch_id=batch, **more)


def test_an_entry_comes_back_as_it_was_recorded(ledger):
    written = entry(
        "a", source_hash="1" * 64, target_hash="2" * 64, detail={"bytes": 12, "name": "blåbær \u200b"}
    )
    assert ledger.record([written]) == 1
    assert ledger.entry("a") == written
    assert ledger.entry("b") is None


def test_a_record_that_says_the_same_is_not_rewritten_and_keeps_its_run(ledger):
    ledger.record([entry("a", detail={"bytes": 12})])
    assert ledger.record([entry("a", detail={"bytes": 12}, run="run-2", batch="batch-2")]) == 0
    assert ledger.entry("a").run_id == "run-1"


def test_a_record_that_says_something_new_replaces_the_old_one(ledger):
    ledger.record([entry("a", State.QUARANTINED, reason="truncated")])
    assert ledger.record([entry("a", run="run-2", batch="batch-2")]) == 1
    kept = ledger.entry("a")
    assert (kept.state, kept.reason, kept.run_id) == (State.MIGRATED, None, "run-2")


def test_entries_are_streamed_in_order_and_by_partition_and_state(ledger):
    ledger.record(entry(f"{number:05}") for number in reversed(range(2500)))
    ledger.record([entry("x", State.EXCLUDED, reason="no mapping"), entry("y", partition="chat")])
    assert [one.item for one in ledger.entries(partition="profile", states=[State.MIGRATED])] == [
        f"{number:05}" for number in range(2500)
    ]
    assert [one.item for one in ledger.entries(states=[State.EXCLUDED])] == ["x"]
    assert [one.item for one in ledger.entries(partition="chat")] == ["y"]


def test_entries_of_given_items_are_those_that_have_one(ledger):
    ledger.record([entry("a"), entry("b"), entry("c", partition="chat")])
    assert [one.item for one in ledger.entries(items=["c", "a", "missing"])] == ["a", "c"]
    assert [one.item for one in ledger.entries(items=["c", "a"], partition="chat")] == ["c"]
    assert list(ledger.entries(items=[])) == []


def test_counts_add_up_by_state_and_reason(ledger):
    ledger.record(
        [
            entry("a"),
            entry("b"),
            entry("c", State.EXCLUDED, reason="no mapping"),
            entry("d", State.HELD, reason="no words yet", partition="chat"),
        ]
    )
    assert sorted(ledger.counts()) == [
        (State.EXCLUDED, "no mapping", 1),
        (State.HELD, "no words yet", 1),
        (State.MIGRATED, None, 2),
    ]
    assert ledger.counts(partition="chat") == [(State.HELD, "no words yet", 1)]


def test_what_an_earlier_batch_migrated_counts_as_already_present_in_this_one(ledger):
    ledger.record([entry("a"), entry("b", State.MERGED), entry("c", State.EXCLUDED, reason="no mapping")])
    ledger.record([entry("d", batch="batch-2")])
    assert {state: items for state, _, items in ledger.counts(batch_id="batch-2")} == {
        State.ALREADY_PRESENT: 2,
        State.EXCLUDED: 1,
        State.MIGRATED: 1,
    }


def test_two_writers_at_once_write_each_item_once(ledger, open_ledger):
    entries = [entry(f"{number:03}") for number in range(300)]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ledger.record, entries)
        second = pool.submit(open_ledger().record, list(reversed(entries)))
        written = [first.result(), second.result()]
    assert sum(written) == 300
    assert sum(items for _, _, items in ledger.counts()) == 300


def test_the_newest_plan_is_the_plan(ledger):
    plan = Plan("profile", "f1", "s1", 3, {"bytes": 9}, "run-1")
    ledger.save_plan(plan)
    ledger.save_plan(replace(plan, fingerprint="f2"))
    assert ledger.plan("profile") == replace(plan, fingerprint="f2")
    assert ledger.plan("chat") is None


def test_a_gate_follows_the_newest_verdict(ledger):
    passed = Verdict.now("images", "profile", "c1", VerdictStatus.PASSED, "run-1")
    assert not ledger.gate("images", ["profile"]).open
    ledger.begin_verdict("images", "profile", "c1", "run-1")
    assert "lost" in ledger.gate("images", ["profile"]).closed[0].why
    ledger.publish(passed)
    assert ledger.gate("images", ["profile"]).accepted == {"profile": "c1"}
    ledger.record_verdict(replace(passed, status=VerdictStatus.FAILED, candidate="c2"))
    assert not ledger.gate("images", ["profile"]).open
    assert ledger.publications("images") == {"profile": "c1"}


def test_what_was_rolled_back_closes_its_gate_until_it_passes_again(ledger):
    passed = Verdict.now("images", "profile", "c1", VerdictStatus.PASSED, "run-1")
    ledger.publish(passed)
    ledger.record_verdict(replace(passed, status=VerdictStatus.ROLLED_BACK, run_id="run-2"))
    (closed,) = ledger.gate("images", ["profile"]).closed
    assert closed.why.startswith("rolled back at ")
    assert closed.why.endswith("by run run-2")
    ledger.publish(passed)
    assert ledger.gate("images", ["profile"]).open


def test_the_newest_verdict_is_the_last_to_arrive_whatever_the_clocks_of_its_machines_say(mongo):
    from bson import ObjectId

    from migration_kit.ledger.mongo import MongoLedger
    from migration_kit.mongo import connect

    passed = Verdict.now("images", "profile", "c1", VerdictStatus.PASSED, "run-1")
    with connect(mongo.uri) as client:
        ledger = MongoLedger(client[mongo.development])
        ledger.install()
        ledger.publish(passed)
        rows = client[mongo.development]["migration_verdicts"]
        fast = rows.find_one_and_delete({}) | {
            "_id": ObjectId("f" * 24)
        }  # as a machine whose clock runs fast
        rows.insert_one(fast)
        ledger.record_verdict(replace(passed, status=VerdictStatus.FAILED, at=passed.at - timedelta(hours=1)))
        assert not ledger.gate("images", ["profile"]).open


def test_the_gate_of_one_stage_says_nothing_about_another(ledger):
    ledger.publish(Verdict.now("images", "profile", "c1", VerdictStatus.PASSED, "run-1"))
    assert not ledger.gate("records", ["profile"]).open


def test_installing_twice_keeps_what_is_there(ledger):
    ledger.record([entry("a")])
    ledger.install()
    assert ledger.entry("a") is not None


def test_an_outcome_rolls_back_with_the_transaction_that_made_it(postgres_url):
    from migration_kit.ledger.postgres import PostgresLedger
    from migration_kit.postgres import connect

    ledger = PostgresLedger(postgres_url, "nabo_migration")
    ledger.install()
    with connect(postgres_url) as connection, pytest.raises(ZeroDivisionError), connection.transaction():
        ledger.record([entry("a")], connection=connection)
        _ = 1 / 0
    assert ledger.entry("a") is None
    ledger.close()


def test_an_excluded_item_needs_a_reason_in_postgresql(postgres_url):
    from psycopg.errors import CheckViolation

    from migration_kit.ledger.postgres import PostgresLedger

    ledger = PostgresLedger(postgres_url, "nabo_migration")
    ledger.install()
    with pytest.raises(CheckViolation):
        ledger.record([entry("a", State.EXCLUDED)])
    ledger.close()


def test_a_record_that_is_overtaken_between_its_look_and_its_write_is_met_again_and_has_its_say(mongo):
    from migration_kit.ledger.mongo import MongoLedger
    from migration_kit.mongo import connect

    with connect(mongo.uri) as client:
        ledger, other = MongoLedger(client[mongo.development]), MongoLedger(client[mongo.development])
        ledger.install()
        look = ledger._outcomes.find

        def overtaken(*asked, **more):
            seen = list(look(*asked, **more))
            ledger._outcomes.find = look
            other.record(
                [entry("a", run="theirs"), entry("c", State.QUARANTINED, reason="late", run="theirs")]
            )
            return seen

        ledger.record([entry("c", State.HELD, reason="early")])
        ledger._outcomes.find = overtaken
        written = ledger.record([entry("a", run="mine"), entry("b", run="mine"), entry("c", run="mine")])
        assert written == 2
        assert [(one.item, one.state, one.run_id) for one in ledger.entries()] == [
            ("a", State.MIGRATED, "theirs"),
            ("b", State.MIGRATED, "mine"),
            ("c", State.MIGRATED, "mine"),
        ]


def test_records_that_are_only_added_are_refused_where_an_item_has_one_and_states_are_told_by_item(mongo):
    from pymongo.errors import BulkWriteError

    from migration_kit.ledger.mongo import MongoLedger
    from migration_kit.mongo import connect

    with connect(mongo.uri) as client:
        ledger = MongoLedger(client[mongo.development])
        ledger.install()
        ledger.add([entry("a"), entry("b", State.HELD, reason="no words yet")])
        with pytest.raises(BulkWriteError):
            ledger.add([entry("a", State.EXCLUDED, reason="other")])
        ledger.add([entry("c", partition="chat")])
        assert sorted(ledger.states("profile", ["b", "a", "c", "missing"])) == [
            ("a", State.MIGRATED, None, "batch-1"),
            ("b", State.HELD, "no words yet", "batch-1"),
        ]
