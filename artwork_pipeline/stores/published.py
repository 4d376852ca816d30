"""What the application calls in the database, rendered: lifecycle, customer view, tokens, and who is served by what.

It outlives the migration: for the last phase there is a form of it that needs nothing of the migration's own. Calling
it from Python belongs to `lifecycle` and `routing`.
"""

import json

from artwork_pipeline.artworks.columns import CLEAN_COLUMNS
from artwork_pipeline.artworks.lifecycle import CHANGES, GENERATION_STEPS, TYPICAL_GENERATION, UPSCALE_STEPS
from artwork_pipeline.artworks.phases import BEFORE, Tables
from artwork_pipeline.stores.scripts import identifier, literal, script, table_tokens

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
    return script("publish", **table_tokens(tables), functions=", ".join(map(literal, FUNCTIONS)))


def removal() -> str:
    """Take all of it away again, before the clean table goes; `normalised_email` is not part of it."""
    return script("unpublish", functions=", ".join(map(literal, FUNCTIONS)))


def _routing(tables: Tables) -> str:
    if tables.old is None:
        return script("routing_over", **table_tokens(tables), **_columns())
    version = "v1" if tables == BEFORE else "v2"
    return script("routing", **table_tokens(tables), **_columns(), default_version=literal(version))


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
