"""What a switch-over or a rollback finds before anything is locked: what goes along, and all that speaks against it.

Nothing is written here. What is done with it stands in `exchange`; when and how often, in `switching`.
"""

import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg

from artwork_pipeline.artworks.phases import Phase, Tables, tables_of
from artwork_pipeline.stores import census as reading
from artwork_pipeline.stores import dependents, drift, indexes, phase, refusals, smoke
from artwork_pipeline.stores.catalog import Source
from artwork_pipeline.stores.census import Census, Dependent
from artwork_pipeline.stores.dependents import Carried
from artwork_pipeline.stores.drift import Drift
from artwork_pipeline.stores.installation import recognise_source, require_installed
from artwork_pipeline.stores.refusals import Refusal
from migration_kit.ledger import Ledger
from migration_kit.postgres import transient_errors

SERVED = "public.artworks"


@dataclass(frozen=True)
class Direction:
    """Which way: the phase it leads to, those it begins in, and what a person types to mean it."""

    to: Phase
    allowed: tuple[Phase, ...]
    confirmation: str

    @property
    def is_back(self) -> bool:
        """Whether the old table gets its name back."""
        return self.to is Phase.ROLLED_BACK


SWITCH = Direction(Phase.SWITCHED, (Phase.EXPANDED, Phase.ROLLED_BACK), "switch artworks")
ROLL_BACK = Direction(Phase.ROLLED_BACK, (Phase.SWITCHED,), "roll back artworks")


@dataclass(frozen=True)
class Order:
    """What a person asked for: who, in which run, how patient with locks (ms, count), and SQL given for dependents."""

    by: str
    run_id: str
    lock_timeout_ms: int = 300
    attempts: int = 30
    oldest_backup: timedelta = timedelta(hours=24)
    replacements: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Earlier:
    """What the last switch-over kept for the way back; empty where there was none."""

    definitions: Mapping[str, str] = field(default_factory=dict)
    replacements: Mapping[str, str] = field(default_factory=dict)
    staying: tuple[str, ...] = ()
    """What hung on the clean table by right, by key."""
    grants: tuple[str, ...] = ()
    """The grants of the clean table before it got those of the old one, by key."""
    policies: tuple[str, ...] = ()
    """The names of the policies that it was given."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What indexes and constraints were called before, by oid."""


@dataclass(frozen=True)
class Preparation:
    """All that was found, and the way it is for."""

    direction: Direction
    source: Source
    now: Tables
    after: Tables
    other: str
    before: Census
    beside: Census
    taken: tuple[Carried, ...]
    earlier: Earlier
    replacements: Mapping[str, str]
    dropped: tuple[str, ...]
    """Comments on columns that the other table lacks, by key."""
    refusals: tuple[Refusal, ...]
    drift: Drift
    complaints: frozenset[str]
    """Functions that miss a name already now: not this switch's doing."""
    slow: frozenset[str]
    """Functions whose call was stopped."""

    @property
    def former(self) -> str:
        """What the table is called afterwards that has the name now."""
        return self.after.clean_name if self.direction.is_back else self.after.old_name

    @property
    def missing_indexes(self) -> list[Dependent]:
        """The indexes that do what none of the other table does."""
        return [] if self.direction.is_back else indexes.missing(self.before, self.beside)


def earlier(connection: psycopg.Connection[Any]) -> Earlier:
    """What the last switch-over kept."""
    for one in reversed(phase.history(connection)):
        if one.to_phase is Phase.SWITCHED and "definitions" in one.details:
            kept = one.details
            lists = {name: tuple(kept[name]) for name in ("staying", "grants", "policies")}
            return Earlier(kept["definitions"], kept["replacements"], names=kept["names"], **lists)
    return Earlier()


def prepare(
    connection: psycopg.Connection[Any], ledger: Ledger, direction: Direction, order: Order
) -> Preparation:
    """Look at everything and write nothing; every reason against it at once.

    Raises:
        PermanentError: the migration was never here, or the phase is another.
        TransientError: the database could not be had.
    """
    require_installed(connection, "base", "expansion")
    phase.require(connection, *direction.allowed)
    source, now, kept = recognise_source(connection), phase.tables(connection), earlier(connection)
    other = now.old_name if direction.is_back else now.clean_name
    own = reading.own_names(connection, source)
    before, beside = (reading.census(connection, table, own) for table in (SERVED, other))
    replacements = order.replacements if direction.is_back else {**kept.replacements, **order.replacements}
    columns = reading.columns_of(connection, other)
    dropped = tuple(
        key
        for key, one in before.items()
        if one.kind == "comment" and one.detail["column"] not in {None, *columns}
    )
    taken = _taken(before, kept, replacements, dropped, back=direction.is_back)
    difference = drift.compare(connection)
    with transient_errors("the preparation"):
        found = [
            *refusals.drifted(difference),
            *refusals.unknown_replacements(before, order.replacements),
            *refusals.guards(connection, now.clean_name),
            *refusals.not_owned(connection, taken),
            *refusals.misfits(connection, before, taken, other, _spared(kept, replacements, direction)),
            *refusals.dangling(connection, before, other),
        ]
        if not direction.is_back:
            found += refusals.name_taken(connection, tables_of(direction.to).old_name)
            found += refusals.months(ledger, refusals.slices(connection))
            found += refusals.blind_roles(connection, SERVED, other)
            found += refusals.column_grants(before, columns, replacements)
            found += refusals.no_backup(connection, order.oldest_backup)
        met = smoke_test(connection, before.values())
    return Preparation(
        direction, source, now, tables_of(direction.to), other, before, beside, taken, kept, replacements, dropped,
        tuple(found), difference, frozenset(one.key for one in met if one.is_about_names),
        frozenset(one.key for one in met if one.was_stopped),
    )  # fmt: skip


def smoke_test(
    connection: psycopg.Connection[Any],
    hanging: Iterable[Dependent],
    *,
    together_ms: int | None = None,
    last: Container[str] = (),
) -> list[smoke.Complaint]:
    """Call every function among these, those of ``last`` (keys) in the end; what they complain about.

    ``together_ms``: for how long at most; those that are not called any more then are told as stopped.
    """
    functions = [one for one in hanging if one.kind in {"function", "bound function"}]
    ends = None if together_ms is None else time.monotonic() + together_ms / 1000
    found = []
    for one in sorted(functions, key=lambda one: one.key in last):
        left = smoke.LONGEST_CALL_MS if ends is None else int(1000 * (ends - time.monotonic()))
        found.append(smoke.call(connection, one, within_ms=left))
    return [one for one in found if one is not None]


def _taken(
    before: Census, kept: Earlier, replacements: Mapping[str, str], dropped: tuple[str, ...], *, back: bool
) -> tuple[Carried, ...]:
    if not back:
        return tuple(dependents.carried(before, replacements, staying=dropped))
    # The old table has its own policies and comments still: only what is missing there is made again.
    own = {
        key
        for key, one in before.items()
        if one.kind in {"comment", "replica identity"}
        or (one.kind == "policy" and key not in kept.definitions)
    }
    again = {key: kept.definitions[key] for key in before if key in kept.definitions}
    return tuple(dependents.carried(before, {**again, **replacements}, staying={*own, *kept.staying}))


def _spared(kept: Earlier, replacements: Mapping[str, str], direction: Direction) -> set[str]:
    """What no rehearsal is wanted of: given up by somebody, or at home on the table that it hangs on."""
    staying = kept.staying if direction.is_back else ()
    return {*staying, *refusals.given_up(replacements)}
