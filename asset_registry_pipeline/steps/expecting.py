"""What staging's documents should become, computed anew: nothing that was staged is read for it.

Of what was recorded it takes curators' decisions and, for composites, which components were decided against and why one
is not to be had.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.findings import Finding, inspect
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import Disposition, Planned
from asset_registry_pipeline.steps.comparing import Expected
from asset_registry_pipeline.steps.directory import Components, open_components
from asset_registry_pipeline.steps.plan import UNSTORABLE, outcomes
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.failures import PermanentError
from migration_kit.workers import item_executor

_ACROSS = (("name", "duplicate_name"), ("nna_address", "duplicate_address"))


@dataclass(frozen=True)
class Surroundings:
    """What the outcome of a document depends on beside the document: small enough to be handed to every worker.

    `repeated`: by field, the values that several documents of the layer have. `components`: the version of those that
    composites are built from, a hash of all that stands in them.
    """

    repeated: Mapping[str, frozenset[str]]
    components: str = ""


def surroundings(registry: Registry, layer: str) -> Surroundings:
    """The surroundings of a layer as they are now."""

    def repeated(field: str) -> frozenset[str]:
        return frozenset(registry.staging.repeated(layer, field))

    # Each goes through all documents on the server, so all are asked at once.
    with item_executor("thread", len(_ACROSS) + 1) as executor:
        values = {field: executor.submit(repeated, field) for field, _ in _ACROSS}
        components = ""
        if layer in COMPOSITE_LAYERS:
            components = registry.development.fingerprint(sorted(REFERABLE_LAYERS))
        return Surroundings({field: found.result() for field, found in values.items()}, components)


@dataclass(frozen=True)
class Expectation:
    """A layer's outcomes, ready to be computed; `components` are those that composites are resolved against."""

    registry: Registry
    layer: str
    around: Surroundings
    components: Components | None

    def of(self, documents: Sequence[SourceDocument]) -> Iterator[Expected]:
        """The outcome of each document, in their order."""
        found = findings_of(self.registry, documents, self.around)
        return map(_expected, outcomes(self.registry, self.layer, documents, found, self.components))


def findings_of(
    registry: Registry, documents: Sequence[SourceDocument], around: Surroundings
) -> dict[str, list[Finding]]:
    """What is found in documents, looked at anew, by their items."""
    return {
        document.item: [*inspect(document, registry.taxonomy), *_across(document, around)]
        for document in documents
    }


def open_expectation(registry: Registry, layer: str, around: Surroundings) -> Expectation:
    """The expectation of a layer, for documents in chunks."""
    components = open_components(registry, around.components) if layer in COMPOSITE_LAYERS else None
    return Expectation(registry, layer, around, components)


def _expected(planned: Planned) -> Expected:
    if planned.document is None:
        missing = tuple(one["reference"] for one in planned.detail.get("missing", ()))
        return Expected(planned.disposition, planned.reason, missing=missing)
    try:
        raw = codec.encode(planned.document)
    except PermanentError:
        return Expected(Disposition.QUARANTINED, UNSTORABLE)
    return Expected(planned.disposition, None, planned.document, raw, codec.content_hash(raw))


def _across(document: SourceDocument, around: Surroundings) -> Iterable[Finding]:
    body = document.body or {}
    for field, kind in _ACROSS:
        value = body.get(field)
        if is_text(value) and value in around.repeated[field]:
            yield Finding(document.item, document.layer, kind, field)
