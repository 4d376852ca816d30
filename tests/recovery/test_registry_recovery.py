"""A registry's migration that is killed anywhere, or loses its server, and is run again leaves what others leave.

The undisturbed run tells which commands write; runs are killed before the first and the last of each kind of them in
each stage, and before some by chance.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.recovery.mortals import Mortals
from tests.recovery.registry_place import LAYERS, Place, State, made_place, stages_of

CHANCES = 2
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


def killed_one_after_the_other(made: Undisturbed, layer: str, stage: str) -> None:
    """In one place, a run after the other is killed before the first event of each kind, then one comes to its end."""
    place = made.place
    place.reset(made.before[layer, stage])
    for event in dict.fromkeys(made.events[layer, stage]):
        # The taxonomies are backed up as a layer is.
        if "taxonomies" not in event:
            assert place.killed_before(event, layer, stage), event
    assert place.finished(layer, stage) == made.after[layer, stage], stage


def killed_and_run_again(made: Undisturbed, stage: str, boundaries: Iterable[tuple[str, int]]) -> None:
    """A stage of the stars is killed once before each of these events, each time in its beginning's state."""
    place = made.place
    for event, nth in boundaries:
        place.reset(made.before["S", stage])
        assert place.killed_before(event, "S", stage, nth=nth), (event, nth)
        assert place.finished("S", stage) == made.after["S", stage], f"killed before {event} ({nth})"


def test_publishing_killed_before_any_write_or_commit_and_run_again_leaves_the_same(undisturbed):
    about = ("insert assets", "migration_ledger", "commitTransaction")
    boundaries = [one for one in undisturbed.boundaries("S", PUBLISHING["S"]) if one[0].endswith(about)]
    assert len(boundaries) == 2 * len(about)
    killed_and_run_again(undisturbed, PUBLISHING["S"], boundaries)


def test_a_migration_in_place_killed_before_any_write_or_commit_and_run_again_keeps_each_preimage(in_place):
    stage = PUBLISHING["S"]
    commands = ("insert migration_preimages", "update assets", "insert migration_ledger", "commitTransaction")
    seen = Counter(in_place.events["S", stage])
    boundaries = [(f"{stage}: {command}", seen[f"{stage}: {command}"]) for command in commands]
    assert all(nth for _, nth in boundaries), seen
    killed_and_run_again(in_place, stage, [*boundaries, (f"{stage}: commitTransaction", 1)])


def test_runs_killed_one_after_the_other_before_every_other_write_and_commit_lose_nothing(undisturbed):
    for stage in stages_of("S"):
        if stage != PUBLISHING["S"]:
            killed_one_after_the_other(undisturbed, "S", stage)


@pytest.mark.parametrize(
    ("layer", "stage"),
    [("G", "song_enrichment"), ("G", "song_candidates"), ("C", "composite_candidates"), ("C", "composites")],
)
def test_songs_and_composites_killed_while_they_are_planned_and_published_lose_nothing(
    undisturbed, layer, stage
):
    killed_one_after_the_other(undisturbed, layer, stage)


def rolled_back(made: Undisturbed, layer: str, job: str) -> Undisturbed:
    """A layer that is migrated, and what taking it back does to it when nothing disturbs that."""
    beginning = made.before[layer, "reconciliation"]
    made.place.reset(beginning)
    ended = made.place.run(layer, job)
    assert ended["success"], ended["failures"]
    assert occurs(ended["events"], "migration_rolled_back", "migration_ledger", "migration_verdicts")
    key = (layer, job)
    return Undisturbed(made.place, {key: beginning}, {key: made.place.stands()}, {key: ended["events"]})


def test_a_rollback_killed_before_every_kind_of_write_and_commit_and_run_again_leaves_the_same(undisturbed):
    taken_back = rolled_back(undisturbed, "C", "rollback_composites")
    killed_one_after_the_other(taken_back, "C", "rollback_composites")


def test_a_rollback_in_place_killed_before_the_last_write_or_commit_of_a_kind_gives_back_the_same(in_place):
    taken_back = rolled_back(in_place, "S", "rollback_components")
    last = Counter(taken_back.events["S", "rollback_components"]).items()
    killed_and_run_again(taken_back, "rollback_components", last)


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
