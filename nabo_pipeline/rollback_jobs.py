"""Jobs that take back what was migrated: everything, or one category. They are no assets: they undo some.

A click does no harm: by default a job only tells what it would do. What may go is decided in `media.rollback`.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, configuration_to_do_it, failing
from migration_kit.orchestration.metadata import MOST_PROBLEMS
from migration_kit.progress import track
from migration_kit.reports import markdown_table, reports_path, write_json
from nabo_pipeline.assets.common import PREFIX, STORAGE_POOL
from nabo_pipeline.media.rollback import JOBS as CATEGORIES_OF
from nabo_pipeline.resources import DatabaseResource, StorageResource, TransferSettings

if TYPE_CHECKING:
    from migration_kit.ledger.postgres import PostgresLedger
    from nabo_pipeline.media.rollback import Counts
    from nabo_pipeline.steps.rollback import Chunk, Rollback
    from nabo_pipeline.stores.checks import CheckStore
    from nabo_pipeline.stores.state import StateStore

ASSETS = (dg.AssetKey([PREFIX, "images"]), dg.AssetKey([PREFIX, "media_records"]))
"""Whose work is undone: what is done shows on them."""


class RollbackConfig(dg.Config):
    """Whether to do it at all. False: rows, objects and outcomes are taken away; True: nothing is written."""

    dry_run: bool = True


def rollback_job(name: str, categories: tuple[str, ...]) -> dg.JobDefinition:
    """The job `nabo_rollback_{name}`."""
    step = f"rollback_{name}"

    @dg.op(
        name=step,
        description=f"Takes back {', '.join(categories)} by the ledger; what somebody changed since is left.",
        pool=STORAGE_POOL,
        retry_policy=NETWORK_RETRY,
        out=dg.Out(dg.Nothing),
    )
    def take_back(
        context: dg.OpExecutionContext,
        config: RollbackConfig,
        database: DatabaseResource,
        storage: StorageResource,
        transfer: TransferSettings,
    ) -> None:
        with failing(context):
            _take_back(context, categories, config, database, storage, transfer.threads)

    @dg.job(
        name=f"{PREFIX}_{step}",
        description=(
            f"Takes back what was migrated of {', '.join(categories)}: rows of public.media and objects that this"
            " migration created and that nobody changed since. As it stands it only tells what it would do; to do it,"
            f" launch it with this configuration:\n\n{configuration_to_do_it(step)}"
        ),
        tags={"pipeline": PREFIX, "stage": "rollback"},
    )
    def job() -> None:
        take_back()

    return job


@dataclass
class _Tally:
    """What a rollback did so far: sums, and the first lines of what it left."""

    counts: "Counts"
    left: list[Mapping[str, object]]
    unreadable: int = 0
    unknown: int = 0
    """Rows and objects that are ours and in no ledger."""

    def watch(
        self, chunks: "Iterable[Chunk]", unknown: Iterable[Mapping[str, object]]
    ) -> Iterator[Mapping[str, object]]:
        """The lines of the rollback's file as they come."""
        for chunk in chunks:
            self.counts += chunk.counts
            self.unreadable += chunk.unreadable
            for line in chunk.lines:
                yield self._keep(line.to_report())
        for told in unknown:
            self.unknown += 1
            yield self._keep(told)

    def _keep(self, line: Mapping[str, object]) -> Mapping[str, object]:
        if line["reason"] and len(self.left) < MOST_PROBLEMS:
            self.left.append(line)
        return line


def _take_back(  # noqa: PLR0917 - what Dagster hands over
    context: dg.OpExecutionContext,
    categories: tuple[str, ...],
    config: RollbackConfig,
    database: DatabaseResource,
    storage: StorageResource,
    threads: int,
) -> None:
    from nabo_pipeline.steps.rollback import Rollback
    from nabo_pipeline.stores.checks import CheckStore
    from nabo_pipeline.stores.rollback import RollbackStore
    from nabo_pipeline.stores.turns import turn

    run, tallies = context.run.run_id, dict[str, _Tally]()
    started = time.monotonic()
    with ExitStack() as stack:
        ledger = stack.enter_context(database.ledger())
        state = stack.enter_context(database.state())
        store = stack.enter_context(closing(RollbackStore(database.conninfo)))
        store.install()
        # All of them before the first is touched: a rollback that is refused half way helps nobody.
        turns = {
            name: stack.enter_context(turn(database.conninfo, name, f"rollback {run}", alone=True))
            for name in categories
        }
        for name, mine in turns.items():
            work = Rollback(store, storage.open(), run, threads, config.dry_run, mine.require)
            checks = stack.enter_context(closing(CheckStore(database.conninfo)))
            tallies[name] = _category(context, work, ledger, state, checks, name)
    context.add_output_metadata(
        {
            **_metadata(tallies, dry_run=config.dry_run),
            "to_do_it": dg.MetadataValue.md(configuration_to_do_it(context.op.name)),
            "seconds": round(time.monotonic() - started, 2),
        }
    )
    if unreadable := sum(tally.unreadable for tally in tallies.values()):
        raise PermanentError(
            f"{unreadable} objects cannot be read, and were left with their rows",
            item=context.op.name,
            remedy=f"Look for the reasons in {reports_path(PREFIX)}/rollback-*.json, then roll back again.",
        )


def _category(  # noqa: PLR0917 - the stores that a rollback works with
    context: dg.OpExecutionContext,
    work: "Rollback",
    ledger: "PostgresLedger",
    state: "StateStore",
    checks: "CheckStore",
    category: str,
) -> _Tally:
    from nabo_pipeline.media.rollback import Counts
    from nabo_pipeline.steps.rollback import roll_back, unknown_to_ledger
    from nabo_pipeline.steps.transfer import stands_for_object
    from nabo_pipeline.stores.accounting import standing

    tally = _Tally(Counts(), [])
    checks.install()
    entries = track(
        (entry for entry in ledger.entries(partition=category) if stands_for_object(entry)),
        total=standing(state, category),
        log=context.log.info,
        what=f"{'looking at' if work.dry_run else 'taking back'} {category} pictures",
    )
    name = f"rollback-{category}{'-rehearsal' if work.dry_run else ''}.json"
    # Without a plan nothing was ever migrated of it, and its bucket need not exist.
    planned = ledger.plan(category) is not None
    unknown = unknown_to_ledger(checks, work.storage, category, work.threads) if planned else ()
    path = write_json(reports_path(PREFIX) / name, tally.watch(roll_back(work, entries), unknown))
    told = _metadata({category: tally}, dry_run=work.dry_run) | {
        "all_pictures": dg.MetadataValue.path(str(path))
    }
    context.log.info(f"{category}: {_sentence(tally.counts, dry_run=work.dry_run)} All of it: {path}")
    if not work.dry_run and tally.counts.pictures:
        for asset in ASSETS:
            context.log_event(
                dg.AssetObservation(asset, partition=category, description="Taken back", metadata=told)
            )
    return tally


def _sentence(counts: "Counts", *, dry_run: bool) -> str:
    verb = "would be taken back" if dry_run else "taken back"
    return (
        f"{counts.pictures} pictures {verb} ({counts.rows} rows, {counts.objects} objects,"
        f" {counts.rows_gone} rows and {counts.objects_gone} objects had gone already), {counts.left} left."
    )


def _metadata(tallies: "Mapping[str, _Tally]", *, dry_run: bool) -> dict[str, Any]:
    from nabo_pipeline.media.rollback import Counts

    total = sum((tally.counts for tally in tallies.values()), Counts())
    table = markdown_table(
        [{"category": name, **vars(tally.counts)} for name, tally in tallies.items()],
        ("category", *vars(total)),
    )
    lines = [line for tally in tallies.values() for line in tally.left]
    left = markdown_table(lines, ("item", "object", "reason"), limit=MOST_PROBLEMS)
    return {
        "dry_run": dry_run,
        "summary": dg.MetadataValue.md(f"**{_sentence(total, dry_run=dry_run)}**\n\n{table}"),
        "left_and_why": dg.MetadataValue.md(left if lines else "nothing was left"),
        **vars(total),
        "ours_but_in_no_ledger": sum(tally.unknown for tally in tallies.values()),
    }


JOBS = [rollback_job(name, categories) for name, categories in CATEGORIES_OF.items()]
