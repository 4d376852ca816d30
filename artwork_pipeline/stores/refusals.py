"""Why a switch-over or a rollback would be refused: every reason at once, each a named rule with what to do about it.

Reads only, but for the rehearsal, which undoes what it does. The switch itself is `switching`'s.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg

from artwork_pipeline.stores import archive, evidence, expansion, installation, rehearsal
from artwork_pipeline.stores.census import Census, quoted
from artwork_pipeline.stores.dependents import LEFT_BEHIND, Carried
from artwork_pipeline.stores.drift import Drift
from artwork_pipeline.stores.sessions import scalar
from migration_kit.failures import PermanentError
from migration_kit.ledger import Ledger

VERIFY = "verify"
MOST_NAMED = 5
_TAKES = "Give its SQL in `replacements`, or an empty text to leave it on the table where it is"

_FOREIGN = "SELECT name FROM unnest(%s::text[]) AS name WHERE NOT pg_has_role(name::regrole, 'USAGE')"
_ROW_SECURITY = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = to_regclass(%s)"
# Who may do what with the one table and would find no policy for it on the other.
_BLIND = """
    SELECT DISTINCT COALESCE(r.rolname, 'PUBLIC'), a.privilege_type
    FROM pg_class c
    CROSS JOIN LATERAL (
        SELECT * FROM aclexplode(c.relacl)
        UNION ALL SELECT x.* FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) AS x WHERE t.attrelid = c.oid
    ) AS a
    LEFT JOIN pg_roles r ON r.oid = a.grantee
    WHERE c.oid = to_regclass(%(served)s) AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
      AND NOT COALESCE(r.rolbypassrls OR r.rolsuper OR pg_has_role(r.oid, c.relowner, 'USAGE'), false)
      AND NOT EXISTS (
          SELECT FROM pg_policy p CROSS JOIN LATERAL unnest(p.polroles) AS role
          WHERE p.polrelid IN (to_regclass(%(served)s), to_regclass(%(other)s)) AND p.polpermissive
            AND (role = 0 OR r.oid IS NOT NULL AND pg_has_role(r.oid, role, 'USAGE'))
            AND (p.polcmd = '*' OR p.polcmd = CASE a.privilege_type WHEN 'SELECT' THEN 'r' WHEN 'INSERT' THEN 'a'
                                                                   WHEN 'UPDATE' THEN 'w' ELSE 'd' END::"char"))
    ORDER BY 1, 2
"""
_DANGLING = """
    SELECT count(*) FROM {relation} p WHERE {given} AND NOT EXISTS (SELECT FROM {other} v WHERE {same})
"""


@dataclass(frozen=True)
class Refusal:
    """One reason not to go on: the rule, what it is about, why, and what to do."""

    rule: str
    item: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.item}: {self.reason}. {self.remedy}."


def require_none(found: Iterable[Refusal], what: str) -> None:
    """Stop if there is any reason.

    Raises:
        PermanentError: all of them.
    """
    told = [str(one) for one in found]
    if told:
        listed = "\n".join(f"- {one}" for one in told)
        raise PermanentError(f"{len(told)} reasons against it:\n{listed}", item=what)


def months(ledger: Ledger, slices: Iterable[str]) -> Iterator[Refusal]:
    """Slices whose newest comparison did not pass, or is older than what was filled in."""
    for closed in ledger.gate(VERIFY, [*slices]).closed:
        yield Refusal(
            "not verified",
            closed.partition,
            closed.why,
            "Materialise its artwork/verification until it passes",
        )


def drifted(drift: Drift) -> Iterator[Refusal]:
    """Rows of which both sides do not say the same."""
    if drift.differences:
        named = ", ".join(f"{one.rule} of {one.artwork_id}" for one in drift.differences[:MOST_NAMED])
        yield Refusal(
            "drift",
            f"{drift.count} differences",
            f"the first: {named}",
            "Materialise backfill and verification of those slices; the docs tell each kind of difference",
        )


def guards(connection: psycopg.Connection[Any], clean: str) -> Iterator[Refusal]:
    """The triggers both ways, row-level security, and what else keeps both sides the same."""
    try:
        expansion.require_followed(connection)
    except PermanentError as wrong:
        yield Refusal("triggers", wrong.item or clean, wrong.reason, (wrong.remedy or "").rstrip("."))
    enabled, forced = connection.execute(_ROW_SECURITY, [clean]).fetchone() or (False, False)
    if not enabled:
        yield Refusal(
            "row-level security",
            clean,
            "it is not enabled, and everybody with a grant would see every row",
            f"ALTER TABLE {clean} ENABLE ROW LEVEL SECURITY",
        )
    if forced:
        yield Refusal(
            "row-level security",
            clean,
            "it is forced upon the owner, and the triggers would not see every row",
            f"ALTER TABLE {clean} NO FORCE ROW LEVEL SECURITY",
        )


def blind_roles(connection: psycopg.Connection[Any], served: str, other: str) -> Iterator[Refusal]:
    """Roles that see rows now, where no policy is asked, and would see none."""
    if scalar(connection, _ROW_SECURITY, [served]):
        return
    for role, privilege in connection.execute(_BLIND, {"served": served, "other": other}).fetchall():
        yield Refusal(
            "blind role",
            role,
            f"it has {privilege} on {served}, which asks no policy; {other} has none for it, and it would find no row",
            f"CREATE POLICY ... ON {other} FOR {privilege} TO {role} USING (...), or revoke the grant",
        )


def dangling(connection: psycopg.Connection[Any], served: Census, other: str) -> Iterator[Refusal]:
    """Rows that point at a row which the other table does not have: a key to it could never be validated."""
    for one in served.values():
        if one.kind != "pointer":
            continue
        pairs = [
            (f"p.{quoted(column)}", f"v.{quoted(key)}")
            for column, key in zip(one.detail["columns"], one.detail["keys"], strict=True)
        ]
        query = _DANGLING.format(
            relation=one.detail["relation"],
            other=other,
            given=" AND ".join(f"{column} IS NOT NULL" for column, _ in pairs),
            same=" AND ".join(f"{key} = {column}" for column, key in pairs),
        )
        try:
            with connection.transaction(), evidence.own_reads(connection):
                rows = scalar(connection, query.encode())
        except psycopg.errors.UndefinedColumn:
            continue  # that it cannot be made there is told by the rehearsal
        if rows:
            yield Refusal(
                "dangling",
                one.key,
                f"{rows} rows point at artworks that {other} does not have: quarantined ones, or none at all",
                "Correct those artworks in the old table (the trigger migrates them), or the rows that point at them",
            )


def misfits(
    connection: psycopg.Connection[Any],
    served: Census,
    taken: Sequence[Carried],
    other: str,
    ignored: Iterable[str],
) -> Iterator[Refusal]:
    """What hangs on the table and cannot be made on the other one. ``ignored``: keys that somebody gave up."""
    given_up = {*ignored}
    for key, one in served.items():
        if one.kind == "unmovable" and key not in given_up:
            yield Refusal(
                "dependent",
                key,
                "no statement makes it again on another table",
                "Remove what ties it to the row type (a jsonb column instead, say), or leave it where it is with an"
                " empty replacement",
            )
    named = [one for one in served.values() if one.kind == "function" and one.key not in given_up]
    for misfit in rehearsal.rehearse(connection, taken, named, other):
        rule = "publication" if misfit.key.startswith("publication ") else "dependent"
        remedy = _TAKES if not misfit.key.startswith("function ") else f"Correct the function. {_TAKES}"
        yield Refusal(rule, misfit.key, misfit.why, remedy)


def column_grants(
    served: Census, columns: frozenset[str], replacements: Mapping[str, str]
) -> Iterator[Refusal]:
    """Grants on columns that the other table lacks."""
    for key, one in served.items():
        if one.kind == "grant" and one.detail["column"] not in {None, *columns} and key not in replacements:
            yield Refusal("dependent", key, "the other table has no such column", _TAKES)


def unknown_replacements(served: Census, replacements: Mapping[str, str]) -> Iterator[Refusal]:
    """Replacements for what does not hang there: a slip of the pen."""
    for key in replacements:
        if key not in served:
            yield Refusal(
                "replacement",
                key,
                "nothing of this name hangs on artworks",
                "Name it as the census does, kind and name; an empty dry run lists them",
            )


def not_owned(connection: psycopg.Connection[Any], taken: Iterable[Carried]) -> Iterator[Refusal]:
    """Dependents of owners whose rights this user does not have."""
    by_owner: dict[str, list[str]] = {}
    for one in taken:
        if owner := one.dependent.detail.get("owner"):
            by_owner.setdefault(owner, []).append(one.key)
    for (owner,) in connection.execute(_FOREIGN, [[*by_owner]]).fetchall():
        yield Refusal(
            "owner",
            ", ".join(by_owner[owner]),
            f"it belongs to {owner}, and this user may not change it",
            f"GRANT {owner} to the user of ARTWORK_DATABASE_URL, or let ARTWORK_DATABASE_URL name another",
        )


def no_backup(connection: psycopg.Connection[Any], oldest: timedelta) -> Iterator[Refusal]:
    """No archive that was restored and compared, or one that is too old."""
    remedy = "Run the job artwork_back_up, then start again"
    try:
        newest = archive.newest_proved(connection, archive.what_to_keep(connection))
    except PermanentError as wrong:
        yield Refusal("backup", wrong.item or "archive", wrong.reason, wrong.remedy or remedy)
        return
    if newest is None:
        yield Refusal("backup", "archive", "no archive of these tables was restored and compared", remedy)
    elif newest.age > oldest:
        hours = round(newest.age.total_seconds() / 3600, 1)
        yield Refusal("backup", newest.id, f"the newest proved archive is {hours} hours old", remedy)


def name_taken(connection: psycopg.Connection[Any], name: str) -> Iterator[Refusal]:
    """Something else has the name that the table would get."""
    if scalar(connection, "SELECT to_regclass(%s)", [name]) is not None:
        yield Refusal("name", name, "something else is called so", "Rename it, or drop it if nobody needs it")


def given_up(replacements: Mapping[str, str]) -> list[str]:
    """The keys that somebody leaves where they are."""
    return [key for key, text in replacements.items() if text == LEFT_BEHIND]


def slices(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """The slices into which the rows were cut."""
    cut = installation.installed_slicing(connection)
    return cut.names if cut else ()
