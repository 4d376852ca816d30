"""How the songs' album art and metadata stand, counted anew: unattended, settled by curators, waiting."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from asset_registry_pipeline.registry.documents import masked
from asset_registry_pipeline.registry.enrichment import SETTLED, Enrichment
from asset_registry_pipeline.registry.strategies import LOOKED_UP
from asset_registry_pipeline.steps.enrichment import Enriched, Song, art_label, songs
from asset_registry_pipeline.steps.finding_covers import NOT_WANTED
from asset_registry_pipeline.steps.renditions import ORIGINAL, SIDES
from asset_registry_pipeline.stores.connections import Registry

GOAL = 0.9
"""The share of songs whose album art is to be processed."""
PROCESSED = ("unattended", "curated", "refused")
MEANINGS: Mapping[str, str] = {
    "unattended": "taken from a look-up that fits beyond doubt",
    "curated": "accepted or replaced by a curator",
    "refused": "a curator wants none",
    "weak": "only doubtful candidates: a curator is to accept one, replace it or refuse",
    "none": "nobody who was asked has a picture: a curator is to give one, or to refuse",
    "failed": "the picture, or who was asked, could not be had: see why",
    "locked_out": "a service asks for a pause: the next run after it takes it up",
    "off": "nobody is to look: ALBUM_ART_BUCKET is not set, or the profile wants none",
    "not yet": "no run has looked at these words yet",
}
"""What each state means, in the order in which they are told."""
_MOST_SHOWN = 50


@dataclass(frozen=True)
class ArtReport:
    """How songs stand; shares are of the songs that have words. `thumbnails`: name and address of small covers."""

    songs: int
    without_words: int
    counts: Mapping[str, int]
    metadata_made: int
    metadata_failed: int
    provider: str
    waiting: tuple[Mapping[str, Any], ...]
    thumbnails: tuple[tuple[str, str], ...]
    goal: float = GOAL

    @property
    def processed_share(self) -> float:
        """Of songs with words, how many are settled: unattended or by a curator; 0 to 1."""
        return self._share(sum(self.counts.get(state, 0) for state in PROCESSED))

    @property
    def unattended_share(self) -> float:
        """Of songs with words, how many nobody had to look at; 0 to 1."""
        return self._share(self.counts.get("unattended", 0))

    @property
    def goal_reached(self) -> bool:
        """Whether more than the goal is processed."""
        return self.processed_share > self.goal

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each state that there is, and one for songs that have no words."""
        told = [
            {"album art": state, "songs": self.counts[state], "meaning": meaning}
            for state, meaning in MEANINGS.items()
            if self.counts.get(state)
        ]
        none = {
            "album art": "no words yet",
            "songs": self.without_words,
            "meaning": "waits for a curator's words",
        }
        return [*told, *([none] if self.without_words else [])]

    def _share(self, songs: int) -> float:
        return round(songs / self.songs, 4) if self.songs else 0.0


class Telling:
    """A report in the making: songs are told one by one, each with what stands of it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._looked_up = registry.profile.wants(LOOKED_UP)
        self._songs = 0
        self._counts: Counter[str] = Counter()
        self._made: Counter[str] = Counter()
        self._waiting: list[dict[str, Any]] = []
        self._thumbnails: list[tuple[str, str]] = []

    def add(self, song: Song, standing: Enrichment | None) -> None:
        """Count a song that has its words."""
        current = standing if standing is not None and standing.inputs == song.inputs else None
        self._songs += 1
        self._counts[art_label(current) if current is not None else "not yet"] += 1
        if current is not None:
            self._made[current.ai_state] += 1
        if _waits(current, looked_up=self._looked_up):
            self._waiting.append(_row(song, current))
        if current is not None and current.art_state == "settled" and len(self._thumbnails) < _MOST_SHOWN:
            self._thumbnails += _thumbnail(song, current)

    def report(self, without_words: int) -> ArtReport:
        """What was told so far; `without_words`: songs beside them that have none."""
        return ArtReport(
            self._songs,
            without_words,
            dict(self._counts),
            self._made["made"],
            self._made["failed"],
            self._registry.metadata_provider,
            tuple(self._waiting),
            tuple(self._thumbnails),
        )


def compile_art(registry: Registry) -> ArtReport:
    """Count the songs of staging by how their enrichment stands; nothing is written and nobody outside is asked."""
    counted, telling = Enriched(), Telling(registry)
    for song, standing in songs(registry, counted):
        telling.add(song, standing)
    return telling.report(counted.without_words)


def _waits(current: Enrichment | None, *, looked_up: bool) -> bool:
    """Whether somebody, or another run, has to do something about a song."""
    if current is None or current.ai_state == "failed" or current.again:
        return True
    return looked_up and current.art_state not in SETTLED


def _row(song: Song, current: Enrichment | None) -> dict[str, Any]:
    title = song.title
    return {
        "song": song.source.label,
        "title": " / ".join(filter(None, (title.song, title.album, title.artist))),
        "album_art": art_label(current) if current is not None else "not yet",
        "why": masked(current.art_why) if current is not None and current.art_why != NOT_WANTED else "",
        "candidates": len(current.candidates) if current is not None else 0,
        "metadata": masked(current.ai_why) if current is not None and current.ai_state == "failed" else "",
        "item": song.source.item,
    }


def _thumbnail(song: Song, current: Enrichment) -> list[tuple[str, str]]:
    """The small cover, whose address is that of the original but for its end."""
    url = str((current.album_art or {}).get("url", ""))
    head, mark, _ = url.rpartition(f"-{ORIGINAL}.")
    return [(song.source.label, f"{head}-{SIDES[0]}x{SIDES[0]}.jpg")] if mark else []
