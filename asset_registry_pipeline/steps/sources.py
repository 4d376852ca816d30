"""Reading a layer in chunks, and the fingerprints of everything that its outcomes depend on."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import TypeVar

from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.layers import REFERABLE_LAYERS, SONG_LAYERS
from asset_registry_pipeline.steps.spreading import spread
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.id_ranges import IdRange
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import SetDigest, fingerprint

ENRICHMENTS = "enrichments"
"""The part of a plan of songs that stands for what was found out about them."""
_CHUNK_DOCUMENTS, _CHUNK_BYTES = 1_000, 8 * 1024 * 1024

T = TypeVar("T")


def chunks(documents: Iterable[SourceDocument]) -> Iterator[list[SourceDocument]]:
    """Documents in chunks of at most 1,000 and of about 8 MB: as many as are worked on at once."""
    return _sized(documents, attrgetter("size"))


def raw_chunks(raws: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The same of documents as their bytes."""
    return _sized(raws, len)


def _sized(documents: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    chunk: list[T] = []
    size = 0
    for document in documents:
        length = size_of(document)
        if chunk and (len(chunk) >= _CHUNK_DOCUMENTS or size + length > _CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(document)
        size += length
    if chunk:
        yield chunk


def require_documents(registry: Registry, layer: str) -> None:
    """Refuse a layer that is empty, before anything is concluded from that.

    Raises:
        PermanentError: the layer is empty.
    """
    if not registry.staging.count(layer, most=1):
        raise PermanentError(
            "staging has no document of this layer",
            item=f"layer {layer}",
            remedy="Check REGISTRY_STAGING_URI and REGISTRY_STAGING_DB; an empty source is never a finished one",
        )


def layer_parts(registry: Registry, layer: str, accepted: Mapping[str, str] | None = None) -> dict[str, str]:
    """The hash of each thing that a layer's outcomes depend on: staging is read for it, all the rest is small.

    `accepted` is what composites are built upon: the published barrier layers.
    """
    return {"staging": staging_digest(registry, layer), **other_parts(registry, layer, accepted)}


def other_parts(registry: Registry, layer: str, accepted: Mapping[str, str] | None = None) -> dict[str, str]:
    """The parts without staging's own."""
    parts = {
        "decisions": registry.decisions.digest(layer),
        "taxonomy": registry.taxonomy.pinned,
        "profile": registry.profile.digest,
    }
    if layer in SONG_LAYERS and registry.profile.wants_enrichment("songs"):
        parts[ENRICHMENTS] = enrichments_part(registry)
    if accepted is not None:
        # Not only what passed: the same plan, published again, may have brought a component that was not there before.
        components = registry.development.fingerprint(sorted(REFERABLE_LAYERS))
        parts["components"] = fingerprint([dict(accepted), components])
    return parts


def enrichments_part(registry: Registry) -> str:
    """The hash of what was found out about songs, and of what would make their metadata now."""
    return fingerprint([registry.metadata_provider, registry.enrichments.digest()])


def staging_digest(registry: Registry, layer: str) -> str:
    """Hash of a layer's documents, whatever order they are read in; an inventory's fingerprint is the same."""
    digest = SetDigest()
    for each in spread(registry, layer, _digest_of_range, light=True):
        digest.update(each)
    return digest.hexdigest()


def told(item: str, source_hash: str) -> str:
    """What the hash of a layer is made of: a document and the hash of its bytes."""
    return f"{item} {source_hash}"


def _digest_of_range(registry: Registry, layer: str, within: IdRange) -> SetDigest:
    digest = SetDigest()
    for raw in registry.staging.raw(layer, within):
        digest.add(told(codec.item_of(raw), codec.content_hash(raw)))
    return digest


def decision_key(document: SourceDocument) -> str:
    """The key that a decision about this document is stored under."""
    body = document.body or {}
    return f"{document.layer}|{body.get('name')}|{body.get('nna_address')}"
