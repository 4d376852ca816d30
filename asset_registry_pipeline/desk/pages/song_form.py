"""The part of the form that only songs have: title, album art and facts; between fields and what a decision holds."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    ArtVerdict,
    Decision,
    FactsGiven,
    SongTitleGiven,
)
from asset_registry_pipeline.registry.song_titles import SongTitle, parse_song_line

if TYPE_CHECKING:
    from asset_registry_pipeline.desk.pages.item_form import ItemForm

T = TypeVar("T")
_FACTS = (("bpm", "bpm"), ("music_key", "key"), ("mood", "mood"), ("genre", "genre"), ("tempo", "tempo"))
"""The fields of the form, and the facts that they are."""


@dataclass(frozen=True)
class SongParts:
    """What a curator put in the place of what was found out; None where that stands."""

    title: SongTitleGiven | None = None
    album_art: ArtChoice | None = None
    facts: FactsGiven | None = None


NOTHING = SongParts()


def parts(form: "ItemForm", wrong: MutableMapping[str, str]) -> SongParts:
    """What the fields of a song say; what is wrong with them goes into `wrong`, by field."""
    return SongParts(
        title=_made(lambda: _title(form), "song", wrong),
        album_art=_made(lambda: _art(form), "art_url" if form.art == "replace" else "art", wrong),
        facts=_facts(form, wrong),
    )


def values(earlier: Decision) -> dict[str, str]:
    """The fields that an earlier decision fills."""
    found: dict[str, str] = {}
    if earlier.title is not None:
        found |= {name: getattr(earlier.title, name) or "" for name in ("song", "album", "artist")}
    if (art := earlier.album_art) is not None:
        if art.verdict == ArtVerdict.ACCEPT:
            found["art"] = accepting(art.source or "", art.url or "")
        elif art.verdict == ArtVerdict.REPLACE:
            found |= {"art": "replace", "art_url": art.url or "", "art_source": art.source or "Manual"}
        else:
            found["art"] = "refuse"
    if earlier.facts is not None:
        given = ((field, getattr(earlier.facts, name)) for field, name in _FACTS)
        found |= {field: str(value) for field, value in given if value is not None}
    return found


def title_in(form: "ItemForm") -> SongTitle:
    """The title as it stands in the form: as the curator has changed it, else as their words say."""
    parsed = parse_song_line(form.text)
    if not is_changed(form):
        return parsed
    given = (form.song.strip() or None, form.album.strip() or None, form.artist.strip() or None)
    return SongTitle(*given, "high", form.text)


def is_changed(form: "ItemForm") -> bool:
    """Whether the curator has changed the title since it was filled in from the words."""
    fields = (form.song, form.album, form.artist)
    return tuple(map(str.strip, fields)) != (form.parsed_song, form.parsed_album, form.parsed_artist)


def with_parsed_title(form: "ItemForm", parsed: SongTitle) -> "ItemForm":
    """The form with the title that its words say, unless the curator has changed it."""
    said = {name: getattr(parsed, name) or "" for name in ("song", "album", "artist")}
    update = {f"parsed_{name}": text for name, text in said.items()}
    return form.model_copy(update=update if is_changed(form) else update | said)


def accepting(source: str, url: str) -> str:
    """The value of the choice that takes a candidate."""
    return f"accept {source} {url}"


def accepted_url(choice: str) -> str:
    """The address in such a value; empty where it holds none."""
    words = choice.split(" ", 2)
    return words[2] if words[0] == "accept" and len(words) == 3 else ""


def _title(form: "ItemForm") -> SongTitleGiven | None:
    given = [text.strip() or None for text in (form.song, form.album, form.artist)]
    parsed = parse_song_line(form.text)
    # Fields that nobody touched may be older than the last words that were typed: then the words count.
    if not is_changed(form) or given == [parsed.song, parsed.album, parsed.artist]:
        return None
    return SongTitleGiven(*given)


def _art(form: "ItemForm") -> ArtChoice | None:
    if form.art == "refuse":
        return ArtChoice(ArtVerdict.REFUSE)
    if form.art == "replace":
        return ArtChoice(ArtVerdict.REPLACE, form.art_url.strip(), form.art_source or None)
    if form.art.startswith("accept "):
        return ArtChoice(ArtVerdict.ACCEPT, accepted_url(form.art), form.art.split(" ", 2)[1])
    if form.art:
        raise ValueError("choose one of the ways to settle the album art")
    return None


def _facts(form: "ItemForm", wrong: MutableMapping[str, str]) -> FactsGiven | None:
    texts = {name: getattr(form, field).strip() for field, name in _FACTS}
    given: dict[str, str] = {name: text for name, text in texts.items() if text and name != "bpm"}
    bpm = texts["bpm"]
    if bpm and not (bpm.isascii() and bpm.isdigit() and len(bpm) <= 4):
        wrong["bpm"] = "a whole number of beats per minute"
        return None
    if not given and not bpm:
        return None
    return _made(lambda: FactsGiven(bpm=int(bpm) if bpm else None, **given), "bpm" if bpm else "mood", wrong)


def _made(make: Callable[[], T | None], field: str, wrong: MutableMapping[str, str]) -> T | None:
    try:
        return make()
    except ValueError as error:
        wrong[field] = str(error)
        return None
