"""Reading a layer with everything its outcome depends on, and the fingerprint of all that."""

from collections.abc import Mapping
from dataclasses import dataclass

from asset_registry_pipeline.registry import cross_findings, findings
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.stores.connections import Registry
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import SetDigest, fingerprint


@dataclass(frozen=True)
class LayerSource:
    """A layer's documents, the decisions about them by their key, and the hashes of all that outcomes depend on."""

    layer: str
    documents: tuple[SourceDocument, ...]
    decisions: Mapping[str, Decision]
    parts: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """Hash of everything the layer's outcomes depend on."""
        return fingerprint(dict(self.parts))

    def decision_about(self, document: SourceDocument) -> Decision | None:
        """The standing decision about a document."""
        return self.decisions.get(decision_key(document))


def read_layer(registry: Registry, layer: str, accepted: Mapping[str, str] | None = None) -> LayerSource:
    """Read a layer from staging. `accepted` is what composites are built upon: the published barrier layers.

    Raises:
        PermanentError: the layer is empty.
    """
    documents = tuple(registry.staging.read(layer))
    if not documents:
        raise PermanentError(
            "staging has no document of this layer",
            item=f"layer {layer}",
            remedy="Check REGISTRY_STAGING_URI and REGISTRY_STAGING_DB; an empty source is never a finished one",
        )
    decisions = registry.decisions.of_layer(layer)
    parts = {
        "staging": documents_fingerprint(documents),
        "decisions": fingerprint([decisions[key] for key in sorted(decisions)]),
        "taxonomy": registry.taxonomy.pinned,
        "profile": registry.profile.digest,
    }
    if accepted is not None:
        # Not only what passed: the same plan, published again, may have brought a component that was not there before.
        components = registry.development.fingerprint(sorted(REFERABLE_LAYERS))
        parts["components"] = fingerprint([dict(accepted), components])
    return LayerSource(layer, documents, decisions, parts)


def found_in(registry: Registry, documents: tuple[SourceDocument, ...]) -> dict[str, tuple[Finding, ...]]:
    """Everything found in the documents, alone and across them, by item."""
    composite = any(document.layer in COMPOSITE_LAYERS for document in documents)
    known = registry.staging.addresses() if composite else {}
    found: dict[str, list[Finding]] = {
        document.item: list(findings.inspect(document, registry.taxonomy)) for document in documents
    }
    for finding in cross_findings.across(documents, registry.taxonomy, known):
        found[finding.item].append(finding)
    return {item: tuple(each) for item, each in found.items()}


def documents_fingerprint(documents: tuple[SourceDocument, ...]) -> str:
    """Hash of a layer's documents, whatever order they were read in."""
    digest = SetDigest()
    for document in documents:
        digest.add(f"{document.item} {document.source_hash}")
    return digest.hexdigest()


def decision_key(document: SourceDocument) -> str:
    """The key that a decision about this document is stored under."""
    body = document.body or {}
    return f"{document.layer}|{body.get('name')}|{body.get('nna_address')}"
