"""``python -m local_stack.demo``: start the stack, fill it, run the three migrations, show the accounting.

With ``--develop`` the migrations are left to the person at the UI, and code is reloaded as it changes. With ``--desk``
only the registry is migrated, without recorded decisions: all that curators are asked waits for them.
"""

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich.console import Console

from local_stack.dagster_api import DagsterError
from local_stack.dagster_server import RunningDagster, running_dagster
from local_stack.demo import accounting, migrations, switching
from local_stack.demo.reloading import reloading
from local_stack.desk_server import RunningDesk, running_desk
from local_stack.ending import end_on_signals
from local_stack.lock import the_only_one
from local_stack.servers.process import ServerFailed
from local_stack.sources import artworks, media, registry
from local_stack.stack import (
    PREFERRED_PORTS,
    PROJECT,
    Stack,
    default_data_dir,
    make_data_dir,
    running_stack,
)
from migration_kit.environment import refuse_same_database
from migration_kit.failures import MigrationError
from migration_kit.redaction import redact

LOOK_EVERY_SECONDS = 0.5
STOPPED_BY_HAND = 130


@dataclass(frozen=True)
class Wishes:
    """What the person at the terminal asked for."""

    stay: bool
    develop: bool
    desk: bool
    scale: str
    rows: int
    seed: int
    data_dir: Path | None


@click.command()
@click.option(
    "--exit", "leave", is_flag=True, help="Stop everything at the end; exit 0 only if all is right."
)
@click.option("--develop", is_flag=True, help="Fill the stack and open the UI, but launch nothing.")
@click.option("--desk", is_flag=True, help="Only the registry, all that curators are asked, and their desk.")
@click.option("--scale", type=click.Choice(["small", "real"]), default="small", help="Size of the pictures.")
@click.option("--artworks", "rows", type=click.IntRange(min=1), default=20_000, help="Rows of the artworks.")
@click.option("--seed", type=int, default=7, help="Seed of the synthetic sources.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the servers keep their data.")
def main(
    *, leave: bool, develop: bool, desk: bool, scale: str, rows: int, seed: int, data_dir: Path | None
) -> None:
    """Run all three migrations on a local stack of real servers."""
    at_a_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    stay = develop or ((desk or at_a_terminal) and not leave)
    wishes = Wishes(stay, develop, desk, scale, rows, seed, data_dir)
    console = Console(highlight=False, width=None if at_a_terminal else 150)
    end_on_signals()
    try:
        right = _show(console, wishes)
    except (ServerFailed, DagsterError, MigrationError, ValueError) as failed:
        console.print(f"Failed: {redact(str(failed))}", style="bold red", markup=False)
        right = False
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running. The data stay for the next time.")
        sys.exit(STOPPED_BY_HAND)
    sys.exit(0 if right else 1)


def _show(console: Console, wishes: Wishes) -> bool:
    data_dir = make_data_dir(wishes.data_dir or default_data_dir())
    with ExitStack() as cleanup:
        cleanup.enter_context(the_only_one(data_dir))
        with _step(console, "Starting the servers"):
            stack = cleanup.enter_context(running_stack(data_dir, preferred_ports=PREFERRED_PORTS))
        _fill(console, stack, wishes)
        if wishes.desk:
            stack = _undecided(stack)
        with _step(console, "Starting Dagster"):
            dagster = cleanup.enter_context(
                running_dagster(stack.data_dir, stack.environment, project=PROJECT)
            )
        console.print(f"Dagster's UI: {dagster.api.url}/asset-groups", style="bold")
        with _step(console, "Starting the curators' desk"):
            desk = cleanup.enter_context(running_desk(stack.data_dir, stack.environment, project=PROJECT))
        _introduce(desk, console)
        right = True
        if wishes.develop:
            cleanup.enter_context(reloading(dagster.api.url, PROJECT, console))
        else:
            try:
                right = _migrate(console, dagster, stack.environment, desk=wishes.desk)
                if wishes.stay:
                    migrations.take_up_decisions(dagster.api)
            except DagsterError as refused:  # perhaps because its storage is gone
                raise stack.dead_server() or refused from refused
        if wishes.stay:
            _introduce(desk, console)
            console.print(f"The UI stays open at {dagster.api.url}; Ctrl-C stops everything.", style="bold")
            _stay(stack, dagster, desk)
        return right


def _undecided(stack: Stack) -> Stack:
    """The same stack with a development database of the desk's own, and without the recorded decisions."""
    given = os.environ.get("REGISTRY_DEVELOPMENT_DB")
    development = given or f"{stack.environment['REGISTRY_DEVELOPMENT_DB']}-desk"
    changes = {"REGISTRY_DEVELOPMENT_DB": development, "REGISTRY_DECISIONS": ""}
    return replace(stack, environment=stack.environment | changes)


def _introduce(desk: RunningDesk, console: Console) -> None:
    console.print(f"The curators' desk: {desk.url}", style="bold")
    for name, token in desk.tokens.items():
        console.print(f"  log in as {name} with the token {token}", soft_wrap=True)


def _fill(console: Console, stack: Stack, wishes: Wishes) -> None:
    environment = stack.environment
    refuse_same_database(
        (environment["REGISTRY_STAGING_URI"], environment["REGISTRY_STAGING_DB"]),
        (environment["REGISTRY_DEVELOPMENT_URI"], environment["REGISTRY_DEVELOPMENT_DB"]),
        variables=("REGISTRY_STAGING_DB", "REGISTRY_DEVELOPMENT_DB"),
    )
    with _step(console, "Filling the staging registry"):
        registry.fill(environment, seed=wishes.seed)
    if wishes.desk:
        return
    with _step(console, "Filling the media backup"):
        media.fill(environment, seed=wishes.seed, scale=wishes.scale)
    with _step(console, "Filling the artworks"):
        artworks.fill(environment, seed=wishes.seed, rows=wishes.rows)


def _migrate(
    console: Console, dagster: RunningDagster, environment: Mapping[str, str], *, desk: bool
) -> bool:
    reports, artworks_database = Path(environment["REPORTS_PATH"]), environment["ARTWORK_DATABASE_URL"]
    if leftovers := migrations.cancel_leftovers(dagster.api):
        console.print(f"Cancelled {len(leftovers)} backfills that an interrupted demo left to be done.")
    if not desk:
        switching.roll_back_leftovers(dagster.api, artworks_database)
    backfills = migrations.launch(dagster.api, ["registry"] if desk else tuple(migrations.LOCATIONS))
    console.print(
        "Launched as backfills, one a migration. Each new level of partitions waits for Dagster's 30 s tick."
    )
    outcomes = migrations.follow(dagster.api, backfills, dagster.process, console)
    summaries = accounting.summarise(outcomes, reports)
    accounting.show(summaries, console)
    console.print(f"Written to {accounting.write(summaries, reports)}")
    right = accounting.all_right(summaries)
    if right and not desk:
        with _step(console, "Trying the artworks' switch-over"):
            switching.try_out(dagster.api, artworks_database, console)
    return right


def _stay(stack: Stack, dagster: RunningDagster, desk: RunningDesk) -> None:
    """Wait for Ctrl-C; a server that dies meanwhile is told, not hidden."""
    while True:
        if (failure := stack.dead_server()) is not None:
            raise failure
        for process in (dagster.process, desk.process):
            if not process.alive:
                raise process.failure()
        time.sleep(LOOK_EVERY_SECONDS)


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(f"{what} ..."):
        yield
    console.print(f"{what}: {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
