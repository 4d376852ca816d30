"""How many composites need each component, counted while composites are gone through; what is done with it is not said.

A component is needed under whatever key a composite calls it by: its address, its name or its `_id`.
"""

from collections.abc import Iterable, Mapping, Sequence

from asset_registry_pipeline.registry.composites import Reference, own_name, structural_breach
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.shapes import is_text

MOST_TOLD = 20
"""Composites of a component that are told by name."""
_LONGEST_KEY, _LONGEST_LABEL = 4_000, 200

Needed = dict[str, tuple[int, list[str]]]
"""By key of a component how many composites refer to it, and the names of the first of them."""


def count_needed(composite: SourceDocument, references: Sequence[Reference], needed: Needed) -> None:
    """Count what a composite refers to; one whose structure is broken waits for nothing."""
    if structural_breach(tuple(references)):
        return
    name = (composite.body or {}).get("name")
    label = own_name(name)[:_LONGEST_LABEL] if is_text(name) else composite.item
    for key in {reference.key for reference in references}:
        if len(key) <= _LONGEST_KEY:
            number, labels = needed.get(key, (0, []))
            needed[key] = number + 1, [*labels, label] if len(labels) < MOST_TOLD else labels


def add_needed(needed: Needed, others: Iterable[Mapping[str, tuple[int, list[str]]]]) -> None:
    """Take in what others have counted."""
    for counted in others:
        for key, (number, labels) in counted.items():
            before, told = needed.get(key, (0, []))
            needed[key] = before + number, (told + labels)[:MOST_TOLD] if len(told) < MOST_TOLD else told
