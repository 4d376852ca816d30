"""The artworks' switch-over as the demo tries it: a proved archive, there, and back again, by the jobs people start.

What the jobs do and refuse belongs to the pipeline; here they are launched one after the other, and what the database
then says of them is told.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from rich.console import Console

from local_stack.dagster_api import Dagster, DagsterError
from local_stack.demo.migrations import ASK_EVERY_SECONDS, LOCATIONS

BY = "the demo"
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")
_PHASE = "SELECT phase FROM artwork_migration.phase"
_THERE = "SELECT to_regclass('artwork_migration.phase') IS NOT NULL"
_WINDOW = """
    SELECT blocking_ms FROM artwork_migration.transitions WHERE run_id = %s ORDER BY id DESC LIMIT 1
"""


@dataclass(frozen=True)
class Job:
    """A job and what a person types to have it do something: the configuration of its one op."""

    name: str
    op: str
    config: Mapping[str, Any]


BACK_UP = Job("artwork_back_up", "back_up", {"by": BY})
SWITCH = Job("artwork_switch", "switch_over", {"dry_run": False, "confirm": "switch artworks", "by": BY})
ROLL_BACK = Job(
    "artwork_roll_back", "roll_back", {"dry_run": False, "confirm": "roll back artworks", "by": BY}
)


def roll_back_leftovers(api: Dagster, database: str) -> None:
    """Roll back what an interrupted demo left switched over: in that phase nothing is planned or filled.

    Raises:
        DagsterError: the rollback failed; in its own words.
    """
    with psycopg.connect(database, autocommit=True) as connection:
        there = connection.execute(_THERE).fetchone() == (True,)
        switched = there and connection.execute(_PHASE).fetchone() == ("switched",)
    if switched:
        _run(api, ROLL_BACK)


def try_out(api: Dagster, database: str, console: Console) -> None:
    """Archive, switch over, roll back; tell for how long nobody could read or write.

    Raises:
        DagsterError: one of the jobs failed; in its own words.
    """
    _run(api, BACK_UP)
    windows = [_window(database, _run(api, job)) for job in (SWITCH, ROLL_BACK)]
    there, back = (f"{window:.0f} ms" for window in windows)
    console.print(
        f"The artworks were switched over to the clean table, and back again."
        f" Nobody could read or write for {there}, and for {back} on the way back."
    )


def _run(api: Dagster, job: Job) -> str:
    run = api.launch_job(LOCATIONS["artwork"], job.name, {job.op: {"config": dict(job.config)}})
    while (status := api.run_status(run)) not in _ENDED:
        time.sleep(ASK_EVERY_SECONDS)
    if status != "SUCCESS":
        raise DagsterError(
            f"{job.name} ended as {status}: {'; '.join(api.failures(run)) or 'no reason given'}"
        )
    return run


def _window(database: str, run: str) -> float:
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(_WINDOW, [run]).fetchone()
    if row is None or row[0] is None:
        raise DagsterError(f"the database knows no transition of the run {run}")
    return float(row[0])
