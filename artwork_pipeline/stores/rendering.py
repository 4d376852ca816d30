"""The statements in `sql/` with their @tokens@ put in: rules, columns, slices, and what the catalog said.

Only names read from the catalog and constants of the domain are put in; data never is.
"""

from collections.abc import Iterable

from psycopg import sql

from artwork_pipeline.artworks import months
from artwork_pipeline.artworks.columns import CLEAN_COLUMNS, JSON, SOURCE_COLUMNS
from artwork_pipeline.artworks.dialects import COLUMNS_OF, Dialect
from artwork_pipeline.artworks.mapping import UNKNOWN_BEFORE
from artwork_pipeline.artworks.phases import AFTER, Tables
from artwork_pipeline.artworks.rules import (
    LOCAL_URL,
    NO_CUSTOMER_EMAIL,
    NO_CUSTOMER_NAME,
    TEST_RULES,
    Condition,
)
from artwork_pipeline.artworks.slices import Slicing
from artwork_pipeline.artworks.twins import APART
from artwork_pipeline.stores import published
from artwork_pipeline.stores.catalog import Reference, Source
from artwork_pipeline.stores.scripts import identifier, literal, script, table_tokens

# One for each pointing column that the catalog named.
_REPOINT = """
    INSERT INTO artwork_migration.repointed (relation, column_name, row_key, was, became)
    SELECT {table_text}, {column_text},
           COALESCE((SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(to_jsonb(t)) AS k
                     WHERE k.key IN (SELECT a.attname FROM pg_index i
                                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                                     WHERE i.indrelid = {table_text}::regclass AND i.indisprimary)), to_jsonb(t)),
           s.id, s.keeper
    FROM {table} t JOIN spelled_alike s ON t.{column} = s.id;
    UPDATE {table} t SET {column} = s.keeper FROM spelled_alike s WHERE t.{column} = s.id;
"""
_WATCH = """
    CREATE OR REPLACE TRIGGER {trigger} AFTER INSERT OR UPDATE OF {column} ON {table}
    FOR EACH ROW WHEN (NEW.{column} IS NOT NULL)
    EXECUTE FUNCTION artwork_migration.forward_reference({column_text});
"""
_POINTING = "SELECT {column}, {name_text}::text FROM {table} WHERE {column} IS NOT NULL"
_INDEX_IF_NONE = """
    DO $$ BEGIN
        IF EXISTS (SELECT FROM spelled_alike) AND NOT EXISTS (
            SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = {table_text}::regclass AND a.attname = {column_text}
              AND i.indisvalid AND i.indpred IS NULL
        ) THEN
            CREATE INDEX ON {table} ({column});
            INSERT INTO artwork_migration.made (kind, name)
            SELECT 'index', i.indexrelid::regclass::text FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = {table_text}::regclass AND a.attname = {column_text} AND i.indisvalid
            ON CONFLICT DO NOTHING;
        END IF;
    END $$;
"""


def base(source: Source, tables: Tables, lower_collation: str) -> str:
    """Everything that reading and planning needs: tables of the migration's own, and functions."""
    return "\n".join(
        (
            script(
                "schema", source_columns=", ".join(f"{name} {kind}" for name, kind in SOURCE_COLUMNS.items())
            ),
            script("phase"),
            script("reads"),
            script("normalisation", lower_collation=identifier(lower_collation)),
            slices(source.slicing),
            _reading(source, tables),
        )
    )


def slices(slicing: Slicing) -> str:
    """The functions that say which slice a row is in."""
    if slicing.buckets is not None:
        return script("slices_buckets", slicing=literal(str(slicing)), buckets=str(slicing.buckets))
    return script(
        "slices_months",
        slicing=literal(str(slicing)),
        end=f"timestamptz {literal(months.END.isoformat())}",
        first_month=f"timestamptz {literal(months.FIRST_MONTH.isoformat())}",
        earlier=literal(months.EARLIER),
        bounds=", ".join(map(_bounds, months.SLICES)),
        later_or_undated=literal(months.LATER_OR_UNDATED),
    )


def refresh_plan(tables: Tables) -> str:
    """The statements that make or refresh the plan."""
    return script(
        "refresh_plan",
        **table_tokens(tables),
        no_customer_name=literal(NO_CUSTOMER_NAME),
        no_customer_email=literal(NO_CUSTOMER_EMAIL),
    )


def expansion(source: Source, to_users: Iterable[Reference], tables: Tables) -> str:
    """The clean schema, the merged users, the functions that write, and the triggers, in this order."""
    pointing_at_users = list(to_users)
    indexes = "\n".join(_filled(_INDEX_IF_NONE, one) for one in pointing_at_users)
    repoint = "\n".join(_filled(_REPOINT, one) for one in pointing_at_users)
    watches = "\n".join(_filled(_WATCH, one) for one in source.references)
    return "\n".join(
        (
            script("expand", **table_tokens(tables)),
            script("merge_users", **table_tokens(tables), index_pointers=indexes, repoint_users=repoint),
            _writing(source, tables),
            published.functions(tables),
            script("expand_triggers", **table_tokens(tables), reference_triggers=watches),
            script("evidence_triggers", **table_tokens(tables)),
            published.installation(tables),
        )
    )


def functions(source: Source, tables: Tables) -> str:
    """Every function that names the old table or the clean one, and no tables or triggers.

    Run again whenever the tables are called otherwise. Signatures survive that: they name types, not tables' names.
    """
    return "\n".join((_reading(source, tables), _writing(source, tables), published.functions(tables)))


def _reading(source: Source, tables: Tables) -> str:
    return "\n".join(
        (
            script(f"source_{source.dialect.lower()}", **table_tokens(tables)),
            script(
                "classification",
                **table_tokens(tables),
                quarantine_reason=_quarantine_reason(),
                referenced=_referenced(source.references),
                no_customer_name=literal(NO_CUSTOMER_NAME),
                apart=f"interval '{APART.total_seconds()} seconds'",
            ),
        )
    )


def _writing(source: Source, tables: Tables) -> str:
    names, served = table_tokens(tables), str(tables == AFTER).lower()
    columns = {
        "clean_columns": ", ".join(map(identifier, CLEAN_COLUMNS)),
        "excluded_columns": ", ".join(f"excluded.{identifier(name)}" for name in CLEAN_COLUMNS),
    }
    return "\n".join(
        (
            script("mapping", **names),
            script("users", **names),
            script("apply", **names, **columns),
            script("backfill", **names),
            script("triggers", **names, clean_is_served=served),
            script("reverse", **names, **columns, **_way_back(source.dialect)),
            script("evidence", **names, counting=served),
            script(
                "verification",
                **names,
                clean_pairs=pairs(CLEAN_COLUMNS, "should_be", "v"),
                source_pairs=pairs(SOURCE_COLUMNS, "s", "said"),
            ),
        )
    )


def _way_back(dialect: Dialect) -> dict[str, str]:
    """The tokens of what differs between dialects, and goes column by column, on the way back."""
    own = [name for name in SOURCE_COLUMNS if name in COLUMNS_OF[dialect]]
    lacking = [name for name in SOURCE_COLUMNS if name not in COLUMNS_OF[dialect]]
    keep = [
        # JSON as text: 1.0 and 1.00 in a document are not the same bytes.
        f"IF plain.{name}{as_text} IS NOT DISTINCT FROM was.{name}{as_text} THEN mixed.{name} := before.{name}; END IF;"
        for name, as_text in (
            (name, "::text" if kind == JSON else "") for name, kind in CLEAN_COLUMNS.items()
        )
        if name != "legacy"
    ]
    return {
        "lacking": "\n    ".join(f"s.{name} := NULL;" for name in lacking),
        "old_columns": ", ".join(map(identifier, own)),
        "old_values": ", ".join(f"s.{identifier(name)}" for name in own),
        "keep_what_is_said_alike": "\n    ".join(keep),
        "keep_what_is_never_said": "\n        ".join(
            f"mixed.{name} := before.{name};" for name in UNKNOWN_BEFORE
        ),
    }


def reference_trigger(reference: Reference) -> str:
    """The name of the trigger that watches a pointing column."""
    return f"artwork_migration_{reference.column}"[:63]


def table_name(reference: Reference) -> sql.Identifier:
    """The reference's table, quoted."""
    return sql.Identifier(reference.schema, reference.table)


def pairs(columns: Iterable[str], expected: str, found: str) -> str:
    """A row for each column: its name, and what two records say in it, as text."""
    return ", ".join(
        f"({literal(name)}, ({expected}).{identifier(name)}::text, ({found}).{identifier(name)}::text)"
        for name in columns
    )


def _bounds(name: str) -> str:
    first, end = months.bounds(name)
    moments = (first.isoformat() if first else "-infinity", end.isoformat() if end else None)
    return "({})".format(", ".join("NULL" if one is None else literal(one) for one in (name, *moments)))


def _quarantine_reason() -> str:
    cases = [
        f"WHEN s.customer_name IS NULL THEN {literal(NO_CUSTOMER_NAME)}",
        f"WHEN COALESCE(public.normalised_email(s.customer_email), '') = '' THEN {literal(NO_CUSTOMER_EMAIL)}",
        *(
            f"WHEN {' AND '.join(map(_condition, rule.all_of))} THEN {literal(rule.name)}"
            for rule in TEST_RULES
        ),
    ]
    return "CASE {} END".format("\n    ".join(cases))


def _condition(condition: Condition) -> str:
    return f"({' OR '.join(_fits(condition, _field(name)) for name in condition.fields)})"


def _fits(condition: Condition, value: str) -> str:
    if condition.kind == "email_domain":
        ending = f"@{condition.value}"
        return f"right(public.normalised_email({value}), {len(ending)}) = {literal(ending)}"
    # The collation C folds ASCII alone: the same on every server.
    folded = f'lower({value} COLLATE "C")'
    if condition.kind == "equals":
        return f"{folded} = {literal(condition.value)}"
    if condition.kind == "prefix":
        return f"starts_with({folded}, {literal(condition.value)})"
    return f"{folded} ~ {literal(LOCAL_URL)}"


def _field(name: str) -> str:
    column, _, key = name.partition(".")
    return f"artwork_migration.json_text(s.{column}, {literal(key)})" if key else f"s.{column}"


def _referenced(references: Iterable[Reference]) -> str:
    selects = [_filled(_POINTING, one) for one in references]
    return " UNION ALL ".join(selects) or "SELECT NULL::uuid, NULL::text WHERE false"


def _filled(statement: str, reference: Reference) -> str:
    table = table_name(reference)
    names = {
        "table": table,
        "column": sql.Identifier(reference.column),
        "trigger": sql.Identifier(reference_trigger(reference)),
        "table_text": sql.Literal(table.as_string()),
        "column_text": sql.Literal(reference.column),
        "name_text": sql.Literal(str(reference)),
    }
    return sql.SQL(statement).format(**names).as_string()
