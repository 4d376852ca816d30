"""Which picture is a song's cover: what its curator said, else what was looked up and fits beyond doubt.

Fetching, looking at and keeping it is for `album_art`; which songs are worked on is for `enrichment`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from asset_registry_pipeline.lookups.candidates import LookUp, LookUpState
from asset_registry_pipeline.registry.decisions import ArtChoice, ArtVerdict
from asset_registry_pipeline.registry.enrichment import ArtState
from asset_registry_pipeline.registry.song_matches import ArtCandidate
from asset_registry_pipeline.registry.song_titles import SongTitle
from asset_registry_pipeline.steps.album_art import Cover, Failure, Picture
from asset_registry_pipeline.stores.album_art import StoredObject

OFF = "ALBUM_ART_BUCKET is not set: songs go without album art"
NOT_WANTED = "the profile looks up no album art"
REFUSED = "its curator wants none"


@dataclass(frozen=True)
class Art:
    """How a song's album art stands: the fields of an enrichment, and the objects of a cover that is in the bucket."""

    state: ArtState
    why: str
    by: Literal["curator", "unattended"] | None = None
    album_art: dict[str, Any] | None = None
    candidates: tuple[ArtCandidate, ...] = ()
    duration: float | None = None
    again: bool = False
    objects: tuple[StoredObject, ...] = ()


@dataclass(frozen=True)
class Means:
    """What album art is had by: who is asked for a title, who brings a picture into the bucket (None: no bucket)."""

    look_up: Callable[[SongTitle], LookUp]
    bring: Callable[[Picture, str, datetime | None], Cover | Failure] | None


def art_of(
    title: SongTitle,
    choice: ArtChoice | None,
    offered: tuple[ArtCandidate, ...],
    means: Means,
    *,
    item: str,
    words_at: datetime | None,
) -> Art:
    """A song's album art. `offered`: the candidates that its curator has seen, where there are some."""
    if choice is not None and choice.verdict == ArtVerdict.REFUSE:
        return Art("refused", REFUSED, by="curator", candidates=offered)
    if means.bring is None:
        return Art("off", OFF, candidates=offered)
    if choice is not None:
        chosen = next((one for one in offered if one.artwork_url == choice.url), None)
        picture = Picture(
            choice.url or "", choice.source or "Manual", chosen.quality if chosen is not None else "High"
        )
        brought = means.bring(picture, item, words_at)
        # A picture that a curator puts in the place of others says nothing of how long the song is.
        heard = chosen if choice.verdict == ArtVerdict.ACCEPT else None
        return _settled(brought, "curator", "chosen by its curator", offered, heard)
    found = means.look_up(title)
    if found.state is not LookUpState.STRONG:
        again = found.state in (LookUpState.LOCKED_OUT, LookUpState.FAILED)
        return Art(_STATES[found.state], found.why, candidates=found.candidates, again=again)
    best = found.candidates[0]
    brought = means.bring(Picture(best.artwork_url, best.source, best.quality), item, words_at)
    return _settled(brought, "unattended", found.why, found.candidates, best)


_STATES: dict[LookUpState, ArtState] = {
    LookUpState.WEAK: "weak",
    LookUpState.NONE: "none",
    LookUpState.FAILED: "failed",
    LookUpState.LOCKED_OUT: "locked_out",
    LookUpState.OFF: "off",
}


def _settled(
    brought: Cover | Failure,
    by: Literal["curator", "unattended"],
    why: str,
    candidates: tuple[ArtCandidate, ...],
    chosen: ArtCandidate | None,
) -> Art:
    if isinstance(brought, Failure):
        return Art("failed", brought.why, by=by, candidates=candidates, again=brought.again)
    duration = chosen.duration if chosen is not None else None
    return Art("settled", why, by, brought.album_art, candidates, duration, objects=brought.objects)
