"""A registry's migration that is killed anywhere, or loses its server, and is run again leaves what others leave.

The undisturbed run tells which commands write; runs are killed before the first and the last of each kind of them in
each stage, and before some by chance.
"""

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.recovery.mortals import Mortals
from tests.recovery.registry_place import LAYERS, Mongod, Place, State, made_place, stages_of

CHANCES = 3
DISTURBED = ("S", "G", "C")
PUBLISHING = {"S": "components", "G": "songs", "C": "composites"}


@dataclass
class Undisturbed:
    """A place; before each stage of the disturbed layers its state, after it what stands, and the stage's events."""

    place: Place
    before: dict[tuple[str, str], State] = field(default_factory=dict)
    after: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    events: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def boundaries(self, layer: str, stage: str) -> list[tuple[str, int]]:
        """The first and the last of each kind of a stage's events: (kind, which of its kind), in their order."""
        seen: Counter[str] = Counter()
        numbered = []
        for event in self.events[layer, stage]:
            seen[event] += 1
            numbered.append((event, seen[event]))
        return [(event, nth) for event, nth in numbered if nth in (1, seen[event])]


@pytest.fixture(scope="module")
def mongod() -> Iterator[Mongod]:
    """A server of one's own: it dies now and then, and its sessions are ended."""
    folder = Path(tempfile.mkdtemp(prefix="stack-of-recovery-"))
    running = Mongod(folder)
    yield running
    running.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def mortals() -> Iterator[Mortals]:
    forking = Mortals("registry")
    yield forking
    forking.close()


@pytest.fixture(scope="module")
def undisturbed(mongod, mortals, tmp_path_factory) -> Iterator[Undisturbed]:
    """A whole migration to another database that nothing disturbs."""
    with made_place(tmp_path_factory.mktemp("copy"), "default", mongod, mortals) as place:
        yield _migrated(place, LAYERS)


@pytest.fixture(scope="module")
def in_place(mongod, mortals, tmp_path_factory) -> Iterator[Undisturbed]:
    """A layer migrated where it is, that nothing disturbs."""
    with made_place(tmp_path_factory.mktemp("inplace"), "plan_001", mongod, mortals) as place:
        yield _migrated(place, "S")


def _migrated(place: Place, layers: Iterable[str]) -> Undisturbed:
    made = Undisturbed(place)
    for layer in layers:
        if layer not in DISTURBED:
            place.finished(layer)
            continue
        for stage in stages_of(layer):
            made.before[layer, stage] = place.state()
            ended = place.run(layer, stage)
            assert ended["success"], ended["failures"]
            made.events[layer, stage] = ended["events"]
            made.after[layer, stage] = place.stands()
    return made


def occurs(events: Sequence[str], *commands: str) -> bool:
    return all(any(command in event for event in events) for command in commands)


def killed_and_run_again(made: Undisturbed, *about: str) -> None:
    """Publishing of the stars, each time in its beginning's state, killed before each event that is about these."""
    place, stage = made.place, PUBLISHING["S"]
    boundaries = [one for one in made.boundaries("S", stage) if any(word in one[0] for word in about)]
    assert all(any(word in event for event, _ in boundaries) for word in about), boundaries
    for event, nth in boundaries:
        place.reset(made.before["S", stage])
        assert place.killed_before(event, "S", stage, nth=nth), (event, nth)
        assert place.finished("S", stage) == made.after["S", stage], f"killed before {event} ({nth})"


def test_publishing_killed_before_any_write_or_commit_and_run_again_leaves_the_same(undisturbed):
    killed_and_run_again(
        undisturbed, " assets", "migration_ledger", "commitTransaction", "migration_verdicts"
    )


def test_a_migration_in_place_killed_before_any_write_or_commit_and_run_again_keeps_each_preimage(in_place):
    killed_and_run_again(
        in_place, "update assets", "migration_ledger", "migration_preimages", "commitTransaction"
    )


def test_runs_killed_one_after_the_other_before_every_other_write_and_commit_lose_nothing(undisturbed):
    place = undisturbed.place
    for stage in stages_of("S"):
        if stage == PUBLISHING["S"]:
            continue
        place.reset(undisturbed.before["S", stage])
        # The last of a kind may be done already when its turn comes; the taxonomies are backed up as the layer is.
        boundaries = [one for one in undisturbed.boundaries("S", stage) if "taxonomies" not in one[0]]
        for event, nth in sorted(boundaries, key=lambda one: one[1] > 1):
            assert place.killed_before(event, "S", stage, nth=nth) or nth > 1, event
        assert place.finished("S", stage) == undisturbed.after["S", stage], stage


@pytest.mark.parametrize(("made", "layer"), [("undisturbed", "C"), ("in_place", "S")])
def test_a_rollback_killed_before_any_write_or_commit_and_run_again_leaves_the_same(made, layer, request):
    made = request.getfixturevalue(made)
    place, job = made.place, {"C": "rollback_composites", "S": "rollback_components"}[layer]
    place.reset(made.before[layer, "reconciliation"])
    ended = place.run(layer, job)
    assert ended["success"], ended["failures"]
    after = place.stands()
    assert occurs(ended["events"], "migration_rolled_back", "migration_ledger", "migration_verdicts")
    for event in dict.fromkeys(ended["events"]):
        place.reset(made.before[layer, "reconciliation"])
        assert place.killed_before(event, layer, job, nth=ended["events"].count(event)), event
        assert place.finished(layer, job) == after, f"killed before the last {event}"


@pytest.mark.parametrize("layer", ["G", "C"])
def test_songs_and_composites_killed_while_they_are_planned_and_published_lose_nothing(undisturbed, layer):
    place = undisturbed.place
    stages = stages_of(layer)
    for stage in (stages[stages.index(PUBLISHING[layer]) - 1], PUBLISHING[layer]):
        place.reset(undisturbed.before[layer, stage])
        for event in dict.fromkeys(undisturbed.events[layer, stage]):
            assert place.killed_before(event, layer, stage), event
        assert place.finished(layer, stage) == undisturbed.after[layer, stage], stage


def test_a_layer_killed_at_random_and_run_again_from_its_beginning_leaves_the_same(undisturbed):
    place, chance = undisturbed.place, random.Random(4)
    for layer in chance.choices(DISTURBED, k=CHANCES):
        stages = stages_of(layer)
        events = [event for stage in stages for event in undisturbed.events[layer, stage]]
        moment = chance.randrange(2, len(events))
        place.reset(undisturbed.before[layer, stages[0]])
        assert place.killed_before(moment, layer)
        told = f"{layer} killed before event {moment}: {events[moment - 1]}"
        assert place.finished(layer) == undisturbed.after[layer, stages[-1]], told


def test_a_server_that_dies_in_the_middle_of_any_stage_and_comes_back_costs_at_most_another_run(undisturbed):
    place, layer = undisturbed.place, "S"
    place.reset(undisturbed.before[layer, stages_of(layer)[0]])
    for stage in stages_of(layer):
        events = undisturbed.events[layer, stage]
        place.restarted_before(events[len(events) // 2], layer, stage)
        assert place.finished(layer, stage) == undisturbed.after[layer, stage], stage
