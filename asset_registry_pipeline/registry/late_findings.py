"""Findings that only planning or publishing can make, read from the outcome of a document; nothing is found anew."""

from collections.abc import Iterator, Mapping
from typing import Any

from asset_registry_pipeline.registry.findings import Finding
from asset_registry_pipeline.registry.outcomes import CONFLICT, TAKEN

_BY_REASON = {CONFLICT: ("collision", "_id"), TAKEN: ("name_or_address_taken", "nna_address")}


def found_by_outcome(
    item: str, layer: str, reason: str | None, detail: Mapping[str, Any]
) -> Iterator[Finding]:
    """What the reason and the detail of an outcome say: components not to be had, and collisions in development."""
    missing: dict[str, list[str]] = {}
    for each in detail.get("missing", ()):
        missing.setdefault(each["kind"], []).append(f"{each['reference']}: {each['why']}")
    for kind, told in missing.items():
        yield Finding(item, layer, kind, "components", ", ".join(told)[:300])
    if reason in _BY_REASON:
        kind, field = _BY_REASON[reason]
        yield Finding(item, layer, kind, field, str(detail.get("fields") or detail.get("by") or "")[:300])
