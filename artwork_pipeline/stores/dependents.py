"""How each kind of what hangs on a table is taken off it, and made again on the table that is called so afterwards.

What hangs there is read by `census`; when it is done, and under which locks, is `switching`'s business.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.stores.census import Census, Dependent, quoted

LEFT_BEHIND = ""
"""As a replacement: the dependent stays on the table that it hangs on."""

# Indexes are made beforehand, without locks: see `indexes`.
NOT_CARRIED = frozenset({"function", "index", "grant", "unmovable"})

_FIRST_WITH_UNVALIDATED_PARTITIONED_KEYS = 180000
_GRANTEES = """
    SELECT DISTINCT CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END
    FROM {catalog} CROSS JOIN LATERAL aclexplode({acl}) AS a WHERE {where} AND a.grantee <> {owner}
"""
_OF_FUNCTION = {
    "catalog": "pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace",
    "acl": "COALESCE(proacl, acldefault('f', proowner))",
    # The name first: writing down the arguments of every function there is would take longer than all the rest.
    "where": "proname = %(own_name)s"
    " AND format('%%I.%%I(%%s)', nspname, proname, pg_get_function_identity_arguments(p.oid)) = %(name)s",
    "owner": "proowner",
}
_OF_VIEW = {
    "catalog": "pg_class",
    "acl": "relacl",
    "where": "oid = to_regclass(%(name)s)",
    "owner": "relowner",
}


@dataclass(frozen=True)
class Carried:
    """A dependent that is taken along, and the SQL that makes it again: its own, or one that somebody gave."""

    dependent: Dependent
    definition: str

    @property
    def key(self) -> str:
        """Kind and name."""
        return self.dependent.key

    @property
    def replaced(self) -> bool:
        """Whether it is made by other SQL than its own."""
        return self.definition != self.dependent.definition


def carried(served: Census, replacements: Mapping[str, str], *, staying: Iterable[str] = ()) -> list[Carried]:
    """What is taken along, in the order in which it can be made: what others rest on comes first.

    ``staying``: keys of what hangs on the table by right, whatever it is called.
    """
    stay = {*staying}
    taken = [
        Carried(one, replacements.get(one.key, one.definition))
        for one in served.values()
        if one.kind not in NOT_CARRIED and one.key not in stay and replacements.get(one.key) != LEFT_BEHIND
    ]
    return sorted(taken, key=lambda one: (one.dependent.detail["depth"], one.key))


def detach(one: Carried) -> Iterator[str]:
    """The statements that take it off while the table still has its name; none for what stays there as well."""
    dependent, detail = one.dependent, one.dependent.detail
    own_name = quoted(detail["own_name"]) if "own_name" in detail else ""
    match dependent.kind:
        case "pointer":
            yield f"ALTER TABLE {detail['relation']} DROP CONSTRAINT {own_name}"
        case "view":
            # It keeps its oid, its grants and what rests on it, and lets go of everything below it.
            yield detail["stub"]
        case "materialised view":
            yield f"DROP MATERIALIZED VIEW {dependent.name}"
        case "bound function":
            yield detail["drop"]
        case "policy elsewhere":
            yield f"DROP POLICY {own_name} ON {detail['relation']}"
        case "policy" if detail["reached"]:
            yield f"DROP POLICY {own_name} ON {detail['relation']}"
        case "trigger":
            yield f"DROP TRIGGER {own_name} ON {detail['relation']}"
        case "rule" | "rule elsewhere":
            yield f"DROP RULE {own_name} ON {detail['relation']}"
        case "publication":
            table = dependent.definition.partition(" ADD TABLE ")[2]
            yield f"ALTER PUBLICATION {own_name} DROP TABLE {table}"


def attach(one: Carried, server_version: int) -> Iterator[str]:
    """The statements that make it on the table that now has the name; its grants are `set_grants`."""
    dependent, detail = one.dependent, one.dependent.detail
    match dependent.kind:
        case "pointer" if may_wait(dependent, server_version):
            yield f"{one.definition.rstrip(';')} NOT VALID"
        case "policy":
            # Left there by an earlier switch-over that was rolled back.
            yield f"DROP POLICY IF EXISTS {quoted(detail['own_name'])} ON {detail['relation']}"
            yield one.definition
        case _:
            yield one.definition
    yield from detail.get("besides") or ()
    if (target := _target(dependent)) and detail.get("comment"):
        yield f"COMMENT ON {target} IS {sql.Literal(detail['comment']).as_string()}"
    if dependent.kind in {"bound function", "materialised view"}:
        yield f"ALTER {target} OWNER TO {detail['owner']}"


def may_wait(pointer: Dependent, server_version: int) -> bool:
    """Whether its rows can be checked later: a partitioned table's cannot before PostgreSQL 18."""
    return not pointer.detail["partitioned"] or server_version >= _FIRST_WITH_UNVALIDATED_PARTITIONED_KEYS


def set_grants(connection: psycopg.Connection[Any], one: Dependent) -> None:
    """Give what was dropped and made again exactly the grants that it had; default privileges may say otherwise."""
    wanted = one.detail.get("grants")
    if wanted is None or one.kind not in {"bound function", "materialised view"}:
        return
    target = _target(one) or ""
    kind = target.partition(" ")[0] if one.kind == "bound function" else "TABLE"
    what = f"{kind} {one.name}"
    query = _GRANTEES.format(**(_OF_FUNCTION if one.kind == "bound function" else _OF_VIEW))
    asked = {"name": one.name, "own_name": one.detail["own_name"]}
    for (role,) in connection.execute(query.encode(), asked).fetchall():
        connection.execute(f"REVOKE ALL ON {what} FROM {_role(role)}".encode())
    for role, privilege, grantable in wanted:
        option = (
            " WITH GRANT OPTION" if grantable and role is not None and role != one.detail["owner"] else ""
        )
        connection.execute(f"GRANT {privilege} ON {what} TO {_role(role)}{option}".encode())


def table_grants(served: Census, other: Census, replacements: Mapping[str, str]) -> Iterator[str]:
    """The statements that give the table that has the name now exactly the grants that the former one has."""
    wanted = {
        key: one
        for key, one in served.items()
        if one.kind == "grant" and replacements.get(key) != LEFT_BEHIND
    }
    table = "public.artworks"
    for key, one in other.items():
        if one.kind == "grant" and key not in wanted:
            yield _revoke(one, table)
    for key, one in wanted.items():
        yield replacements.get(key, one.definition)


def revoked(before: Census, kept: Iterable[str], table: str) -> Iterator[str]:
    """The statements that take back from a table the grants that it had not before; ``kept``: those it had, by key."""
    had = {*kept}
    for key, one in before.items():
        if one.kind == "grant" and key not in had:
            yield _revoke(one, table)


def copied_policies(taken: Iterable[Carried]) -> list[str]:
    """The names of the policies that the other table is given."""
    return sorted(one.dependent.detail["own_name"] for one in taken if one.dependent.kind == "policy")


def _target(one: Dependent) -> str | None:
    """What a comment or an owner is set on."""
    detail = one.detail
    match one.kind:
        case "pointer":
            word = "CONSTRAINT"
        case "policy" | "policy elsewhere":
            word = "POLICY"
        case "trigger" | "rule":
            word = one.kind.upper()
        case "rule elsewhere":
            word = "RULE"
        case "materialised view":
            return f"MATERIALIZED VIEW {one.name}"
        case "bound function":
            return f"{'PROCEDURE' if detail['procedure'] else 'FUNCTION'} {one.name}"
        case _:
            return None
    return f"{word} {quoted(detail['own_name'])} ON {detail['relation']}"


def _revoke(one: Dependent, table: str) -> str:
    column = f" ({quoted(one.detail['column'])})" if one.detail["column"] else ""
    return f"REVOKE {one.detail['privilege']}{column} ON TABLE {table} FROM {_role(one.detail['role'])}"


def _role(name: str | None) -> str:
    return "PUBLIC" if name is None else quoted(name)
