"""Components by the keys that references may have, as development's are found."""

from collections.abc import Iterable

from asset_registry_pipeline.registry.composites import Component


def index_components(components: Iterable[Component]) -> dict[str, Component]:
    """Every key that a component may be looked up by. An address wins over a name, a name over an `_id`."""
    known = list(components)
    index: dict[str, Component] = {}
    for component in known:
        index.setdefault(component.address, component)
    for component in known:
        index.setdefault(component.name, component)
    for component in known:
        index.setdefault(component.item, component)
    return index
