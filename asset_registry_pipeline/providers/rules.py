"""The provider that needs nobody: what the words themselves state (`registry.ai_metadata`)."""

from typing import Any

from asset_registry_pipeline.providers.model import SongText
from asset_registry_pipeline.registry.ai_metadata import made_by_rules


def make_by_rules(song: SongText) -> dict[str, Any]:
    """Metadata by vocabulary and pattern; the same words always give the same."""
    return made_by_rules(song.words, song.tags, layer=song.layer, made_at=song.written_at)
