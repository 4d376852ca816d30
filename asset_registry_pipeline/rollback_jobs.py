"""Jobs that take back what was migrated, one for each phase. They are no assets: they undo some.

A click does no harm: by default a job only tells what it would do. What may go is decided in `registry.rollback`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.common import MOST_ROWS, POOL, PREFIX, table
from asset_registry_pipeline.registry.layers import SONG_LAYERS
from asset_registry_pipeline.registry.rollback import PHASES, REFERRED, Done, Tally
from asset_registry_pipeline.resources import RegistryResource
from migration_kit.failures import PermanentError
from migration_kit.orchestration import NETWORK_RETRY, batch_of, configuration_to_do_it, failing
from migration_kit.reports import reports_path, write_bytes, write_json

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.rollback import Rollback
    from asset_registry_pipeline.stores.connections import Registry


_Left = dict[str, list[Mapping[str, Any]]]
"""The first documents that were left, by reason."""


class RollbackConfig(dg.Config):
    """`dry_run`: False takes documents back, True only tells. `layers`: just these of the phase; empty means all."""

    dry_run: bool = True
    layers: list[str] = []  # noqa: RUF012 - a field of Dagster's configuration, copied for each run


def rollback_job(phase: str, layers: tuple[str, ...]) -> dg.JobDefinition:
    """The job `registry_rollback_{phase}`."""
    step = f"rollback_{phase}"

    @dg.op(
        name=step,
        description=f"Takes back layer {', '.join(layers)} by the ledger; what somebody changed since is left.",
        pool=POOL,
        retry_policy=NETWORK_RETRY,
        out=dg.Out(dg.Nothing),
    )
    def take_back(context: dg.OpExecutionContext, config: RollbackConfig, registry: RegistryResource) -> None:
        with failing(context), registry.open() as opened:
            _take_back(context, opened, phase, _chosen(phase, layers, config.layers), config)

    @dg.job(
        name=f"{PREFIX}_{step}",
        description=(
            f"Takes back what this migration wrote of the {phase} (layer {', '.join(layers)}), where nobody changed it"
            " since: copied documents are removed, documents changed in place become what they were. Composites go"
            " before what they are built from. As it stands it only tells what it would do; to do it, launch it with"
            f" this configuration:\n\n{configuration_to_do_it(step)}"
        ),
        tags={"pipeline": PREFIX, "stage": "rollback"},
    )
    def job() -> None:
        take_back()

    return job


def _chosen(phase: str, layers: tuple[str, ...], wanted: Sequence[str]) -> tuple[str, ...]:
    foreign = sorted({*wanted} - {*layers})
    if foreign:
        raise PermanentError(
            f"layer {', '.join(foreign)} is none of this phase",
            item=f"rollback_{phase}",
            remedy=f"Name layers out of {', '.join(layers)}, or none for all of them",
        )
    return tuple(layer for layer in layers if layer in wanted) or layers


def _take_back(
    context: dg.OpExecutionContext,
    opened: "Registry",
    phase: str,
    layers: tuple[str, ...],
    config: RollbackConfig,
) -> None:
    from asset_registry_pipeline.steps.rollback import Rollback

    began = time.monotonic()
    suffix = "-rehearsal" if config.dry_run else ""
    # First of all: whatever happens to documents, curators' words are safe.
    decisions, exported = _export_decisions(opened, phase, layers)
    work, tally = Rollback(opened, context.run.run_id, config.dry_run, batch_of(context.run)), Tally()
    left: _Left = {}
    path = write_json(
        reports_path(PREFIX) / f"rollback-{phase}{suffix}.json", _lines(context, work, layers, tally, left)
    )
    told = {
        **_metadata(tally, left, dry_run=config.dry_run),
        **(_covers_kept(opened) if {*layers} & {*SONG_LAYERS} else {}),
        "decisions_exported": exported,
        "decisions": dg.MetadataValue.path(str(decisions)),
        "all_documents": dg.MetadataValue.path(str(path)),
    }
    if not config.dry_run:
        _observe(context, phase, layers, tally, told)
    context.add_output_metadata(
        {
            **told,
            "to_do_it": dg.MetadataValue.md(configuration_to_do_it(context.op.name)),
            "seconds": round(time.monotonic() - began, 2),
        }
    )


def _covers_kept(opened: "Registry") -> dict[str, int]:
    """How many covers stay in the bucket: a permanent address keeps its picture, and songs that come again need it."""
    covers, objects = opened.cover_records.count()
    return {"covers_kept": covers, "objects_of_covers_kept": objects}


def _export_decisions(opened: "Registry", phase: str, layers: tuple[str, ...]) -> tuple[Path, int]:
    """The standing decisions about these layers as a CSV that an import takes; they stay where they are as well."""
    from asset_registry_pipeline.registry.decisions_csv import write_csv

    standing = [one for layer in layers for one in opened.decisions.of_layer(layer).values()]
    path = reports_path(PREFIX) / f"decisions-before-rollback-{phase}.csv"
    return write_bytes(path, write_csv(standing).encode()), len(standing)


def _lines(
    context: dg.OpExecutionContext,
    work: "Rollback",
    layers: tuple[str, ...],
    tally: Tally,
    left: _Left,
) -> Iterator[Mapping[str, object]]:
    """The lines of the rollback's file as they come; the first that were left for each reason are kept for the UI."""
    from asset_registry_pipeline.steps.rollback import roll_back

    for layer in layers:
        for number, line in enumerate(roll_back(work, layer), 1):
            tally.add(line.layer, line.entry.state, line.done, line.reason)
            told = line.to_report()
            if line.reason is not None:
                shown = left.setdefault(line.reason, [])
                if len(shown) < MOST_ROWS:
                    shown.append(told | {"fields": ", ".join(line.fields)})
            if number % 10_000 == 0:
                context.log.info(f"layer {layer}: {number:,} documents looked at")
            yield told
        context.log.info(f"layer {layer}: {_sentence(tally, dry_run=work.dry_run, layer=layer)}")


def _sentence(tally: Tally, *, dry_run: bool, layer: str | None = None) -> str:
    verb = "would be" if dry_run else "were"
    removed, restored = tally.of(Done.REMOVED, layer=layer), tally.of(Done.RESTORED, layer=layer)
    return (
        f"{removed:,} documents {verb} removed, {restored:,} restored,"
        f" {tally.of(Done.ALREADY_GONE, layer=layer):,} had gone already,"
        f" {tally.of(Done.LEFT, layer=layer):,} left,"
        f" {tally.of(Done.NOT_OURS, layer=layer):,} were there before this migration"
    )


def _metadata(tally: Tally, left: _Left, *, dry_run: bool) -> dict[str, Any]:
    rows = [
        {"layer": layer, "state": state, "done": done, "documents": count, "reason": reason}
        for (layer, state, done, reason), count in sorted(tally.counts.items())
    ]
    return {
        "dry_run": dry_run,
        "summary": _sentence(tally, dry_run=dry_run),
        "what_was_done": table(rows, ("layer", "state", "done", "documents", "reason")),
        "conflicts": table(
            chain.from_iterable(rows for reason, rows in left.items() if reason != REFERRED),
            ("item", "label", "fields", "reason"),
        ),
        "composites_first": table(left.get(REFERRED, ()), ("item", "label", "composites", "example")),
        "removed": tally.of(Done.REMOVED),
        "restored": tally.of(Done.RESTORED),
        "gone_already": tally.of(Done.ALREADY_GONE),
        "left": tally.of(Done.LEFT),
        "not_ours": tally.of(Done.NOT_OURS),
    }


def _observe(
    context: dg.OpExecutionContext,
    phase: str,
    layers: tuple[str, ...],
    tally: Tally,
    told: Mapping[str, Any],
) -> None:
    """Show on the assets whose work was undone that it was."""
    for layer in layers:
        if tally.of(Done.REMOVED, Done.RESTORED, Done.ALREADY_GONE, layer=layer):
            context.log_event(
                dg.AssetObservation(
                    dg.AssetKey([PREFIX, phase]), partition=layer, description="Rolled back", metadata=told
                )
            )


JOBS = [rollback_job(phase, layers) for phase, layers in PHASES.items()]
