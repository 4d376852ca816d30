"""Users as they were before the expansion: merged ones are themselves again, those that it made and nobody uses go.

When that may be is `taking_back`'s business.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql

from artwork_pipeline.stores import catalog, removal
from artwork_pipeline.stores.refusals import Refusal
from artwork_pipeline.stores.sessions import scalar

# A merged user is to be restored as long as the one is there into whom they were merged, be it through others: who
# deleted their account since was deleted under every spelling.
_TO_RESTORE = sql.SQL("""
    WITH RECURSIVE to_restore AS (
        SELECT m.id, m.source FROM artwork_migration.merged_users m JOIN public.users u ON u.id = m.merged_into
        UNION
        SELECT m.id, m.source FROM artwork_migration.merged_users m JOIN to_restore r ON r.id = m.merged_into
    )
""")
_COUNTS = """{to_restore}
    SELECT (SELECT count(*) FROM to_restore), (SELECT count(*) FROM artwork_migration.made_users)
"""
_TAKEN = """{to_restore}
    SELECT u.id::text, r.id::text FROM to_restore r
    JOIN public.users u ON u.email = r.source ->> 'email' AND u.id <> r.id ORDER BY 1
"""
_COLUMNS = """
    SELECT attname FROM pg_attribute WHERE attrelid = 'public.users'::regclass AND attnum > 0 AND NOT attisdropped
      AND attgenerated = '' ORDER BY attnum
"""
_RESTORE_USERS = """{to_restore}
    INSERT INTO public.users ({columns})
    SELECT {values} FROM to_restore r
    CROSS JOIN LATERAL jsonb_populate_record(NULL::public.users, r.source) AS u
    ON CONFLICT (id) DO NOTHING
"""
# Only what still points where the merging had it point: whoever was given to another user since stays there.
_REPOINT = """
    UPDATE {table} t SET {column} = r.was FROM artwork_migration.repointed r
    WHERE r.relation = {relation} AND r.column_name = {name} AND t.{column} = r.became
      AND EXISTS (SELECT FROM public.users u WHERE u.id = r.was)
      AND to_jsonb(t) @> (r.row_key || jsonb_build_object({name}, r.became))
"""
_REPOINTED = "SELECT DISTINCT relation, column_name FROM artwork_migration.repointed ORDER BY 1, 2"
# As the migration made them, but for the time of the last change, and nothing points at them.
_UNUSED = """
    DELETE FROM public.users u USING artwork_migration.made_users m
    WHERE u.id = m.id AND to_jsonb(u) - 'updated_at' = m.source - 'updated_at' {unused}
"""
_NOT_IN = " AND NOT EXISTS (SELECT FROM {table} p WHERE p.{column} = u.id)"
# Whether somebody declared it or not: what is called user_id points at a user.
_UNDECLARED = """
    SELECT n.nspname, c.relname, a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attname = 'user_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped
      AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'artwork_migration')
"""
_MADE = "SELECT kind, name FROM artwork_migration.made ORDER BY kind, name"


def counts(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """The users to restore, and those that the migration made (counts)."""
    row = connection.execute(sql.SQL(_COUNTS).format(to_restore=_TO_RESTORE)).fetchone()
    restored, made = row or (0, 0)
    return restored, made


def taken(connection: psycopg.Connection[Any]) -> Iterator[Refusal]:
    """Users who were given the very address that somebody had before the merging."""
    for user, merged in connection.execute(sql.SQL(_TAKEN).format(to_restore=_TO_RESTORE)).fetchall():
        yield Refusal(
            "address",
            f"user {user}",
            f"has the address of user {merged}, who was merged and is to be restored",
            "Give the user another spelling of the address, or delete the line of the other in"
            " artwork_migration.merged_users: then they stay one",
        )


def as_they_were(connection: psycopg.Connection[Any]) -> tuple[int, int, int]:
    """Do it, in the caller's transaction: users restored, pointers set back, users removed (counts).

    What the expansion added to the table of users, and its indexes, go with that.
    """
    connection.execute("DROP INDEX IF EXISTS public.users_normalised_email")
    columns = [sql.Identifier(row[0]) for row in connection.execute(_COLUMNS)]
    values = [sql.SQL("u.{}").format(column) for column in columns]
    restore = sql.SQL(_RESTORE_USERS).format(
        to_restore=_TO_RESTORE, columns=sql.SQL(", ").join(columns), values=sql.SQL(", ").join(values)
    )
    restored = connection.execute(restore).rowcount
    repointed = sum(
        connection.execute(_set_back(relation, column)).rowcount
        for relation, column in connection.execute(_REPOINTED).fetchall()
        if scalar(connection, "SELECT to_regclass(%s)", [relation]) is not None
    )
    pointing = {(one.schema, one.table, one.column) for one in catalog.references_to_users(connection)}
    pointing |= set(connection.execute(_UNDECLARED).fetchall())
    unused = sql.SQL("").join(
        sql.SQL(_NOT_IN).format(table=sql.Identifier(schema, table), column=sql.Identifier(column))
        for schema, table, column in sorted(pointing)
    )
    removed = connection.execute(sql.SQL(_UNUSED).format(unused=unused)).rowcount
    for kind, name in connection.execute(_MADE).fetchall():
        with removal.nothing_else(f"{kind} {name}"):
            if kind == "index":
                connection.execute(f"DROP INDEX IF EXISTS {name} RESTRICT".encode())
            else:
                column = sql.Identifier(name)
                connection.execute(
                    sql.SQL("ALTER TABLE public.users DROP COLUMN IF EXISTS {}").format(column)
                )
    return restored, repointed, removed


def _set_back(relation: str, column: str) -> sql.Composed:
    # The table was quoted when it was written down.
    return sql.SQL(_REPOINT).format(
        table=sql.SQL(relation),
        column=sql.Identifier(column),
        relation=sql.Literal(relation),
        name=sql.Literal(column),
    )
