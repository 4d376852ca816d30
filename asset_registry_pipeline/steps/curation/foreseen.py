"""What an approval would write, before anybody has decided: the plan's own computation, with a draft in its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.registry.transform import plan_asset
from asset_registry_pipeline.steps.curation.access import Looked, shown
from asset_registry_pipeline.steps.curation.deciding import decision_of
from asset_registry_pipeline.steps.curation.model import Draft
from asset_registry_pipeline.stores.connections import Registry


@dataclass(frozen=True)
class Foreseen:
    """The document that a decision would lead to, e-mail addresses masked; without one `why` says what stops it."""

    document: Mapping[str, Any] | None
    why: str = ""


def foresee(registry: Registry, actor: Actor, about: Looked, draft: Draft, now: datetime) -> Foreseen:
    """The outcome of an item if this draft were stored now; nothing is stored. Songs without their enrichment wait."""
    if about.source is None:
        return Foreseen(None, "it has left staging")
    decision = decision_of(about.row, draft, actor, now)
    planned = plan_asset(about.source.document, about.findings, decision, registry.profile)
    if planned.document is None:
        why = planned.detail.get("why", "")
        return Foreseen(None, f"{planned.reason}{f': {why}' if why else ''}")
    return Foreseen(shown(dict(planned.document)))
