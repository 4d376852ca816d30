"""A run that is killed anywhere, and run again, leaves what an undisturbed run leaves: storage, rows and ledger.

The undisturbed run tells which events there are; the tests kill before each kind of them, and before some by chance.
"""

import hashlib
import json
import random
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from local_stack.servers import postgres
from local_stack.sources.media import Shape, fill
from local_stack.sources.media.servers import make_buckets, storage_client
from local_stack.storage_api.control import StorageControl
from tests.recovery.mortals import Mortals

CATEGORY = "service"
SHAPE = Shape(
    buyers=1, stylists=1, salons=0, mapped_profiles=2, mapped_services=2, mapped_service_images=4,
    unmapped_services=1, unmapped_service_images=1, chat_images=0, chats=0, strays=0, user_mappings=4,
    services_migrated=2,
)  # fmt: skip
AT_ONCE = 2
CHANCES = 3
TARGET = ("POST object", "GET object", "public.media", "outcomes")
"""Before events about these runs are killed each in a place of its own; before all others, one after the other in one
place."""
LOOKING, WRITING = ("media_inventory", "migration_plan"), ("images", "media_records")
"""The stages before the first of these events, which need not be run for each, and those that they belong to.
Verification writes verdicts, and dies with the others."""
MOST_TRANSFERS = 2
"""Of several uploads or downloads this many are each the last thing before a death."""


@dataclass(frozen=True)
class World:
    """A backup, a target to copy for each place, and what an undisturbed run made of it."""

    mortals: Mortals
    environment: Mapping[str, str]
    server: Any
    template: str
    folder: Path

    def place(self, template: str = "") -> "Place":
        """A target of its own: a copy of the filled (or that) database, and a project of Storage with empty buckets."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            command = sql.SQL("create database {} template {}")
            connection.execute(
                command.format(sql.Identifier(name), sql.Identifier(template or self.template))
            )
        environment = dict(self.environment) | {
            "NABO_DATABASE_URL": postgres.database_url(self.server, name),
            "SUPABASE_URL": f"{self.environment['SUPABASE_URL']}-{name[-12:]}",
            "REPORTS_PATH": str(self.folder / "reports" / name),
        }
        make_buckets(environment)
        return Place(self, name, environment)


@dataclass(frozen=True)
class Place:
    """A target of its own."""

    world: World
    name: str
    environment: Mapping[str, str]

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.control.remove_project()
        with psycopg.connect(self.world.server.url, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(self.name)))

    @property
    def control(self) -> StorageControl:
        return StorageControl(self.environment["SUPABASE_URL"], self.environment["SUPABASE_SERVICE_ROLE_KEY"])

    def run(self, **order: Any) -> dict[str, Any]:
        return self.world.mortals.run(self.environment, category=CATEGORY, **order)

    def killed_before(self, event: str | int, nth: int = 1, **order: Any) -> bool:
        """A run that is killed before an event, by kind or number; False if it did not come there."""
        return bool(self.run(at=event, nth=nth, happens="death", **order)["killed"])

    def finished(self, **order: Any) -> "Left":
        """What a run that nothing disturbs makes of what is there."""
        ended = self.run(**order)
        assert ended["success"], ended["failures"]
        return self.left()

    def left(self) -> "Left":
        with psycopg.connect(self.environment["NABO_DATABASE_URL"]) as connection:
            rows = connection.execute(
                "select id::text, file_path, owner_id::text, service_id::text, is_preview_image,"
                " row_number() over (partition by service_id order by created_at) from public.media order by 1"
            ).fetchall()
            outcomes = connection.execute(
                "select item, partition, state, reason, source_hash, target_hash,"
                " detail #- '{seconds}' #- '{row,created_at}' from nabo_migration.outcomes order by item"
            ).fetchall()
            gates = connection.execute(
                "select distinct on (v.stage, v.partition) v.stage, v.partition, v.status, p.candidate = v.candidate"
                " from nabo_migration.verdicts v join nabo_migration.publications p using (stage, partition)"
                " order by v.stage, v.partition, v.id desc"
            ).fetchall()
        return Left(self._objects(), rows, outcomes, gates)

    def _objects(self) -> dict[str, tuple[str, str]]:
        bucket = storage_client(self.environment).from_("service-media")
        found = {}
        for folder in bucket.list("", {"limit": 100}):
            for entry in bucket.list(folder["name"], {"limit": 100}):
                path = f"{folder['name']}/{entry['name']}"
                found[path] = (
                    hashlib.sha256(bucket.download(path)).hexdigest(),
                    entry["metadata"]["mimetype"],
                )
        return found


@dataclass(frozen=True)
class Left:
    """What stands after a run: objects by path (hash, type), rows, outcomes and gates, without times and runs."""

    objects: Mapping[str, tuple[str, str]]
    rows: Sequence[tuple[Any, ...]]
    outcomes: Sequence[tuple[Any, ...]]
    gates: Sequence[tuple[Any, ...]]

    @property
    def target(self) -> tuple[Any, ...]:
        """All but the gates."""
        return self.objects, self.rows, self.outcomes


@pytest.fixture(scope="module")
def world(servers, tmp_path_factory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("recovery")
    (folder / "backup").mkdir()
    server, name = servers["postgres"], f"test_{uuid.uuid4().hex}"
    environment = {
        "S3_BACKUP_PATH": str(folder / "backup"),
        "NABO_MAPPINGS_PATH": str(folder / "mappings"),
        "NABO_DATABASE_URL": postgres.database_url(server, name),
        "SUPABASE_URL": f"{servers['storage'].url}/projects/recovery",
        "SUPABASE_SERVICE_ROLE_KEY": servers["storage"].credentials["service_role_key"],
        "REPORTS_PATH": str(folder / "reports"),
    }
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        fill(environment, shape=SHAPE)
        services = json.loads((folder / "mappings" / "services-created.json").read_text())["results"]
        images = [
            path
            for one in services
            for path in (folder / "backup").glob(f"Service-Images/{one['original_id']}/*")
        ]
        # Not the first of its service, which would be the preview; and one of those that are to be migrated.
        max(images).write_bytes(max(images).read_bytes()[:200])
        mortals = Mortals("nabo")
        try:
            yield World(mortals, environment, server, name, folder)
        finally:
            mortals.close()
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def undisturbed(world) -> tuple[Left, list[str]]:
    """What an undisturbed run leaves, and its events."""
    with world.place() as place:
        ended = place.run()
        assert ended["success"], ended["failures"]
        left = place.left()
        assert len(left.objects) == len(left.rows) > 1
        assert {state for _, _, state, *_ in left.outcomes} == {"migrated", "excluded", "quarantined"}
        return left, ended["events"]


@pytest.fixture(scope="module")
def planned(world) -> Iterator[tuple[str, list[str]]]:
    """A database in which all is planned and nothing written, and the events of a run that goes on from there."""
    with world.place() as place:
        looked = place.run(stages=LOOKING)
        assert looked["success"], looked["failures"]
        with world.place(place.name) as another:
            written = another.run(stages=WRITING)
            assert written["success"], written["failures"]
        yield place.name, written["events"]


def occurrences(events: Sequence[str], *, of_target: bool) -> list[tuple[str, int]]:
    """(kind, which of its kind) of the events that are about the target, or of all others."""
    seen: Counter[str] = Counter()
    found = []
    for event in events:
        seen[event] += 1
        too_many = event.endswith("object") and seen[event] > MOST_TRANSFERS
        if any(about in event for about in TARGET) == of_target and not too_many:
            found.append((event, seen[event]))
    return found


def test_a_run_killed_before_any_effect_on_storage_rows_or_ledger_and_run_again_leaves_the_same(
    world, undisturbed, planned
):
    left, events = undisturbed
    template, written = planned
    boundaries = occurrences(written, of_target=True)
    assert {about for about in TARGET if any(about in kind for kind, _ in boundaries)} == set(TARGET)
    assert set(occurrences(events, of_target=True)) == set(boundaries)

    def disturbed(boundary: tuple[str, int]) -> tuple[bool, Left]:
        with world.place(template) as place:
            return place.killed_before(*boundary, stages=WRITING), place.finished(stages=WRITING)

    with ThreadPoolExecutor(AT_ONCE) as both:
        for boundary, (killed, found) in zip(boundaries, both.map(disturbed, boundaries), strict=True):
            assert killed, boundary
            assert found.target == left.target, f"killed before {boundary}"


def test_runs_killed_one_after_the_other_before_every_other_write_and_commit_lose_nothing(world, undisturbed):
    left, events = undisturbed
    boundaries = occurrences(events, of_target=False)
    for about in ("inventory", "plan_items", "plans", "verdicts", "commit"):
        assert any(about in kind for kind, _ in boundaries), about
    with world.place() as place:
        for boundary in boundaries:
            assert place.killed_before(*boundary), boundary
        assert place.finished() == left


def test_a_run_killed_at_random_and_run_again_leaves_the_same(world, undisturbed):
    left, events = undisturbed
    moments = random.Random(20).sample(range(2, len(events)), CHANCES)

    def disturbed(moment: int) -> Left:
        with world.place() as place:
            assert place.killed_before(moment)
            return place.finished()

    with ThreadPoolExecutor(AT_ONCE) as both:
        for moment, found in zip(moments, both.map(disturbed, moments), strict=True):
            assert found == left, f"killed before event {moment}: {events[moment - 1]}"


@pytest.mark.parametrize("event", ["POST object", "insert into public.media"])
def test_connections_to_the_database_lost_in_the_middle_cost_at_most_another_run(world, undisturbed, event):
    left, events = undisturbed
    at = next(kind for kind in events if kind.startswith(event))
    with world.place() as place:
        place.run(at=at, happens="lost connections")
        assert place.finished() == left


def test_a_storage_that_goes_down_in_the_middle_judges_no_file_and_the_next_run_goes_on(world, undisturbed):
    left, _ = undisturbed
    with world.place() as place:
        ended = place.run(at="POST object", nth=2, happens="storage down")
        assert not ended["success"]
        assert any("503" in told for told in ended["failures"]), ended["failures"]
        assert place.control.forget() > 0
        assert place.finished() == left
