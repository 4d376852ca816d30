"""What was found out about a song from its words: album art and metadata, and from which inputs; no look-ups, no I/O.

An enrichment belongs to the inputs that it was made from. A plan takes it for those alone: what was made of other
words, another title or other choices is stale, and a song waits rather than go with it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.ai_metadata import RULES_VERSION
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.song_titles import SongTitle, parse_song_line
from migration_kit.fingerprints import fingerprint

if TYPE_CHECKING:
    from asset_registry_pipeline.registry.song_matches import ArtCandidate

ArtState = Literal["settled", "refused", "weak", "none", "failed", "locked_out", "off"]
"""`settled`: there is a picture; `refused`: a curator wants none. In all other states a picture is still to come:
`weak`: only doubtful candidates; `none`: no candidate; `failed`: the picture could not be had; `locked_out`: a service
asks for a pause; `off`: nobody is to look."""
SETTLED: tuple[ArtState, ...] = ("settled", "refused")
"""The states in which nobody has to look at a song's album art any more."""


@dataclass(frozen=True)
class Enrichment:
    """Album art and metadata of one song, with what they were made from.

    `key` as the decision's; `inputs` as by `inputs_of`; `art_by` who settled the art; `art_why` and `ai_why` in words
    for a curator. `ai_metadata` only where `ai_state` is "made". `duration` in seconds, of the accepted look-up.
    """

    key: str
    inputs: str
    album_art: Mapping[str, Any] | None
    art_state: ArtState
    art_by: Literal["curator", "unattended"] | None
    art_why: str
    candidates: "tuple[ArtCandidate, ...]"
    ai_metadata: Mapping[str, Any] | None
    ai_state: Literal["made", "failed"]
    ai_why: str
    duration: float | None = None
    again: bool = False
    """Whether another run may have more luck with the same inputs: what failed may pass by itself."""
    art_inputs: str | None = None
    """What of the inputs the album art hangs on, as by `art_inputs_of`."""


PROMPT_VERSION = "song-metadata-1"
"""Of what a model is told and of the answer that it has to give: others make other metadata."""


def provider_version(name: str, model: str) -> str:
    """What makes metadata, as AI_PROVIDER and OPENAI_MODEL name it, and in which version: another makes another."""
    provider = name.strip() or "rules"
    return RULES_VERSION if provider == "rules" else f"{provider}:{model.strip()}:{PROMPT_VERSION}"


def title_of(body: Mapping[str, Any], decision: Decision | None, words: str | None) -> SongTitle:
    """The title of a song: as its curator gave it, else as its words say, else as its description says.

    Words that are only the song's own name say no title.
    """
    line = words or ""
    if not line.strip() or is_hfn(line.strip().split(":")[0]):
        line = body["description"] if is_text(body.get("description")) else ""
    if decision is None or decision.title is None:
        return parse_song_line(line)
    given = decision.title
    return SongTitle(given.song, given.album, given.artist, "high", line)


def time_of_words(body: Mapping[str, Any], decision: Decision | None) -> Any:
    """When the words were written: when a curator decided, else when the document was last changed.

    Never the run's own time, so that a second run makes the same metadata and the same addresses of pictures.
    """
    return decision.decided_at if decision is not None else body.get("updatedAt")


def inputs_of(source: SourceDocument, decision: Decision | None, words: str | None, provider: str) -> str:
    """Hash of everything that an enrichment is made from; `provider` as by `provider_version`."""
    body = source.body or {}
    return fingerprint(
        {
            "item": source.item,
            "words": words,
            "title": asdict(title_of(body, decision, words)),
            "album_art": None if decision is None else decision.album_art,
            "facts": None if decision is None else decision.facts,
            "tags": body.get("tags"),
            "time": time_of_words(body, decision),
            "provider": provider,
        }
    )


def art_inputs_of(source: SourceDocument, decision: Decision | None, words: str | None) -> str:
    """Hash of what album art hangs on: the song, its title in every reading, and what a curator chose.

    Other facts, tags or another provider of metadata leave a cover what it is.
    """
    title = title_of(source.body or {}, decision, words)
    return fingerprint(
        {
            "item": source.item,
            "title": [
                [one.song, one.album, one.artist, one.ambiguous] for one in (title, *title.alternatives)
            ],
            "album_art": None if decision is None else decision.album_art,
        }
    )
