"""Progress as it happens: one look a second for all viewers of a process, none without viewers."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from pymongo import monitoring

from asset_registry_pipeline.desk.live import Live
from asset_registry_pipeline.desk.watching import QUEUE_EVERY, Remembered, Watched
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.progress import Progress, Status
from migration_kit.failures import TransientError
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.conftest import Served

READS = ("find", "aggregate", "count", "getMore")


class Counted(monitoring.CommandListener):
    """The reads that were sent to a server."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in READS:
            self.reads.append(f"{event.command_name} {event.command[event.command_name]}")

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing more is asked."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing more is asked."""


@pytest.fixture
def counted(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Registry, Registry, Counted]]:
    """A registry that is written to; the same one as the desk has it open, whose reads are counted."""
    world = make_world(layers=dict.fromkeys("SLWMGC", 2), dirt=False)
    with world.registry() as written:
        written.queue.install()
        listener = Counted()
        monkeypatch.setattr(monitoring, "_LISTENERS", monitoring._Listeners([listener], [], [], [], []))
        with world.registry() as read:
            listener.reads.clear()
            yield written, read, listener


class Clock:
    """A clock that the test moves on, and a sleep that waits for it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asleep: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        waiting = (self.now + seconds, asyncio.Event())
        self.asleep.append(waiting)
        try:
            await waiting[1].wait()
        finally:
            self.asleep.remove(waiting)

    def move_to(self, now: float) -> None:
        self.now = now
        for at, event in self.asleep:
            if at <= now:
                event.set()

    async def somebody_sleeps(self) -> None:
        while not any(at > self.now for at, _ in self.asleep):  # noqa: ASYNC110 - it is another thread that is awaited
            await asyncio.sleep(0.001)


def test_fifty_viewers_cost_one_query_a_second_and_nobody_looks_when_they_are_gone(
    counted: tuple[Registry, Registry, Counted],
) -> None:
    written, read, listener = counted
    clock, seconds, seen = Clock(), 2 * QUEUE_EVERY, [0] * 50
    live = Live(Watched(read).look, every=1.0, clock=lambda: clock.now, sleep=clock.sleep)

    async def view(number: int) -> None:
        async for layers in live.pictures():
            seen[number] = layers[0].migrated

    async def scenario() -> None:
        viewers = [asyncio.create_task(view(number)) for number in range(len(seen))]
        for second in range(1, seconds + 1):
            await clock.somebody_sleeps()
            assert len(listener.reads) == second
            written.progress.save(Progress("S", 100, second, 0, Status.IN_PROGRESS))
            clock.move_to(float(second))
        while set(seen) != {seconds}:  # noqa: ASYNC110 - fifty viewers, each in its own time
            await asyncio.sleep(0.001)
        assert live.viewers == len(seen)

        for viewer in viewers:
            viewer.cancel()
        await asyncio.gather(*viewers, return_exceptions=True)
        looks = len(listener.reads)
        clock.move_to(1_000.0)
        await asyncio.sleep(0.02)
        assert (live.viewers, len(listener.reads)) == (0, looks)

    asyncio.run(scenario())

    assert sum("migration_queue" in read for read in listener.reads) == 2


def test_a_look_that_failed_is_no_end_and_a_viewer_who_comes_late_sees_the_newest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pictures = iter([TransientError("the server is away"), (1,), (1,), (2,)])
    clock = Clock()

    def look() -> tuple[int, ...]:
        found = next(pictures, (2,))
        if isinstance(found, Exception):
            raise found
        return found

    async def scenario() -> list[tuple[int, ...]]:
        live = Live(look, clock=lambda: clock.now, sleep=clock.sleep)
        first = live.pictures()
        waiting = asyncio.ensure_future(anext(first))
        seen = []
        for second in (1.0, 2.0, 3.0):
            await clock.somebody_sleeps()
            clock.move_to(second)
        seen.append(await waiting)
        seen.append(await anext(first))
        late = live.pictures()
        seen.append(await anext(late))
        await first.aclose()
        await late.aclose()
        return seen

    assert asyncio.run(scenario()) == [(1,), (2,), (2,)]
    assert "the server is away" in caplog.text


def test_who_comes_after_a_pause_is_never_shown_as_live_what_was_seen_before_it(world: World) -> None:
    clock = Clock()

    async def first_picture(live: Live[Any]) -> int:
        pictures = live.pictures()
        waiting = asyncio.ensure_future(anext(pictures))
        while not waiting.done():
            clock.move_to(clock.now + 1.0)
            await asyncio.sleep(0.001)
        await pictures.aclose()
        return int(waiting.result()[0].migrated)

    async def scenario() -> list[int]:
        with world.registry() as registry:
            watched = Watched(registry, lambda: clock.now)
            live = Live(watched.look, clock=lambda: clock.now, sleep=clock.sleep)
            seen = []
            for migrated in (1, 2):
                registry.progress.save(Progress("S", 100, migrated, 0, Status.IN_PROGRESS))
                seen.append(await first_picture(live))
                clock.move_to(clock.now + 3_600)
            return seen

    assert asyncio.run(scenario()) == [1, 2]


def test_what_costs_much_is_asked_by_one_at_a_time_and_remembered_for_seconds() -> None:
    now, asked, begun, finish = 0.0, 0, threading.Event(), threading.Event()

    def read() -> int:
        nonlocal asked
        asked += 1
        if asked == 2:
            begun.set()
            finish.wait(10)
        return asked

    remembered = Remembered(read, seconds=5.0, clock=lambda: now)
    assert [remembered.get(), remembered.get()] == [1, 1]
    now = 5.0
    with ThreadPoolExecutor(1) as other:
        slow = other.submit(remembered.get)
        assert begun.wait(10)
        assert remembered.get() == 1  # nobody waits for the one who asks
        finish.set()
        assert slow.result() == 2
    assert (remembered.get(), asked) == (2, 2)


def test_progress_arrives_at_a_viewer_as_it_is_made_and_its_stream_ends_whole_when_the_desk_stops(
    world: World, running_desk: Served
) -> None:
    viewer = running_desk.person("cora").client
    with closing(viewer), world.registry() as registry, viewer.stream("GET", "/events/progress") as events:
        assert events.headers["content-type"].startswith("text/event-stream")
        assert events.headers["cache-control"] == "no-store"
        registry.progress.save(Progress("S", 4_321, 1_234, 0, Status.IN_PROGRESS, "S.POP.<b>HPM</b>.001"))
        lines, text = events.iter_lines(), ""
        for line in lines:
            text += line
            if "1,234" in text:
                break
        running_desk.process.terminate()
        for _ in lines:
            pass  # what is cut off in the middle raises

    assert "event: progress" in text
    assert "<b>HPM" not in text
