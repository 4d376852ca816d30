"""The named strategies in which the plans differ: how each Phase 2B field is made; no choosing between them.

Every strategy is a pure function of the source and of what is known of it, so that the same always gives the same
document. The time in `generatedAt` is therefore the time of the words that the metadata was made from, not of the run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asset_registry_pipeline.registry import shapes, texts
from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.ai_metadata import (
    only_stated_beats,
    read_facts,
    simple_metadata,
    with_facts,
)
from asset_registry_pipeline.registry.decisions import Decision, FactsGiven
from asset_registry_pipeline.registry.enrichment import Enrichment, title_of
from asset_registry_pipeline.registry.shapes import is_text

Body = Mapping[str, Any]
NOTICE = "Auto-generated from existing description"


@dataclass(frozen=True)
class Material:
    """What a field of a new document is made of: the source, the words it will have, and what is known beside them.

    `enrichment` only where it was made from just these words and this decision.
    """

    body: Body
    words: str | None
    decision: Decision | None = None
    enrichment: Enrichment | None = None

    @property
    def facts(self) -> FactsGiven | None:
        """The facts that a curator gave."""
        return self.decision.facts if self.decision is not None else None


def cleaned_description(body: Body) -> str | None:
    """The description, cleaned and shortened by sentences; None where only a curator can help."""
    given = body.get("creatorDescription")
    for text in (given, body.get("description")):
        if not is_text(text):
            continue
        cleaned = texts.clean(text)
        if not cleaned or texts.is_placeholder_once_cleaned(cleaned):
            continue
        if not is_hfn(cleaned.split(":")[0]):
            return texts.shorten(cleaned)
    return None


def description_or_notice(body: Body) -> str | None:
    """The description, shortened where it is over the limit; a notice where there is none, or only a name."""
    text = (body.get("description") or "").strip()
    return NOTICE if is_hfn(text.split(":")[0]) else texts.shorten(text) or NOTICE


def description_or_empty(body: Body) -> str | None:
    """The description, shortened where it is over the limit; an empty text where there is none."""
    return texts.shorten(body.get("description") or "")


def friendly_name_or_name(body: Body) -> str | None:
    """COALESCE(friendlyName, name)."""
    friendly = body.get("friendlyName")
    return texts.shorten(friendly if is_text(friendly) and friendly.strip() else body["name"])


def curator_only(body: Body) -> str | None:  # noqa: ARG001  # no source text may stand in for a curator's words
    """Nothing but what a curator gives."""
    return None


CREATOR_DESCRIPTION: Mapping[str, Callable[[Body], str | None]] = {
    "cleaned_description": cleaned_description,
    "description_or_notice": description_or_notice,
    "description_or_empty": description_or_empty,
    "friendly_name_or_name": friendly_name_or_name,
    "curator_only": curator_only,
}


def existing_ai_metadata(body: Body) -> dict[str, Any] | None:
    """The metadata that staging has already, put together again where it was spread or stringified."""
    value = body.get("aiMetadata")
    if value is None:
        return None
    if shapes.is_character_map(value):
        return shapes.join_character_map(value)
    if is_text(value):
        return shapes.parse_json_object(value)
    return dict(value) if isinstance(value, Mapping) and value else None


def description_and_tags(of: Material) -> dict[str, Any] | None:
    """The simple shape, filled with the description and tags that exist."""
    return existing_ai_metadata(of.body) or simple_metadata(
        generatedDescription=of.body.get("description") or "", tags=list(of.body.get("tags") or [])
    )


def legacy_description_and_tags(of: Material) -> dict[str, Any] | None:
    """The full shape, filled with the description and tags that exist and marked as older than AI."""
    return existing_ai_metadata(of.body) or {
        "generatedBy": "Legacy",
        "generationStrategy": "pre-ai",
        "processingTime": 0,
        "inputContext": {
            "creatorDescription": of.words,
            "layerStrategy": of.body["layer"],
            "additionalContext": None,
        },
        # No model judged anything: a number here would be made up.
        "confidence": None,
        "generatedAt": of.body.get("createdAt"),
        "version": "legacy",
        "generatedDescription": of.body.get("description") or "",
        "tags": list(of.body.get("tags") or []),
    }


def legacy_marker(of: Material) -> dict[str, Any] | None:
    """Only the marker: older than AI, made when the asset was made."""
    return existing_ai_metadata(of.body) or {
        "generatedBy": "Legacy",
        "generationStrategy": "pre-ai",
        "generatedAt": of.body.get("createdAt"),
    }


def regenerated(of: Material) -> dict[str, Any] | None:
    """What a provider made anew from the curator's words, with the facts that the curator put in their place."""
    made = of.enrichment.ai_metadata if of.enrichment is not None else None
    return with_facts(only_stated_beats(made, of.words or ""), of.facts) if made is not None else None


def no_ai_metadata(of: Material) -> dict[str, Any] | None:
    """What staging has, else nothing."""
    return existing_ai_metadata(of.body)


AI_METADATA: Mapping[str, Callable[[Material], dict[str, Any] | None]] = {
    "none": no_ai_metadata,
    "description_and_tags": description_and_tags,
    "legacy_description_and_tags": legacy_description_and_tags,
    "legacy_marker": legacy_marker,
    "regenerated": regenerated,
}
REGENERATED = "regenerated"


def existing_album_art(of: Material) -> Any:
    """What staging has, else nothing."""
    return of.body.get("albumArt") or None


def looked_up_album_art(of: Material) -> Any:
    """What was looked up, or what a curator put in its place; else what staging has, unless a curator wants none."""
    if of.enrichment is not None and of.enrichment.art_state == "settled":
        return of.enrichment.album_art
    refused = of.enrichment is not None and of.enrichment.art_state == "refused"
    return None if refused else existing_album_art(of)


ALBUM_ART: Mapping[str, Callable[[Material], Any]] = {
    "none": existing_album_art,
    "looked_up": looked_up_album_art,
}
LOOKED_UP = "looked_up"


def existing_music_metadata(of: Material) -> Any:
    """What staging has, else nothing."""
    return of.body.get("musicMetadata") or None


def music_metadata_from_words(of: Material) -> dict[str, Any] | None:
    """What the curator's words and given facts state about the music, and the title; None without words.

    `duration` in seconds, where the song was looked up and the match accepted.
    """
    if not of.words:
        return None
    stated = with_facts(read_facts(of.words, of.body.get("tags") or []).stated, of.facts)
    title = title_of(of.body, of.decision, of.words)
    return {
        "bpm": stated["bpm"],
        "key": stated["key"],
        "duration": of.enrichment.duration if of.enrichment is not None else None,
        "genre": stated["genre"],
        "extractedSongData": {
            "songName": title.song,
            "albumName": title.album,
            "artistName": title.artist,
            "originalInput": title.original,
        },
    }


MUSIC_METADATA: Mapping[str, Callable[[Material], Any]] = {
    "none": existing_music_metadata,
    "from_words": music_metadata_from_words,
}
