"""What was found out about a song, for the domain's tests: everything, but for what a test changes."""

from datetime import UTC, datetime
from typing import Any

from asset_registry_pipeline.registry.ai_metadata import RULES_VERSION, made_by_rules
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.enrichment import Enrichment, inputs_of, time_of_words
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.transform import words_of

ART = {
    "url": "https://art.invalid/cover-500.jpg", "sourceUrl": "https://is1-ssl.mzstatic.com/image/600x600bb.jpg",
    "source": "iTunes", "quality": "High", "uploadedAt": datetime(2025, 9, 1, tzinfo=UTC),
    "contentType": "image/jpeg", "size": 40_000, "dimensions": {"width": 600, "height": 600},
}  # fmt: skip


def found_out(source: SourceDocument, about: Decision | None, profile: Profile, **changes: Any) -> Enrichment:
    """Album art that was settled unattended, metadata by the rules, and how long the song is."""
    body = source.body or {}
    words = words_of(body, about, "songs", profile)
    found: dict[str, Any] = {
        "key": "" if about is None else about.key, "inputs": inputs_of(source, about, words, RULES_VERSION),
        "album_art": ART, "art_state": "settled", "art_by": "unattended", "art_why": "Same song and artist",
        "candidates": (), "ai_state": "made", "ai_why": "", "duration": 173.5,
        "ai_metadata": made_by_rules(
            words or "", body.get("tags") or (), layer="G", made_at=time_of_words(body, about)
        ),
    } | changes  # fmt: skip
    return Enrichment(**found)
