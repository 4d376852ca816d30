"""Where the migration stands, for people: the phase with its history, and what may follow. Changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from artwork_pipeline.artworks.phases import LED_BY, Phase, Tables, tables_of
from artwork_pipeline.stores import phase
from artwork_pipeline.stores.phase import Transition
from artwork_pipeline.stores.sessions import scalar


@dataclass(frozen=True)
class Standing:
    """The phase, since when (database's clock, UTC), how it came there, what may follow and what leads there.

    ``days_since_the_switch``: whole days and parts of one by the database's clock; None unless it is switched.
    """

    phase: Phase
    since: datetime | None
    days_since_the_switch: float | None
    tables: Tables
    history: tuple[Transition, ...]
    following: Mapping[str, str]


def standing(connection: psycopg.Connection[Any]) -> Standing:
    """Where the migration stands; PLANNED without a history where it has never been."""
    now, history = phase.current(connection), tuple(phase.history(connection))
    since = history[-1].at if history else None
    days = None
    if now is Phase.SWITCHED:
        days = round(
            float(scalar(connection, "SELECT extract(epoch FROM clock_timestamp() - %s) / 86400", [since])), 2
        )
    following = {str(after): what for (before, after), what in LED_BY.items() if before is now}
    return Standing(now, since, days, tables_of(now), history, following)
