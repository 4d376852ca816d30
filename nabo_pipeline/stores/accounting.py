"""Ledger, plan and inventory of a category set against each other, in the database: nothing is pulled here to count.

The accounting is over the files of the present plan. What the numbers mean is the kit's `accounting`'s matter.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from migration_kit.accounting import Accounting, State
from migration_kit.ledger import Entry
from migration_kit.postgres import transient_errors
from nabo_pipeline.stores.state import SCHEMA, StateStore

LEFT = "Left the backup since it was migrated; object and row stand"

# Whether an outcome stands for an object that was verified; also one whose file has changed since.
_STANDS = "(o.state in ('migrated', 'already_present') or o.detail ? 'was')"
_NOT_PLANNED = f"not exists (select 1 from {SCHEMA}.plan_items p where p.item = o.item)"  # noqa: S608 - constants

_COUNTS = f"""
    select case when o.state in ('migrated', 'merged') and o.batch_id is distinct from %(batch)s::text
                     and %(batch)s::text is not null
                then 'already_present' else o.state end as ended, o.reason, count(*)
    from {SCHEMA}.outcomes o join {SCHEMA}.plan_items p on p.item = o.item
    where o.partition = %(category)s
    group by 1, 2
"""  # noqa: S608 - constants
_UNMATCHED = f"""
    select coalesce(i.key, p.item) as file, i.key is null, p.item is null, o.item is null, count(*) over ()
    from (select key from {SCHEMA}.inventory where category = %(category)s) i
    full join (select item from {SCHEMA}.plan_items where category = %(category)s) p on p.item = i.key
    left join (select item from {SCHEMA}.outcomes where partition = %(category)s) o
        on o.item = coalesce(i.key, p.item)
    where i.key is null or p.item is null or o.item is null
    order by coalesce(i.key, p.item) collate "C" limit %(most)s
"""  # noqa: S608 - constants
_DEPARTED = f"""
    select count(*) from {SCHEMA}.outcomes o
    where o.partition = %(category)s and {_STANDS} and {_NOT_PLANNED}
"""  # noqa: S608 - constants
_STANDING = f"select count(*) from {SCHEMA}.outcomes o where o.partition = %(category)s and {_STANDS}"  # noqa: S608
_FORGET = f"""
    delete from {SCHEMA}.outcomes o
    where o.partition = %(category)s and not {_STANDS} and {_NOT_PLANNED}
"""  # noqa: S608 - constants
# Those that somebody has to look at first, then those that a rule kept back, then those whose file has gone.
_PROBLEMS = f"""
    select o.item, o.partition, o.state, case when p.item is null then %(left)s else o.reason end
    from {SCHEMA}.outcomes o left join {SCHEMA}.plan_items p on p.item = o.item
    where o.partition = %(category)s
      and ((p.item is not null and o.state in ('quarantined', 'excluded')) or (p.item is null and {_STANDS}))
    order by p.item is null, o.state <> 'quarantined', o.item collate "C"
"""  # noqa: S608 - constants


def accounting(state: StateStore, category: str, source: int, batch: str | None) -> Accounting:
    """The outcomes of the files of the present plan: what this batch did, or (None) where everything stands."""
    with transient_errors("accounting"):
        rows = state.connection.execute(_COUNTS.encode(), {"category": category, "batch": batch}).fetchall()
    return Accounting.from_counts(source, rows)


def unmatched(state: StateStore, category: str, most: int = 5) -> tuple[list[str], int]:
    """Files that not all of inventory, plan and ledger know, each with those that lack it: the first, and how many.

    An outcome alone, of a file that has left the backup, is none of them: see `departed`.
    """
    with transient_errors("accounting"):
        values: dict[str, Any] = {"category": category, "most": most}
        rows = state.connection.execute(_UNMATCHED.encode(), values).fetchall()
    names = ("inventory", "plan", "ledger")
    told = [
        f"{file} (not in {', '.join(name for name, absent in zip(names, lacks, strict=True) if absent)})"
        for file, *lacks, _ in rows
    ]
    return told, rows[0][-1] if rows else 0


def departed(state: StateStore, category: str) -> int:
    """Files that left the backup after they were migrated: their objects and rows stand, and stay verified."""
    with transient_errors("accounting"):
        row = state.connection.execute(_DEPARTED.encode(), {"category": category}).fetchone()
    return int(row[0]) if row else 0


def standing(state: StateStore, category: str) -> int:
    """Outcomes that stand for an object, of files that are in the backup and of those that left it."""
    with transient_errors("accounting"):
        row = state.connection.execute(_STANDING.encode(), {"category": category}).fetchone()
    return int(row[0]) if row else 0


def forget_departed(state: StateStore, category: str) -> int:
    """Removes the outcomes that stand for nothing and whose file is in the present plan no more; returns how many."""
    with transient_errors("ledger"):
        return state.connection.execute(_FORGET.encode(), {"category": category}).rowcount


def problems(state: StateStore, category: str) -> Generator[Entry]:
    """What people look through, streamed: quarantined files, then excluded ones, then those that left the backup."""

    def entry(item: str, partition: str, ended: str, reason: str | None) -> Entry:
        return Entry(item, partition, State(ended), reason)

    return state.stream(_PROBLEMS, {"category": category, "left": LEFT}, entry)
