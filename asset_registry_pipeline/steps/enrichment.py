"""Songs that have their words get album art and metadata: once for each state of what these are made from.

One song that fails never stops the others. What stands is not asked for again: a second run asks nobody outside and
writes nothing. What may pass by itself (a service that locked us out, a server that was down) is taken up by every run.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from asset_registry_pipeline.lookups.fetching import fetch, policy_of
from asset_registry_pipeline.providers import Provider, SongText, UnusableAnswerError, open_provider
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.enrichment import (
    SETTLED,
    Enrichment,
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
from asset_registry_pipeline.steps.album_art import Cover, Failure, Picture, cover_of
from asset_registry_pipeline.steps.cover_checks import cover_faults
from asset_registry_pipeline.steps.expecting import findings_of, surroundings
from asset_registry_pipeline.steps.finding_covers import NOT_WANTED, Art, Means, art_of
from asset_registry_pipeline.steps.plan import outcomes
from asset_registry_pipeline.steps.renditions import LIMITS
from asset_registry_pipeline.steps.sources import chunks, decision_key, require_documents
from asset_registry_pipeline.stores.album_art import CoverStore, open_covers
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.failures import TransientError
from migration_kit.pictures.isolation import IsolatedWorkers, isolated_workers

NO_WORDS = "there are no words to make metadata from"
METADATA_NOT_WANTED = "the profile makes no new metadata"
_LAYER = SONG_LAYERS[0]
_WAITS_FOR_IT = (ENRICHMENT_WAITING, METADATA_FAILED, ALBUM_ART_WAITING)


@dataclass(frozen=True)
class Song:
    """A song that has all that it needs from people, with what its enrichment is made from."""

    source: SourceDocument
    decision: Decision | None
    words: str | None
    inputs: str

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


def enrich(registry: Registry, *, log: Callable[[str], None]) -> Enriched:
    """Give every song that has its words album art and metadata, song by song; each is stored when it is made.

    Raises:
        PermanentError: the layer is empty, a setting is wrong, or the bucket or a service refuses it.
        TransientError: the database or the bucket does not answer; a new run takes up what is left.
    """
    require_documents(registry, _LAYER)
    done = Enriched()
    asked = _asked_again(registry)
    with _open_workshop(registry) as workshop:
        for song, standing in songs(registry, done):
            again = song.key in asked or song.source.item in asked or _LAYER in asked
            made = _enrichment(song, standing, workshop, again=again)
            written = made != standing and registry.enrichments.save(made, standing)
            done.add(made, written=written)
            if written:
                log(f"{song.source.label}: album art {art_label(made)}, metadata {made.ai_state}")
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
    return Song(source, counting, words, inputs_of(source, counting, words, registry.metadata_provider))


def _asked_again(registry: Registry) -> set[str]:
    """The songs, or the layer, that somebody asked to be tried again since the newest plan."""
    plan = registry.ledger.plan(_LAYER)
    run = plan.run_id if plan is not None else None
    return {row["_id"] for row in registry.curation.retries(_LAYER) if row["plan"] == run}


class _Workshop:
    """What songs are worked on with, each part opened when the first song needs it."""

    def __init__(self, registry: Registry, opened: ExitStack) -> None:
        self.registry = registry
        self._opened = opened

    @cached_property
    def provider(self) -> Provider:
        return self._opened.enter_context(open_provider(self.registry.settings))

    @cached_property
    def covers(self) -> CoverStore | None:
        return open_covers(self.registry.settings)

    @cached_property
    def _workers(self) -> IsolatedWorkers:
        limits = isolated_workers(1, seconds=LIMITS.max_seconds, memory=LIMITS.max_memory)
        return self._opened.enter_context(limits)

    @cached_property
    def _policy(self) -> Any:
        return policy_of(self.registry.settings)

    def means(self, *, again: bool) -> Means:
        """How album art is had; `again`: services are asked even where their answer is kept."""
        covers = self.covers
        bring = partial(self._bring, covers) if covers is not None else None
        return Means(partial(self.registry.look_ups.look_up, again=again), bring)

    def _bring(
        self, covers: CoverStore, picture: Picture, item: str, words_at: datetime | None
    ) -> Cover | Failure:
        return cover_of(
            picture, item=item, words_at=words_at, covers=covers, workers=self._workers, fetch=self._fetch
        )

    def _fetch(self, url: str) -> bytes:
        return fetch(url, self._policy).data


@contextmanager
def _open_workshop(registry: Registry) -> Iterator[_Workshop]:
    with ExitStack() as opened:
        yield _Workshop(registry, opened)


@dataclass(frozen=True)
class _Metadata:
    """How a song's metadata stands; `why` tells of what there is none, `again` whether another run may have it."""

    made: Mapping[str, Any] | None
    why: str = ""
    again: bool = False


def _enrichment(song: Song, standing: Enrichment | None, workshop: _Workshop, *, again: bool) -> Enrichment:
    """A song's enrichment: what stands of the same inputs is kept, the rest is made."""
    same = standing if standing is not None and standing.inputs == song.inputs else None
    art = _kept_art(same, workshop, again=again) or _art(song, standing, workshop, again=again)
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
    )


def _kept_art(same: Enrichment | None, workshop: _Workshop, *, again: bool) -> Art | None:
    """The album art that stands, None where it is to be looked for (once more)."""
    if same is None or same.art_state == "off":
        return None
    if same.art_state in SETTLED:
        if again and cover_faults(workshop.registry, [same.album_art], workshop.covers):
            return None
    elif again or same.again:
        return None
    return Art(
        same.art_state,
        same.art_why,
        same.art_by,
        dict(same.album_art) if same.album_art is not None else None,
        same.candidates,
        same.duration,
    )


def _art(song: Song, standing: Enrichment | None, workshop: _Workshop, *, again: bool) -> Art:
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


def _metadata(song: Song, workshop: _Workshop) -> _Metadata:
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
