"""What every provider of metadata takes and gives; what makes one belongs to its own module."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asset_registry_pipeline.registry.song_titles import SongTitle
from migration_kit.failures import PermanentError


@dataclass(frozen=True)
class SongText:
    """What is known of a song: its words and when they were written, its tags, its title; `layer` as it is stored."""

    words: str
    tags: tuple[str, ...]
    layer: str
    title: SongTitle
    written_at: Any


class UnusableAnswerError(PermanentError):
    """The provider answered, and nothing can be made of it: this is about one song, not about the settings."""


Provider = Callable[[SongText], dict[str, Any]]
"""Makes `aiMetadata` in the full shape.

Raises UnusableAnswerError where one song is to blame, TransientError where another run may have more luck, and another
PermanentError where no song can be made as things are set.
"""
