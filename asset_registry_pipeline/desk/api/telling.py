"""Decisions and drafts by the names that the API and the CSV give their parts."""

from typing import Any

from asset_registry_pipeline.desk.api import json_form
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.steps.curation.model import Draft


def decision_told(decision: Decision) -> dict[str, Any]:
    """A decision, with whom it is by."""
    return {
        "layer": decision.layer,
        "name": decision.name,
        "nna_address": decision.nna_address,
        **_said(decision),
        "decidedBy": masked(decision.decided_by),
        "decidedAt": json_form.moment(decision.decided_at),
    }


def draft_told(draft: Draft) -> dict[str, Any]:
    """What somebody had sent and what was not stored: ready to be sent again."""
    return {**_said(draft), "revision": draft.revision}


def _said(by: Decision | Draft) -> dict[str, Any]:
    title = None
    if by.title is not None:
        title = {
            "songName": by.title.song,
            "albumName": by.title.album,
            "artistName": by.title.artist,
        }
    return {
        "sourceHash": by.source_hash,
        "decision": str(by.verdict),
        "creatorDescription": by.words,
        "reason": by.reason,
        "title": title,
        "albumArt": json_form.told(by.album_art),
        "facts": json_form.told(by.facts),
    }
