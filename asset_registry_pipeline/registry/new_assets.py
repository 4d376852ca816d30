"""Assets that people register or change over the registry's own API: what is wrong with one; no stores, no HTTP.

The rules are those of the migration: what would be quarantined there is refused here, with the same words. Stricter
only where nothing old has to be taken along: a new asset's category and components are those that its name says.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from asset_registry_pipeline.registry.addresses import is_hfn
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.findings import Finding, inspect
from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, SONG_LAYERS
from asset_registry_pipeline.registry.profiles import Profile
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.taxonomy import Taxonomy
from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT

IDENTITY = ("layer", "name", "nna_address")
"""What an asset is known by everywhere; it never changes."""
WRITABLE = (
    "layer", "category", "subcategory", "name", "nna_address", "gcpStorageUrl", "source", "tags", "description",
    "trainingData", "rights", "components", "creatorDescription", "albumArt", "aiMetadata", "musicMetadata",
    "componentAnalysis",
)  # fmt: skip
"""The fields that whoever registers an asset gives, in the order in which a document holds them."""
KEPT_BY_REGISTRY = ("_id", "registeredBy", "createdAt", "updatedAt", "__v")
"""The fields that the registry itself gives."""
_STRICTER = frozenset({"category_mismatch", "code_as_category", "components_differ_from_name"})
_ONLY_FOR = {"musicMetadata": SONG_LAYERS, "componentAnalysis": COMPOSITE_LAYERS}


class Wrong(NamedTuple):
    """One thing that is wrong: with which field, what."""

    field: str
    message: str


def wrong_with_new(source: SourceDocument, taxonomy: Taxonomy, profile: Profile) -> list[Wrong]:
    """What is wrong with an asset that is to be registered; empty when nothing is."""
    grave = (
        found
        for found in inspect(source, taxonomy)
        if found.effect is Effect.QUARANTINE or found.kind in _STRICTER
    )
    return [*_told(grave), *_own_rules(source.body or {}, profile)]


def wrong_with_change(
    source: SourceDocument, before: SourceDocument, taxonomy: Taxonomy, profile: Profile
) -> list[Wrong]:
    """What a change makes wrong with an asset: what was wrong before and stays so does not stand in its way."""
    known = {(found.kind, found.field) for found in inspect(before, taxonomy)}
    grave = (
        found
        for found in inspect(source, taxonomy)
        if (found.effect is Effect.QUARANTINE or found.kind in _STRICTER)
        and (found.kind, found.field) not in known
    )
    old = _own_rules(before.body or {}, profile)
    return [*_told(grave), *(wrong for wrong in _own_rules(source.body or {}, profile) if wrong not in old)]


def _told(found: Iterable[Finding]) -> list[Wrong]:
    return [
        Wrong(one.field, f"{KINDS[one.kind][1]}: {one.detail}" if one.detail else one.reason) for one in found
    ]


def _own_rules(body: Mapping[str, Any], profile: Profile) -> list[Wrong]:
    layer, words = body.get("layer"), body.get("creatorDescription")
    wrong = [
        Wrong(field, f"only assets of layer {', '.join(layers)} have it")
        for field, layers in _ONLY_FOR.items()
        if body.get(field) is not None and layer not in layers
    ]
    if is_text(words):
        if len(words) > CREATOR_DESCRIPTION_LIMIT:
            told = f"{len(words)} characters, {CREATOR_DESCRIPTION_LIMIT} allowed"
            wrong.append(Wrong("creatorDescription", told))
        if profile.names_as_words == "refuse" and is_hfn(words.strip().split(":")[0]):
            wrong.append(Wrong("creatorDescription", "a name where words belong"))
    if layer not in COMPOSITE_LAYERS and body.get("components"):
        wrong.append(Wrong("components", f"only assets of layer {', '.join(COMPOSITE_LAYERS)} have some"))
    return wrong
