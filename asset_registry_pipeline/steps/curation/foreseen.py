"""What an approval would write, before anybody has decided: the plan's own computation, with a draft in its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.findings import inspect
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.registry.transform import plan_asset
from asset_registry_pipeline.steps.curation.access import require_row, shown, source_of
from asset_registry_pipeline.steps.curation.deciding import decision_of
from asset_registry_pipeline.steps.curation.model import Draft
from asset_registry_pipeline.stores.connections import Registry


@dataclass(frozen=True)
class Foreseen:
    """The document that a decision would lead to, e-mail addresses masked; without one `why` says what stops it."""

    document: Mapping[str, Any] | None
    why: str = ""


def foresee(registry: Registry, actor: Actor, key: str, draft: Draft, now: datetime) -> Foreseen:
    """The outcome of an item if this draft were stored now; nothing is stored. Songs without their enrichment wait.

    Raises:
        CurationError: not_found.
    """
    row = require_row(registry, key)
    source = source_of(registry, row)
    if source is None:
        return Foreseen(None, "it has left staging")
    document = source.document
    findings = inspect(document, registry.taxonomy)
    planned = plan_asset(document, findings, decision_of(row, draft, actor, now), registry.profile)
    if planned.document is None:
        why = planned.detail.get("why", "")
        return Foreseen(None, f"{planned.reason}{f': {why}' if why else ''}")
    return Foreseen(shown(dict(planned.document)))
