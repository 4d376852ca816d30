"""Songs that have their words get album art and metadata: once for each state of what these are made from.

One song that fails never stops the others. What stands is not asked for again: a second run asks nobody outside and
writes nothing. What may pass by itself (a service that locked us out, a server that was down) is taken up by every run.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from asset_registry_pipeline.providers import SongText, UnusableAnswerError
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.enrichment import (
    SETTLED,
    Enrichment,
    art_inputs_of,
    inputs_of,
    time_of_words,
    title_of,
)
from asset_registry_pipeline.registry.layers import SONG_LAYERS, kind_of
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.song_titles import SongTitle
from asset_registry_pipeline.registry.strategies import LOOKED_UP, REGENERATED
from asset_registry_pipeline.registry.transform import (
    ALBUM_ART_WAITING,
    ENRICHMENT_WAITING,
    METADATA_FAILED,
    Disposition,
    Planned,
    decision_for,
    words_of,
)
from asset_registry_pipeline.steps.cover_checks import cover_faults
from asset_registry_pipeline.steps.expecting import findings_of, surroundings
from asset_registry_pipeline.steps.finding_covers import NOT_WANTED, Art, art_of
from asset_registry_pipeline.steps.plan import outcomes
from asset_registry_pipeline.steps.sources import chunks, decision_key, require_documents
from asset_registry_pipeline.steps.workshop import Workshop, open_workshop
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.failures import TransientError
from migration_kit.progress import track

NO_WORDS = "there are no words to make metadata from"
METADATA_NOT_WANTED = "the profile makes no new metadata"
NOT_PUT_BACK = "its objects are not in the bucket as they were written, and could not be put back"
_LAYER = SONG_LAYERS[0]
_WAITS_FOR_IT = (ENRICHMENT_WAITING, METADATA_FAILED, ALBUM_ART_WAITING)


@dataclass(frozen=True)
class Song:
    """A song that has all that it needs from people, with what its enrichment is made from."""

    source: SourceDocument
    decision: Decision | None
    words: str | None
    inputs: str
    art_inputs: str

    @property
    def key(self) -> str:
        """What decision and enrichment are stored under."""
        return decision_key(self.source)

    @property
    def title(self) -> SongTitle:
        """The title that is looked up."""
        return title_of(self.source.body or {}, self.decision, self.words)

    @property
    def written_at(self) -> Any:
        """The time of its words."""
        return time_of_words(self.source.body or {}, self.decision)


@dataclass
class Enriched:
    """What a run did and how the songs stand. `states`: of album art, with who settled it; `written`: enrichments."""

    songs: int = 0
    without_words: int = 0
    written: int = 0
    states: Counter[str] = field(default_factory=Counter)
    metadata: Counter[str] = field(default_factory=Counter)

    def add(self, enrichment: Enrichment, *, written: bool) -> None:
        """Count a song."""
        self.songs += 1
        self.written += written
        self.states[art_label(enrichment)] += 1
        self.metadata[enrichment.ai_state] += 1


def art_label(enrichment: Enrichment) -> str:
    """How a song's album art is counted: by who settled it, else by what keeps it from being settled."""
    if enrichment.art_state == "settled":
        return "unattended" if enrichment.art_by == "unattended" else "curated"
    return enrichment.art_state


def enrich(
    registry: Registry,
    *,
    log: Callable[[str], None],
    tell: Callable[[Song, Enrichment | None], None] = lambda *_: None,
) -> Enriched:
    """Give every song that has its words album art and metadata, song by song; each is stored when it is made.

    `tell` gets each song with what stands of it then.

    Raises:
        PermanentError: the layer is empty, a setting is wrong, or the bucket or a service refuses it.
        TransientError: the database or the bucket does not answer; a new run takes up what is left.
    """
    require_documents(registry, _LAYER)
    done = Enriched()
    asked = _asked_again(registry)
    with open_workshop(registry) as workshop:
        found = track(songs(registry, done), total=None, log=log, what="album art and metadata, songs")
        for song, standing in found:
            again = song.key in asked or song.source.item in asked or _LAYER in asked
            made = _enrichment(song, standing, workshop, again=again)
            written = made != standing and registry.enrichments.save(made, standing)
            done.add(made, written=written)
            # Where another run was the first, what it has stored counts.
            stands = written or made == standing
            tell(song, made if stands else registry.enrichments.among([song.key]).get(song.key))
    return done


def songs(registry: Registry, counted: Enriched) -> Iterator[tuple[Song, Enrichment | None]]:
    """The songs that have what they need from people, each with its standing enrichment; others are `counted`."""
    if not registry.profile.wants_enrichment(kind_of(_LAYER)):
        return
    around = surroundings(registry, _LAYER)
    for chunk in chunks(registry.staging.read(_LAYER)):
        keys = [decision_key(source) for source in chunk]
        decisions, standing = registry.decisions.among(keys), registry.enrichments.among(keys)
        planned = outcomes(registry, _LAYER, chunk, findings_of(registry, chunk, around), None)
        for source, key, one in zip(chunk, keys, planned, strict=True):
            if _has_words(one):
                yield _song(registry, source, decisions.get(key)), standing.get(key)
            else:
                counted.without_words += 1


def _has_words(planned: Planned) -> bool:
    """Whether nothing keeps a song from its enrichment, or only that it has none yet."""
    return planned.disposition is Disposition.READY or planned.reason in _WAITS_FOR_IT


def _song(registry: Registry, source: SourceDocument, decision: Decision | None) -> Song:
    kind, profile = kind_of(_LAYER), registry.profile
    counting = decision_for(source, decision, profile.curation[kind])
    words = words_of(source.body or {}, counting, kind, profile)
    inputs = inputs_of(source, counting, words, registry.metadata_provider)
    return Song(source, counting, words, inputs, art_inputs_of(source, counting, words))


def _asked_again(registry: Registry) -> set[str]:
    """The songs, or the layer, that somebody asked to be tried again since the newest plan."""
    plan = registry.ledger.plan(_LAYER)
    run = plan.run_id if plan is not None else None
    return {row["_id"] for row in registry.curation.retries(_LAYER) if row["plan"] == run}


@dataclass(frozen=True)
class _Metadata:
    """How a song's metadata stands; `why` tells of what there is none, `again` whether another run may have it."""

    made: Mapping[str, Any] | None
    why: str = ""
    again: bool = False


def _enrichment(song: Song, standing: Enrichment | None, workshop: Workshop, *, again: bool) -> Enrichment:
    """A song's enrichment: what stands of the same inputs is kept, the rest is made."""
    same = standing if standing is not None and standing.inputs == song.inputs else None
    art = _kept_art(song, standing, workshop, again=again) or _new_art(song, standing, workshop, again=again)
    metadata = _kept_metadata(same, again=again) or _metadata(song, workshop)
    if art.objects and art.album_art is not None:
        # Before the enrichment that names it: a cover that is in use is always recorded.
        workshop.registry.cover_records.keep(art.album_art["url"], song.key, art.objects)
    return Enrichment(
        key=song.key,
        inputs=song.inputs,
        album_art=art.album_art,
        art_state=art.state,
        art_by=art.by,
        art_why=art.why,
        candidates=art.candidates,
        ai_metadata=metadata.made,
        ai_state="made" if metadata.made is not None or metadata.why == METADATA_NOT_WANTED else "failed",
        ai_why=metadata.why,
        duration=art.duration,
        again=art.again or metadata.again,
        art_inputs=song.art_inputs,
    )


def _kept_art(song: Song, standing: Enrichment | None, workshop: Workshop, *, again: bool) -> Art | None:
    """The album art that stands, None where it is to be looked for (once more)."""
    if standing is None or standing.art_state == "off":
        return None
    again = again or standing.again
    if _is_settled(song, standing):
        broken = again and cover_faults(workshop.registry, [standing.album_art], workshop.covers)
        return None if broken else _standing_art(standing)
    same = standing.inputs == song.inputs and standing.art_state not in SETTLED
    return _standing_art(standing) if same and not again else None


def _is_settled(song: Song, standing: Enrichment) -> bool:
    """Whether what stands was settled for this very title and choice, whatever else has changed since."""
    return standing.art_state in SETTLED and standing.art_inputs == song.art_inputs


def _standing_art(standing: Enrichment) -> Art:
    return Art(
        standing.art_state,
        standing.art_why,
        standing.art_by,
        dict(standing.album_art) if standing.album_art is not None else None,
        standing.candidates,
        standing.duration,
    )


def _new_art(song: Song, standing: Enrichment | None, workshop: Workshop, *, again: bool) -> Art:
    """Album art looked for (once more); a settled one that cannot be put back stays what it is, and says so."""
    art = _art(song, standing, workshop, again=again)
    if standing is None or not _is_settled(song, standing) or art.state in SETTLED:
        return art
    why = f"{NOT_PUT_BACK}: {art.why}"
    return replace(_standing_art(standing), why=why, again=art.again)


def _art(song: Song, standing: Enrichment | None, workshop: Workshop, *, again: bool) -> Art:
    offered = standing.candidates if standing is not None else ()
    if not workshop.registry.profile.wants(LOOKED_UP):
        return Art("off", NOT_WANTED, candidates=offered)
    choice = song.decision.album_art if song.decision is not None else None
    return art_of(
        song.title,
        choice,
        offered,
        workshop.means(again=again),
        item=song.source.item,
        words_at=song.written_at if isinstance(song.written_at, datetime) else None,
    )


def _kept_metadata(same: Enrichment | None, *, again: bool) -> _Metadata | None:
    """The metadata that stands, None where it is to be made."""
    if same is None or same.ai_why == METADATA_NOT_WANTED:
        return None
    if same.ai_metadata is None and (again or same.again):
        return None
    return _Metadata(same.ai_metadata, same.ai_why)


def _metadata(song: Song, workshop: Workshop) -> _Metadata:
    if not workshop.registry.profile.wants(REGENERATED):
        return _Metadata(None, METADATA_NOT_WANTED)
    if not song.words:
        return _Metadata(None, NO_WORDS)
    body = song.source.body or {}
    tags = tuple(tag for tag in body.get("tags") or () if is_text(tag))
    text = SongText(song.words, tags, _LAYER, song.title, song.written_at)
    try:
        return _Metadata(workshop.provider(text))
    except UnusableAnswerError as error:
        return _Metadata(None, str(error))
    except TransientError as error:
        return _Metadata(None, str(error), again=True)
