"""How files are taken up side by side: none waits for another, and a store that is down is not asked without end."""

import threading
from types import SimpleNamespace

import pytest

from migration_kit.accounting import State
from migration_kit.failures import TransientError
from migration_kit.ledger import Entry
from nabo_pipeline.media.plans import HAS_AVATAR, MIGRATE, PlanItem
from nabo_pipeline.steps import transfer
from nabo_pipeline.stores.pending import Pending


def pending(name, known=None, *, taken=False):
    item = PlanItem(name, MIGRATE, None, 1, "v", "image/png", "avatars", f"p/{name}", "avatar", owner="p")
    return Pending(item, known, taken)


def done(item):
    return Entry(item.item, "profile", State.MIGRATED, detail={"path": "x"})


def test_a_file_that_takes_long_lets_all_the_others_pass(monkeypatch):
    others, passed = 50, threading.Event()
    count = iter(range(1, others + 1))

    def carry(_, item, __):
        if item.item == "slow":
            assert passed.wait(30)
        elif next(count) == others:
            passed.set()
        return done(item)

    monkeypatch.setattr(transfer, "carry", carry)
    files = (pending(name) for name in ("slow", *map(str, range(others))))
    assert len(list(transfer.carry_wave(None, files, threads=2))) == others + 1


def test_files_are_drawn_only_as_others_are_done(monkeypatch):
    drawn, finished = [], []

    def files():
        for number in range(200):
            drawn.append(number)
            assert len(drawn) - len(finished) <= 2 * 3 + 1
            yield pending(str(number))

    monkeypatch.setattr(transfer, "carry", lambda _, item, __: done(item))
    finished.extend(transfer.carry_wave(None, files(), threads=3))
    assert len(finished) == 200


def test_a_store_that_is_down_judges_nobody_and_is_not_asked_without_end(monkeypatch):
    asked = []

    def carry(_, item, __):
        asked.append(item.item)
        if item.item == "0":
            return done(item)
        raise TransientError("down", item=item.item)

    monkeypatch.setattr(transfer, "carry", carry)
    outcomes = []
    with pytest.raises(TransientError, match="down"):
        outcomes.extend(transfer.carry_wave(None, map(pending, map(str, range(1000))), threads=2))
    assert [one.entry.item for one in outcomes] == ["0"]
    assert len(asked) < transfer.MOST_FAILURES + 10


def test_a_file_whose_owner_has_an_avatar_is_not_even_read_unless_it_is_ours(monkeypatch):
    monkeypatch.setattr(transfer, "carry", lambda _, item, __: done(item))
    carrier = SimpleNamespace(
        outcome=lambda item, state, reason: Entry(item.item, "profile", state, reason),
    )
    ours = done(pending("ours").item)
    files = [pending("new", taken=True), pending("ours", ours, taken=True), pending("free")]
    found = {
        one.entry.item: (one.entry.state, one.entry.reason)
        for one in transfer.carry_wave(carrier, files, threads=1)
    }
    assert found == {
        "new": (State.EXCLUDED, HAS_AVATAR), "ours": (State.MIGRATED, None), "free": (State.MIGRATED, None),
    }  # fmt: skip
