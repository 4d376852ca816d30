"""The named strategies in which the plans differ: how each Phase 2B field is made; no choosing between them.

Every strategy is a pure function of the source, so that the same source always gives the same document. The time in
`generatedAt` is therefore the time of the words that the metadata was made from, not of the run.
"""

from collections.abc import Callable, Mapping
from typing import Any

from asset_registry_pipeline.registry import shapes, song_titles, texts
from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.ai_metadata import RULES_VERSION, read_facts
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.shapes import is_text

Body = Mapping[str, Any]
NOTICE = "Auto-generated from existing description"

_SIMPLE_SHAPE = ("generatedDescription", "mood", "genre", "tempo", "key", "duration", "bpm", "tags")


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


def description_and_tags(body: Body, words: str | None, decision: Decision | None) -> dict[str, Any] | None:
    """The simple shape, filled with the description and tags that exist."""
    del words, decision
    return existing_ai_metadata(body) or _simple(
        generatedDescription=body.get("description") or "", tags=list(body.get("tags") or [])
    )


def legacy_description_and_tags(
    body: Body, words: str | None, decision: Decision | None
) -> dict[str, Any] | None:
    """The full shape, filled with the description and tags that exist and marked as older than AI."""
    del decision
    return existing_ai_metadata(body) or {
        "generatedBy": "Legacy",
        "generationStrategy": "pre-ai",
        "processingTime": 0,
        "inputContext": {
            "creatorDescription": words,
            "layerStrategy": body["layer"],
            "additionalContext": None,
        },
        # No model judged anything: a number here would be made up.
        "confidence": None,
        "generatedAt": body.get("createdAt"),
        "version": "legacy",
        "generatedDescription": body.get("description") or "",
        "tags": list(body.get("tags") or []),
    }


def legacy_marker(body: Body, words: str | None, decision: Decision | None) -> dict[str, Any] | None:
    """Only the marker: older than AI, made when the asset was made."""
    del words, decision
    return existing_ai_metadata(body) or {
        "generatedBy": "Legacy",
        "generationStrategy": "pre-ai",
        "generatedAt": body.get("createdAt"),
    }


def rules_from_words(body: Body, words: str | None, decision: Decision | None) -> dict[str, Any] | None:
    """Made anew from the curator's words by the `rules` provider; None without words."""
    if not words:
        return None
    facts = read_facts(words, body.get("tags") or [])
    return {
        "generatedBy": "rules",
        "generationStrategy": "text-rules",
        "processingTime": 0,
        "inputContext": {
            "creatorDescription": words,
            "layerStrategy": body["layer"],
            "additionalContext": {"tags": list(facts.tags)},
        },
        "confidence": facts.coverage,
        "generatedAt": decision.decided_at if decision else body.get("updatedAt"),
        "version": RULES_VERSION,
        **_simple(
            generatedDescription=texts.shorten(texts.clean(words)),
            mood=facts.mood,
            genre=list(facts.genre),
            tempo=facts.tempo,
            key=facts.key,
            bpm=facts.bpm,
            tags=list(facts.tags),
        ),
        "energy": facts.energy,
    }


def no_ai_metadata(body: Body, words: str | None, decision: Decision | None) -> dict[str, Any] | None:
    """What staging has, else nothing."""
    del words, decision
    return existing_ai_metadata(body)


AI_METADATA: Mapping[str, Callable[[Body, str | None, Decision | None], dict[str, Any] | None]] = {
    "none": no_ai_metadata,
    "description_and_tags": description_and_tags,
    "legacy_description_and_tags": legacy_description_and_tags,
    "legacy_marker": legacy_marker,
    "rules_from_words": rules_from_words,
}


def existing_album_art(body: Body) -> Any:
    """What staging has, else nothing."""
    return body.get("albumArt") or None


def pending_album_art(body: Body) -> Any:
    """What staging has, else nothing yet: what is still to be looked up is counted as pending."""
    return body.get("albumArt") or None


ALBUM_ART: Mapping[str, Callable[[Body], Any]] = {"none": existing_album_art, "pending": pending_album_art}


def existing_music_metadata(body: Body, words: str | None) -> Any:
    """What staging has, else nothing."""
    del words
    return body.get("musicMetadata") or None


def music_metadata_from_words(body: Body, words: str | None) -> dict[str, Any] | None:
    """What the curator's words state about the music, and the title that they name; None without words."""
    if not words:
        return None
    facts = read_facts(words, body.get("tags") or [])
    title = song_titles.parse_song_line(words)
    return {
        "bpm": facts.bpm,
        "key": facts.key,
        "duration": None,
        "genre": list(facts.genre),
        "extractedSongData": {
            "songName": title.song,
            "albumName": title.album,
            "artistName": title.artist,
            "originalInput": words,
        },
    }


MUSIC_METADATA: Mapping[str, Callable[[Body, str | None], Any]] = {
    "none": existing_music_metadata,
    "from_words": music_metadata_from_words,
}


def _simple(**given: Any) -> dict[str, Any]:
    return {field: given.get(field, [] if field in ("genre", "tags") else None) for field in _SIMPLE_SHAPE}
