"""What a curator has chosen to see of the queue, as it stands in addresses and forms; no pages, no stores."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlencode

from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.layers import BARRIER_LAYERS, LAYER_NAMES
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.curation.asking import (
    AI_METADATA,
    ALBUM_ART,
    REQUIRED,
    SOURCE_CHANGED,
    UNUSABLE,
)
from asset_registry_pipeline.steps.curation.model import OPEN, STATES, TAKEN_BACK, Where

LAYERS: Mapping[str, str] = MappingProxyType(
    {"G": LAYER_NAMES["G"]} | {key: LAYER_NAMES[key] for key in BARRIER_LAYERS}
)
"""The layers that curators decide about; songs first, as they stand before most composites."""
ASKS: Mapping[str, str] = MappingProxyType(
    {
        REQUIRED: "a person has to look at it",
        SOURCE_CHANGED: "staging changed since the decision",
        UNUSABLE: "the words cannot be used",
        ALBUM_ART: "the album art is in doubt",
        AI_METADATA: "the metadata could not be made",
        TAKEN_BACK: "its decision was taken back",
    }
    | {kind: words for kind, (effect, words) in KINDS.items() if effect is Effect.REVIEW}
)
"""Why an item is asked, in words."""
_LONGEST = 200


@dataclass(frozen=True)
class Filters:
    """The chosen layer (empty: all), state, reason, words to look for, and whether only one's own claims are shown."""

    layer: str = ""
    state: str = OPEN
    asks: str = ""
    text: str = ""
    mine: bool = False

    def where(self, user: Actor) -> Where:
        """The same question as the curation functions take it."""
        return Where(
            layer=self.layer or None,
            state=self.state,
            asks=self.asks or None,
            text=self.text,
            mine=user.name if self.mine else None,
        )

    def waiting(self) -> "Filters":
        """The same items, as far as somebody can claim them."""
        return replace(self, state=OPEN, mine=False)

    def query(self, **changes: Any) -> str:
        """What follows the question mark: only what is not as usual."""
        chosen = replace(self, **changes) if changes else self
        values = {name: getattr(chosen, name) for name, usual in _USUAL if getattr(chosen, name) != usual}
        return urlencode({name: "yes" if value is True else value for name, value in values.items()})

    def address(self, **changes: Any) -> str:
        """Where the queue is seen like this."""
        query = self.query(**changes)
        return f"/queue?{query}" if query else "/queue"


_USUAL = tuple((one.name, one.default) for one in fields(Filters))


def filters(layer: str = "", state: str = OPEN, asks: str = "", text: str = "", mine: str = "") -> Filters:
    """What an address or a form asks for; what there is not counts as not chosen."""
    return Filters(
        layer=layer if layer in LAYERS else "",
        state=state if state in STATES else OPEN,
        asks=asks if asks in ASKS else "",
        text=text.strip()[:_LONGEST],
        mine=bool(mine),
    )


def from_query(query: str) -> Filters:
    """The filters that a query stands for; anything else in it is left out."""
    names = {name for name, _ in _USUAL}
    try:
        pairs = parse_qsl(query[:2_000], max_num_fields=20)
    except ValueError:
        pairs = []
    return filters(**{name: value for name, value in pairs if name in names})


@lru_cache(maxsize=256)
def cleaned(query: str) -> str:
    """A query with nothing in it but filters."""
    return from_query(query).query()
