"""The three migrations as the demo launches and follows them: one asset backfill each, all partitions.

What the outcome means, and how it is shown, belongs to ``accounting``.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local_stack.dagster_api import Backfill, Dagster
from local_stack.servers.process import Process

LOCATIONS: Mapping[str, str] = {
    "nabo": "nabo_pipeline",
    "registry": "asset_registry_pipeline",
    "artwork": "artwork_pipeline",
}
"""Code location of each pipeline, by the name its reports carry."""

ASK_EVERY_SECONDS = 1.0
TELL_EVERY_SECONDS = 15.0


@dataclass(frozen=True)
class Outcome:
    """How a pipeline's backfill ended, and what its failed runs said."""

    pipeline: str
    backfill: Backfill
    failures: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Wall-clock seconds from launch to end."""
        return max(0.0, (self.backfill.ended_at or time.time()) - self.backfill.started_at)


def launch(api: Dagster) -> dict[str, str]:
    """Launch the backfills; their ids by pipeline."""
    return {
        pipeline: api.launch_backfill(api.assets(location), title=f"{pipeline}: the whole migration")
        for pipeline, location in LOCATIONS.items()
    }


def follow(api: Dagster, backfills: Mapping[str, str], process: Process, console: Console) -> list[Outcome]:
    """Show a bar per backfill until all have ended.

    Raises:
        ServerFailed: Dagster itself has died.
    """
    bars = Progress(
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("partitions"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[doing]}", style="dim"),
        console=console,
        disable=not console.is_terminal,
    )
    with bars:
        tasks = {pipeline: bars.add_task(pipeline, total=None, doing="") for pipeline in backfills}
        told_at = time.monotonic()
        while True:
            if not process.alive:
                raise process.failure()
            states = {pipeline: api.backfill(one) for pipeline, one in backfills.items()}
            for pipeline, state in states.items():
                done, total, doing = _progress(state)
                bars.update(tasks[pipeline], completed=done, total=total or None, doing=doing)
            if all(state.ended for state in states.values()):
                return [_outcome(api, pipeline, state) for pipeline, state in states.items()]
            if not console.is_terminal and time.monotonic() - told_at > TELL_EVERY_SECONDS:
                told_at = time.monotonic()
                console.print("; ".join(_line(pipeline, state) for pipeline, state in states.items()))
            time.sleep(ASK_EVERY_SECONDS)


def _progress(state: Backfill) -> tuple[int, int, str]:
    done = sum(asset.materialized + asset.failed for asset in state.assets)
    failed = sum(asset.failed for asset in state.assets)
    busy: Sequence[str] = [asset.key[-1] for asset in state.assets if asset.in_progress]
    doing = state.status.lower() if state.ended else ", ".join(busy[:3])
    return (
        done,
        sum(asset.targeted for asset in state.assets),
        f"{failed} failed; {doing}" if failed else doing,
    )


def _line(pipeline: str, state: Backfill) -> str:
    done, total, doing = _progress(state)
    return f"{pipeline} {done}/{total or '?'} {doing}".rstrip()


def _outcome(api: Dagster, pipeline: str, state: Backfill) -> Outcome:
    failed = api.runs(state.id, statuses=["FAILURE"])
    said = [
        f"{f'partition {run.partition}: ' if run.partition else ''}{failure}"
        for run in failed
        for failure in api.failures(run.id)
    ]
    return Outcome(pipeline, state, tuple(said or ([state.error] if state.error else [])))
