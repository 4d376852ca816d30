"""The stage `apply`: what is staged is validated, then published; a layer that fails publishes nothing.

Whatever composites need is asked of the ledger in their own body, at the start and again just before publishing:
a backfill, a button and a sensor are held by it alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import dagster as dg

from asset_registry_pipeline.assets.barrier import require_barrier
from asset_registry_pipeline.assets.common import POOL, stage
from asset_registry_pipeline.assets.conflicts import conflicts_metadata, fail_for_conflicts
from asset_registry_pipeline.partitions import component_layers, composite_layers, song_layers
from asset_registry_pipeline.registry.layers import (
    COMPONENT_LAYERS,
    COMPOSITE_LAYERS,
    SONG_LAYERS,
)
from asset_registry_pipeline.registry.stages import APPLY
from asset_registry_pipeline.resources import RegistryResource
from asset_registry_pipeline.suites import apply as suites
from migration_kit.orchestration import (
    NETWORK_RETRY,
    accounting_metadata,
    batch_id,
    failing,
    gate_check_specs,
    problems_metadata,
    validate_then_publish,
)
from migration_kit.reports import reports_path, write_json

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.apply import Staged
    from asset_registry_pipeline.stores.connections import Registry
    from migration_kit.suites import SuiteReport

_Results = Iterator[dg.AssetCheckResult | dg.MaterializeResult[Any]]
_COMPONENTS = dg.AssetKey(["registry", "components"])
_SONGS = dg.AssetKey(["registry", "songs"])
_COMPOSITES = dg.AssetKey(["registry", "composites"])


def _specs(key: dg.AssetKey, layers: tuple[str, ...]) -> list[dg.AssetCheckSpec]:
    return gate_check_specs(key, (suites.dispositions(), suites.documents(layers)))


@dg.asset(
    **stage("apply"),
    partitions_def=component_layers,
    retry_policy=NETWORK_RETRY,
    pool=POOL,
    deps=[["registry", "component_candidates"]],
    check_specs=_specs(_COMPONENTS, COMPONENT_LAYERS),
)
def components(context: dg.AssetExecutionContext, registry: RegistryResource) -> _Results:
    """Stars, looks, worlds or moves in development, with the Phase 2B fields."""
    yield from _apply(context, registry, _COMPONENTS, COMPONENT_LAYERS)


@dg.asset(
    **stage("apply"),
    partitions_def=song_layers,
    retry_policy=NETWORK_RETRY,
    pool=POOL,
    deps=[["registry", "song_candidates"]],
    check_specs=_specs(_SONGS, SONG_LAYERS),
)
def songs(context: dg.AssetExecutionContext, registry: RegistryResource) -> _Results:
    """Songs in development, with their curators' words and metadata made anew from them."""
    yield from _apply(context, registry, _SONGS, SONG_LAYERS)


@dg.asset(
    **stage("apply"),
    partitions_def=composite_layers,
    retry_policy=NETWORK_RETRY,
    pool=POOL,
    deps=[["registry", "composite_candidates"]],
    check_specs=_specs(_COMPOSITES, COMPOSITE_LAYERS),
)
def composites(context: dg.AssetExecutionContext, registry: RegistryResource) -> _Results:
    """Composites in development, their references resolved and their components' metadata aggregated."""
    yield from _apply(context, registry, _COMPOSITES, COMPOSITE_LAYERS)


def _apply(
    context: dg.AssetExecutionContext, resource: RegistryResource, key: dg.AssetKey, layers: tuple[str, ...]
) -> _Results:
    from asset_registry_pipeline.steps import apply

    layer = context.partition_key
    with failing(context), resource.open() as opened:
        opened.ledger.install()
        opened.workspace.begin_batch(batch_id(context))
        accepted = require_barrier(context, opened, layer)
        staged = apply.load_staged(opened, layer, accepted)
        yield from validate_then_publish(
            context,
            ledger=opened.ledger,
            stage=APPLY,
            partition=layer,
            candidate=staged.plan.fingerprint,
            asset_key=key,
            validate=lambda: _validate(opened, staged, layers),
            publish=lambda: _publish(context, opened, staged),
        )


def _validate(opened: "Registry", staged: "Staged", layers: tuple[str, ...]) -> list["SuiteReport"]:
    from asset_registry_pipeline.steps import apply
    from asset_registry_pipeline.steps.spreading import reference_counting
    from migration_kit.suites import validate_rows_by

    documents = suites.documents(layers)
    if staged.dispositions.get("held") and not staged.dispositions.get("ready"):
        # All that is wanting is a curator: nothing to publish is then no failure.
        documents = replace(documents, min_rows=0)
    limit = suites.dispositions(opened.profile.quarantine_limit)
    with reference_counting():
        reports = validate_rows_by(
            apply.COLUMNS, apply.outcome_rows(opened, staged), [(limit, None), (documents, apply.READY)]
        )
    if not all(report.passed for report in reports):
        apply.note_failed(opened, staged)
    return reports


def _publish(context: dg.AssetExecutionContext, opened: "Registry", staged: "Staged") -> Mapping[str, Any]:
    from asset_registry_pipeline.steps import apply
    from asset_registry_pipeline.steps.accounting import problems
    from asset_registry_pipeline.steps.backup import require_backup

    began, layer = monotonic(), staged.layer
    # Asked again: validating took a while, and a component layer may have been closed meanwhile.
    accepted = require_barrier(context, opened, layer)
    apply.require_unchanged(opened, staged, accepted)
    require_backup(opened, layer, staged.source)
    published = apply.publish(
        opened, staged, run_id=context.run.run_id, batch=batch_id(context), log=context.log.info
    )
    path = write_json(
        reports_path("registry") / f"problems-{layer}.json",
        (
            {"item": entry.item, "state": entry.state, "reason": entry.reason, "detail": dict(entry.detail)}
            for entry in problems(opened, layer)
        ),
    )
    metadata = {
        **accounting_metadata(published.accounting, seconds=monotonic() - began),
        "documents_written": published.written,
        "bytes": published.bytes,
        "plan": staged.plan.fingerprint,
        "album_art_pending": staged.album_art_pending,
        **conflicts_metadata(opened, layer),
        **problems_metadata(problems(opened, layer), path),
    }
    if published.over_the_limit:
        fail_for_conflicts(context, opened, staged, metadata)
    return metadata
