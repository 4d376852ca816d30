"""Whether a draft can be stored and published: everything that is wrong with it at once, in words for its author."""

import re
from collections.abc import Iterator

from asset_registry_pipeline.registry.decisions import AGAINST, Decision, Verdict
from asset_registry_pipeline.registry.layers import SONG_LAYERS, kind_of
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.transform import wrong_with
from asset_registry_pipeline.steps.curation.model import Draft

_LONGEST_REASON = 2_000
_HASH = 64
_SURROGATE = re.compile("[\ud800-\udfff]")


def problems_of(draft: Draft, layer: str, profile: Profile) -> list[str]:
    """What keeps a draft about an asset of this layer from being stored; nothing where it may be."""
    return [why] if (why := unstorable(draft)) else [*_said(draft, layer, profile)]


def _said(draft: Draft, layer: str, profile: Profile) -> Iterator[str]:
    words = draft.words if draft.words and draft.words.strip() else None
    against = draft.verdict in AGAINST
    if len(draft.source_hash) != _HASH:
        yield "the source hash is not one: it has to be as the item's view gave it"
    if draft.verdict is Verdict.EDIT and words is None:
        yield "an edit needs words"
    if against and not (draft.reason or "").strip():
        yield f"to {draft.verdict} it, a reason is needed"
    if words is not None and (why := wrong_with(words)):
        yield f"the words cannot be used: {why}"
    if draft.reason is not None and len(draft.reason) > _LONGEST_REASON:
        yield f"the reason has {len(draft.reason):,} characters, {_LONGEST_REASON:,} allowed"
    if layer not in SONG_LAYERS:
        if draft.title or draft.album_art or draft.facts:
            yield "only a song has a title, album art and facts about its music"
    elif not against and words is None and profile.creator_description[kind_of(layer)] == "curator_only":
        yield "a song needs its curator's words"


def unstorable(said: Draft | Decision) -> str | None:
    """The first text of a draft or decision that no store can keep; None where all can be kept."""
    title, art, facts = said.title, said.album_art, said.facts
    texts = {
        "words": said.words,
        "reason": said.reason,
        "source hash": said.source_hash,
        **({name: getattr(title, name) for name in ("song", "album", "artist")} if title else {}),
        **({"album art": art.url} if art else {}),
        **({name: getattr(facts, name) for name in ("key", "mood", "genre", "tempo")} if facts else {}),
    }
    for name, text in texts.items():
        if text is not None and "\0" in text:
            return f"{name} holds a NUL character"
        if text is not None and _SURROGATE.search(text):
            return f"{name} holds half of a character (a lone surrogate)"
    return None
