"""Curators who decide until they die or lose their connection, for `mortal.py`; a file notes what was acknowledged."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.recovery.registry_mortal import HAPPENINGS, watch

__all__ = ["HAPPENINGS", "migrate", "prepare", "watch"]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ATTEMPTS = 50
ACKNOWLEDGED = "acknowledged"


def words_about(key: str) -> str:
    """What a curator says of an item."""
    return f"Words about {key}, äöü 🎵."


def migrate(order: Mapping[str, Any], outside: Any) -> list[str]:
    """Claim and decide items one after the other; each is noted once it is acknowledged, and never before."""
    from asset_registry_pipeline.registry.roles import Actor, Role
    from asset_registry_pipeline.stores.connections import opened
    from asset_registry_pipeline.stores.settings import Settings
    from migration_kit.failures import TransientError

    outside.stage = "deciding"
    who = Actor(order["name"], Role.CURATOR)
    notes = os.open(order["notes"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    left = list(order["keys"])
    for attempt in range(_ATTEMPTS):
        try:
            with opened(Settings(**order["settings"])) as registry:
                while left:
                    _decide(registry, who, left[0])
                    outside.reached(ACKNOWLEDGED)
                    os.write(notes, f"{left.pop(0)}\n".encode())
                return []
        except TransientError:
            if attempt == _ATTEMPTS - 1:
                raise
    return []


def _decide(registry: Any, who: Any, key: str) -> None:
    from asset_registry_pipeline.registry.decisions import Verdict
    from asset_registry_pipeline.steps import curation
    from asset_registry_pipeline.steps.curation.model import Draft

    draft = Draft(Verdict.EDIT, registry.queue.get(key)["source_hash"], 0, words_about(key))
    try:
        curation.claim(registry, who, key, NOW)
    except curation.CurationError as refused:
        # Stored before the answer was lost: it is sent again, as somebody with the form still open would do.
        if refused.code != "already_decided":
            raise
    curation.decide(registry, who, key, draft, NOW)


def prepare() -> None:
    """What takes long to import is imported, and nothing is connected to."""
    import pymongo  # noqa: F401

    import asset_registry_pipeline.steps.curation
    import asset_registry_pipeline.stores.connections  # noqa: F401
