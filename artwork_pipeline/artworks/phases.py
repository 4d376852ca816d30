"""The phases of the migration, which may follow which, and what the two tables are called in each.

Which phase a database is in belongs to the stores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Phase(StrEnum):
    """Where the migration stands; kept in the database, in the transaction that leads there."""

    PLANNED = "planned"
    EXPANDED = "expanded"
    SWITCHED = "switched"
    ROLLED_BACK = "rolled_back"
    CLEANED = "cleaned"


TRANSITIONS: Mapping[Phase, frozenset[Phase]] = MappingProxyType(
    {
        Phase.PLANNED: frozenset({Phase.EXPANDED}),
        # Back to planned: the expansion is taken back.
        Phase.EXPANDED: frozenset({Phase.SWITCHED, Phase.PLANNED}),
        Phase.SWITCHED: frozenset({Phase.ROLLED_BACK, Phase.CLEANED}),
        Phase.ROLLED_BACK: frozenset({Phase.SWITCHED, Phase.PLANNED}),
        Phase.CLEANED: frozenset(),
    }
)
"""Which phases may follow each."""

LED_BY: Mapping[tuple[Phase, Phase], str] = MappingProxyType(
    {
        (Phase.PLANNED, Phase.EXPANDED): "expanded_schema",
        (Phase.EXPANDED, Phase.PLANNED): "artwork_take_back",
        (Phase.EXPANDED, Phase.SWITCHED): "artwork_switch",
        (Phase.SWITCHED, Phase.ROLLED_BACK): "artwork_roll_back",
        (Phase.ROLLED_BACK, Phase.SWITCHED): "artwork_switch",
        (Phase.ROLLED_BACK, Phase.PLANNED): "artwork_take_back",
        (Phase.SWITCHED, Phase.CLEANED): "artwork_clean_up",
    }
)
"""What leads from a phase to another: an asset for the expansion, otherwise a job that a person starts."""


@dataclass(frozen=True)
class Tables:
    """What the table of the old schema and that of the clean one are called, in the schema public.

    ``old`` is ``None`` where there is none any more.
    """

    old: str | None
    clean: str

    @property
    def old_name(self) -> str:
        """The old table's name with its schema.

        Raises:
            ValueError: there is no old table any more.
        """
        if self.old is None:
            raise ValueError("the old table is no longer there")
        return f"public.{self.old}"

    @property
    def clean_name(self) -> str:
        """The clean table's name with its schema."""
        return f"public.{self.clean}"


BEFORE = Tables("artworks", "artworks_v2")
AFTER = Tables("artworks_v1", "artworks")


def tables_of(phase: Phase) -> Tables:
    """What the tables are called in a phase."""
    if phase is Phase.SWITCHED:
        return AFTER
    return Tables(None, AFTER.clean) if phase is Phase.CLEANED else BEFORE
