"""What can only be found by looking at several documents: duplicates and equal sets; nothing about one alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from asset_registry_pipeline.registry import composites
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.taxonomy import Taxonomy


def across(
    sources: Sequence[SourceDocument], taxonomy: Taxonomy, known: Mapping[str, str] = MappingProxyType({})
) -> tuple[Finding, ...]:
    """Duplicate names, duplicate addresses and, among composites, equal component sets.

    `known` gives the address for a name or an `_id`, so that sets are compared whatever form they are in.
    """
    return (
        *_duplicates(sources, "name", "duplicate_name"),
        *_duplicates(sources, "nna_address", "duplicate_address"),
        *_equal_sets([source for source in sources if source.layer == "C"], taxonomy, known),
    )


def _duplicates(sources: Iterable[SourceDocument], field: str, kind: str) -> Iterable[Finding]:
    groups: dict[str, list[SourceDocument]] = defaultdict(list)
    for source in sources:
        value = source.body.get(field) if source.body is not None else None
        if is_text(value) and value:
            groups[value].append(source)
    for value, group in groups.items():
        # All of them: which of two documents is the right one is not for a program to decide.
        for source in group if len(group) > 1 else ():
            yield Finding(source.item, source.layer, kind, field, f"{value[:80]}, {len(group)} documents")


def _equal_sets(
    sources: Iterable[SourceDocument], taxonomy: Taxonomy, known: Mapping[str, str]
) -> Iterable[Finding]:
    groups: dict[tuple[str, ...], list[SourceDocument]] = defaultdict(list)
    for source in sources:
        if keys := component_set(source, taxonomy, known):
            groups[keys].append(source)
    for group in groups.values():
        for source in group if len(group) > 1 else ():
            others = ", ".join(other.label for other in group if other is not source)
            yield Finding(source.item, source.layer, "equal_component_sets", "components", others[:200])


def component_set(
    source: SourceDocument, taxonomy: Taxonomy, known: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """A composite's references in one spelling and sorted; empty when they cannot be read."""
    if source.body is None:
        return ()
    entries, name = source.body.get("components"), source.body.get("name")
    try:
        references = composites.read_components(entries) if isinstance(entries, list) else ()
    except composites.UnreadableReferenceError:
        return ()
    if not references and is_text(name):
        references = composites.read_name(name)[1]
    return tuple(
        sorted(
            known.get(reference.key) or taxonomy.address_of(reference.key) or reference.key
            for reference in references
        )
    )
