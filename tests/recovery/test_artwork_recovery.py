"""Each step of the artworks' migration killed at each of its boundaries, and run again: it leaves the same.

The undisturbed run of a step tells which boundaries there are: before each statement that writes, before each commit.
"""

import random
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from local_stack.servers import postgres
from local_stack.sources import artworks
from tests.recovery.mortals import Mortals

ROWS = 40
AT_ONCE = 2
STEPS = (
    "prepare",
    "fill",
    "compare",
    "back up",
    "switch",
    "roll back",
    "switch again",
    "validate",
    "clean up",
)
SAMPLED, SAMPLES = ("fill", "compare"), 3
"""Of these a few boundaries are tried, by chance: one slice is like the others. Of all other steps, every boundary."""
BEFOREHAND = {"clean up": ("wait",)}
"""What a copy of a database needs once more: it has statistics of its own."""
LEFT = {
    "outcomes": "SELECT item, partition, state, reason, source_hash, detail ->> 'merged_into' "
    "FROM artwork_migration.outcomes ORDER BY item",
    "clean rows": "SELECT id, customer_email, pet_name, generation_status, legacy - 'access_token' FROM {clean} "
    "ORDER BY id",
    "old rows": "SELECT to_jsonb(a) FROM {old} a ORDER BY id",
    "users": "SELECT email, is_anonymous FROM users ORDER BY 1",
    "orders": "SELECT o.id, a.id FROM orders o LEFT JOIN {served} a ON a.id = o.artwork_id ORDER BY 1",
    "triggers": "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal "
    "ORDER BY 1, 2",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "policies": "SELECT tablename, policyname, qual FROM pg_policies ORDER BY 1, 2",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
    "functions": "SELECT oid::regprocedure::text, md5(prosrc) FROM pg_proc "
    "WHERE pronamespace IN ('public'::regnamespace, 'artwork_migration'::regnamespace) ORDER BY 1",
    "phase": "SELECT phase FROM artwork_migration.phase",
}


@dataclass
class World:
    """Databases as they are before each step, and the process whose children die in copies of them."""

    mortals: Mortals
    server: Any
    reports: Path
    templates: dict[str, str] = field(default_factory=dict)

    def url(self, name: str) -> str:
        return postgres.database_url(self.server, name)

    def run(self, name: str, *steps: str, **order: Any) -> dict[str, Any]:
        environment = {"ARTWORK_DATABASE_URL": self.url(name), "REPORTS_PATH": str(self.reports)}
        return self.mortals.run(environment, steps=steps, **order)

    def begun(self, name: str, step: str) -> None:
        """What the step needs beforehand."""
        if step in BEFOREHAND:
            assert self.run(name, *BEFOREHAND[step])["success"]

    def finished(self, name: str, step: str) -> dict[str, Any]:
        """What an undisturbed run of the step leaves."""
        ended = self.run(name, step)
        assert ended["success"], ended["failures"]
        return self.left(name)

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        name = f"recovery_{uuid.uuid4().hex}"
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
            yield name
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def left(self, name: str) -> dict[str, Any]:
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            there = {
                table
                for (table,) in connection.execute(
                    "SELECT relname FROM pg_class WHERE relname LIKE 'artworks%'"
                )
            }
            names = {
                "served": "artworks",
                "clean": "artworks_v2" if "artworks_v2" in there else "artworks",
                "old": "artworks_v1" if "artworks_v1" in there else "artworks",
            }
            return {
                what: connection.execute(query.format(**names)).fetchall() for what, query in LEFT.items()
            }


@pytest.fixture(scope="module")
def world(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(Mortals("artwork"), servers["postgres"], tmp_path_factory.mktemp("reports"))
    with psycopg.connect(world.server.url, autocommit=True) as connection:
        state = f"recovery_{uuid.uuid4().hex}"
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(state)))
        artworks.fill({"ARTWORK_DATABASE_URL": world.url(state)}, rows=ROWS)
        try:
            for step in STEPS:
                world.templates[step] = state
                following = f"recovery_{uuid.uuid4().hex}"
                copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(copy.format(sql.Identifier(following), sql.Identifier(state)))
                state = following
                world.begun(state, step)
                world.finished(state, step)
            world.templates["end"] = state
            yield world
        finally:
            world.mortals.close()
            for name in world.templates.values():
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def undisturbed(world: World) -> Callable[[str], tuple[list[str], dict[str, Any]]]:
    """The events of a step that nothing disturbs, and what it leaves; each step is run once for all tests."""

    @cache
    def of(step: str) -> tuple[list[str], dict[str, Any]]:
        with world.copy(world.templates[step]) as name:
            world.begun(name, step)
            ended = world.run(name, step)
            assert ended["success"], ended["failures"]
            return ended["events"], world.left(name)

    return of


@pytest.mark.parametrize("step", STEPS)
def test_a_step_killed_at_a_boundary_and_run_again_leaves_the_same(world, undisturbed, step) -> None:
    events, left = undisturbed(step)
    moments = list(range(1, len(events) + 1))
    if step in SAMPLED:
        moments = random.Random(step).sample(moments, SAMPLES)

    def disturbed(moment: int) -> tuple[bool, dict[str, Any]]:
        with world.copy(world.templates[step]) as name:
            world.begun(name, step)
            killed = world.run(name, step, at=moment, happens="death")["killed"]
            return killed, world.finished(name, step)

    with ThreadPoolExecutor(AT_ONCE) as both:
        for moment, (killed, found) in zip(moments, both.map(disturbed, moments), strict=True):
            assert killed, events[moment - 1]
            for what, rows in left.items():
                assert found[what] == rows, f"{what}, killed before {moment}: {events[moment - 1]}"


@pytest.mark.parametrize("step", STEPS)
def test_connections_lost_in_the_middle_of_a_step_cost_at_most_another_run(world, undisturbed, step) -> None:
    events, left = undisturbed(step)
    with world.copy(world.templates[step]) as name:
        world.begun(name, step)
        world.run(name, step, at=len(events) // 2 + 1, happens="lost connections")
        assert world.finished(name, step) == left
