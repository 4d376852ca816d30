"""The three migrations as the demo launches and follows them: one asset backfill each, all partitions.

What the outcome means, and how it is shown, belongs to ``accounting``.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local_stack.dagster_api import Backfill, Dagster
from local_stack.servers.process import Process
from migration_kit.redaction import redact

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


def cancel_leftovers(api: Dagster) -> list[str]:
    """Cancel the backfills that an interrupted demo left to be done, and return their ids.

    Dagster would go on with them beside the new ones, and their reports would overwrite those of the new ones.
    """
    titles = set(map(_title, LOCATIONS))
    leftovers = [one for one, title in api.unfinished_backfills().items() if title in titles]
    for one in leftovers:
        api.cancel_backfill(one)
    return leftovers


def launch(api: Dagster, pipelines: Collection[str] = tuple(LOCATIONS)) -> dict[str, str]:
    """Launch the backfills of these pipelines; their ids by pipeline."""
    return {
        pipeline: api.launch_backfill(api.assets(location), title=_title(pipeline))
        for pipeline, location in LOCATIONS.items()
        if pipeline in pipelines
    }


def take_up_decisions(api: Dagster) -> None:
    """Let the pipeline take up by itself what curators decide from now on."""
    api.start_sensor(LOCATIONS["registry"], "registry_decisions")


def _title(pipeline: str) -> str:
    return f"{pipeline}: the whole migration"


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
        told_at, told = time.monotonic(), ""
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
                line = "; ".join(_line(pipeline, state) for pipeline, state in states.items())
                if line != told:
                    console.print(line)
                told_at, told = time.monotonic(), line
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
    if state.succeeded:  # a run whose process died may have been started again
        return Outcome(pipeline, state, ())
    failed = api.runs(state.id, statuses=["FAILURE"])
    said = [
        redact(f"{f'partition {run.partition}: ' if run.partition else ''}{failure}")
        for run in failed
        for failure in api.failures(run.id)
    ]
    return Outcome(pipeline, state, tuple(said or [state.error or f"the backfill ended as {state.status}"]))
