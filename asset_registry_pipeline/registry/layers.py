"""The layers of the registry and what is expected of each; no addresses, no documents.

Source of the numbers: the registry's own numbering and its staging census (1,681 assets).
"""

from collections.abc import Mapping
from types import MappingProxyType

LAYER_NUMBERS: Mapping[str, int] = MappingProxyType(
    {"G": 1, "S": 2, "L": 3, "M": 4, "W": 5, "B": 6, "P": 7, "T": 8, "C": 9, "R": 10}
)
LAYER_NAMES: Mapping[str, str] = MappingProxyType(
    {"S": "Stars", "L": "Looks", "W": "Worlds", "M": "Moves", "G": "Songs", "C": "Composites"}
)

COMPONENT_LAYERS = ("S", "L", "W", "M")
"""The layers whose descriptions curators validate (phase 1)."""
SONG_LAYERS = ("G",)
"""The layers that need a curator's own words (phase 2)."""
COMPOSITE_LAYERS = ("C",)
"""The layers built from the others (phase 3)."""
MIGRATED_LAYERS = (*COMPONENT_LAYERS, *SONG_LAYERS, *COMPOSITE_LAYERS)
"""Every layer this migration moves, in the order of the phases."""
BARRIER_LAYERS = (*COMPONENT_LAYERS, *SONG_LAYERS)
"""What has to be published and checked before any composite is."""

UNFILED = "unfiled"
"""The partition of the ledger for documents that name no layer of this migration: they are counted too."""

REFERABLE_LAYERS = frozenset("GSLMWBP")
"""The layers a composite may be made of."""
BREAKDOWN_LAYERS = ("G", "S", "L", "M", "W")
"""The keys of `componentAnalysis.layerBreakdown`; a complete composite has one of each."""


def kind_of(layer: str) -> str:
    """The word that profiles use for a layer: `components`, `songs` or `composites`.

    Raises:
        ValueError: the layer is not one that this migration moves.
    """
    if layer in COMPONENT_LAYERS:
        return "components"
    if layer in SONG_LAYERS:
        return "songs"
    if layer in COMPOSITE_LAYERS:
        return "composites"
    raise ValueError(f"layer {layer!r} is not one of {', '.join(MIGRATED_LAYERS)}")
