"""What the application calls in the database, rendered: lifecycle, customer view, tokens, and who is served by what.

It outlives the migration: for the last phase there is a form of it that needs nothing of the migration's own. Calling
it from Python belongs to `lifecycle` and `routing`.
"""

import json
from typing import Any

import psycopg

from artwork_pipeline.artworks.columns import CLEAN_COLUMNS
from artwork_pipeline.artworks.lifecycle import CHANGES, GENERATION_STEPS, TYPICAL_GENERATION, UPSCALE_STEPS
from artwork_pipeline.artworks.phases import BEFORE, Tables
from artwork_pipeline.stores.scripts import identifier, literal, script, table_tokens
from migration_kit.failures import PermanentError

FUNCTIONS = (
    "artwork_by_token",
    "artwork_label",
    "artwork_opened_by",
    "artwork_user",
    "artworks_in_form",
    "create_artwork",
    "customer_artworks",
    "routed_artworks_write",
    "update_artwork_lifecycle",
)
"""Functions in the schema public that are ours: whoever looks for what hangs on a table passes them by."""
VIEW = "routed_artworks"
"""The view in the schema public that is ours."""
_MARK = "Part of the clean schema of the artworks."
"""The comment on each of them: what has it not is somebody else's, whatever it is called."""

_FOREIGN = """
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY (%(functions)s)
      AND obj_description(p.oid, 'pg_proc') IS DISTINCT FROM %(mark)s
    UNION ALL
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.oid = to_regclass(%(view)s) AND obj_description(c.oid, 'pg_class') IS DISTINCT FROM %(mark)s
    ORDER BY 1
"""

_REACH = "PERFORM artwork_migration.reach(wanted);"


def functions(tables: Tables) -> str:
    """The functions and the view for the tables' names; to be run again whenever those change."""
    reach = _REACH if tables.old is not None else "-- There is one table only."
    columns = {**table_tokens(tables), **_columns(), "reach": reach}
    return "\n".join(
        (
            _routing(tables),
            script(
                "lifecycle",
                **columns,
                changes=literal(json.dumps({name: list(kinds) for name, kinds in CHANGES.items()})),
                steps=literal(json.dumps(_steps())),
            ),
            script("customer_view", **columns, typical_seconds=str(int(TYPICAL_GENERATION.total_seconds()))),
        )
    )


def installation(tables: Tables) -> str:
    """The triggers and the rights, part of the expansion's transaction; they stay through every rename."""
    return script("publish", **table_tokens(tables), **_names())


def removal() -> str:
    """Take all of it away again, before the clean table goes; `normalised_email` is not part of it."""
    return script("unpublish", **_names())


def require_free_names(connection: psycopg.Connection[Any]) -> None:
    """Refuse where somebody else's function or view has a name of ours: it would be replaced.

    Raises:
        PermanentError: names each of them.
    """
    asked = {"functions": list(FUNCTIONS), "view": f"public.{VIEW}", "mark": _MARK}
    found = [row[0] for row in connection.execute(_FOREIGN, asked)]
    if found:
        raise PermanentError(
            f"{', '.join(found)} is there already, and this pipeline did not make it",
            item="schema public",
            remedy="Nothing was written; rename it or, if nobody needs it, drop it, then start again",
        )


def _routing(tables: Tables) -> str:
    if tables.old is None:
        return script("routing_over", **table_tokens(tables), **_columns())
    version = "v1" if tables == BEFORE else "v2"
    return script("routing", **table_tokens(tables), **_columns(), default_version=literal(version))


def _names() -> dict[str, str]:
    return {"functions": ", ".join(map(literal, FUNCTIONS)), "mark": literal(_MARK)}


def _columns() -> dict[str, str]:
    names = [identifier(name) for name in CLEAN_COLUMNS]
    by_themselves = {
        identifier("id"): 'a.id AS "id"',
        identifier("customer_email"): 'public.normalised_email(a.customer_email) AS "customer_email"',
    }
    return {
        "clean_columns": ", ".join(names),
        "changed_columns": ", ".join(
            f"CASE WHEN NEW.{name} IS DISTINCT FROM OLD.{name} THEN NEW.{name} ELSE was.{name} END"
            for name in names
        ),
        "new_columns": ", ".join(f"NEW.{name}" for name in names),
        "v_columns": ", ".join(f"v.{name}" for name in names),
        "v1_columns": ", ".join(by_themselves.get(name, f"m.{name}") for name in names),
    }


def _steps() -> dict[str, dict[str, list[str]]]:
    every = {"generation_status": GENERATION_STEPS, "upscale_status": UPSCALE_STEPS}
    return {
        column: {before: sorted(after) for before, after in steps.items()} for column, steps in every.items()
    }
