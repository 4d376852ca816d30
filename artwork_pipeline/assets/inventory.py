"""Stage inventory: the looks at the database before anything is written, each an asset that a person can read."""

from typing import Any

import dagster as dg

from artwork_pipeline.assets.common import PREFIX, stage
from artwork_pipeline.partitions import SLICING
from artwork_pipeline.resources import ArtworkDatabase
from migration_kit.orchestration import NETWORK_RETRY, failing
from migration_kit.redaction import mask_email, redact
from migration_kit.reports import markdown_table, reports_path, write_json

MOST_DEPENDENTS = 200
LONGEST_DEFINITION = 160
LONGEST_WORD = 60


@dg.asset(**stage("inventory"), retry_policy=NETWORK_RETRY)
def dialect(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """Which of the known forms the old table has, how large it is, and what its states say; reads only.

    Another database, an unknown dialect and an empty table stop here, by name.
    """
    from artwork_pipeline.stores.preflight import KNOWN_WORDS, recognise

    with failing(context), database.session() as connection:
        seen = recognise(connection, SLICING)
    states = [
        {"column": column, "word": "NULL" if word is None else _shown(word), "rows": rows}
        | {"known": "yes" if word is None or word in KNOWN_WORDS[column] else "NO"}
        for (column, word), rows in seen.states.items()
    ]
    unknown = {f"{column} {_shown(word or '')}": rows for (column, word), rows in seen.unknown_words.items()}
    report = {"dialect": seen.dialect, "table": seen.table, "rows": seen.rows, "bytes": seen.bytes}
    report |= {
        "phase": seen.phase,
        "cut_by": seen.cut_by,
        "unknown_words": unknown,
        "columns": dict(seen.columns),
    }
    path = write_json(reports_path(PREFIX) / "dialect.json", report)
    columns = [{"column": name, "type": kind} for name, kind in seen.columns.items()]
    return dg.MaterializeResult(
        metadata={
            "dialect": seen.dialect,
            "items_in": seen.rows,
            "mebibytes": round(seen.bytes / 2**20, 1),
            "phase": seen.phase,
            "cut_by": seen.cut_by,
            "unknown_words": len(unknown),
            "states": dg.MetadataValue.md(markdown_table(states, ("column", "word", "rows", "known"))),
            "columns": dg.MetadataValue.md(markdown_table(columns, ("column", "type"))),
            "report": dg.MetadataValue.path(str(path)),
        }
    )


def _shown(word: str) -> str:
    """A word of a state as it may be shown: whoever wrote it there may have written anything."""
    return mask_email(redact(word))[:LONGEST_WORD]


@dg.asset(**stage("inventory"), deps=[dialect], retry_policy=NETWORK_RETRY)
def dependents(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """Everything that hangs on the old table, read from the catalog: what a switch-over will take along.

    Pointing columns without a foreign key are among it; what nothing can take along is called unmovable.
    """
    from artwork_pipeline.stores.preflight import hanging

    with failing(context), database.session() as connection:
        seen = hanging(connection)
    found = [
        {"kind": one.kind, "name": one.name, "definition": mask_email(redact(one.definition))}
        for one in seen.census.values()
    ]
    pointing = [
        {"column": str(one), "declared": "by a foreign key" if one.declared else "NO, by its name alone"}
        for one in seen.references
    ]
    undeclared = [str(one) for one in seen.references if not one.declared]
    report = {
        "table": seen.table,
        "dependents": found,
        "pointing_columns": [str(one) for one in seen.references],
    }
    path = write_json(reports_path(PREFIX) / "dependents.json", report | {"undeclared_pointers": undeclared})
    kinds = sorted({one["kind"] for one in found})
    counts = [{"kind": kind, "how many": sum(one["kind"] == kind for one in found)} for kind in kinds]
    shown = [one | {"definition": " ".join(one["definition"].split())[:LONGEST_DEFINITION]} for one in found]
    return dg.MaterializeResult(
        metadata={
            "kinds": dg.MetadataValue.md(markdown_table(counts, ("kind", "how many"))),
            "what_hangs": dg.MetadataValue.table(
                [dg.TableRecord({name: one[name] for name in ("kind", "name")}) for one in found],
                schema=dg.TableSchema([dg.TableColumn(name, "string") for name in ("kind", "name")]),
            ),
            "definitions": dg.MetadataValue.md(
                markdown_table(shown, ("kind", "name", "definition"), limit=MOST_DEPENDENTS)
            ),
            "pointing_columns": dg.MetadataValue.md(markdown_table(pointing, ("column", "declared"))),
            "undeclared_pointers": ", ".join(undeclared) or "none",
            "unmovable": sum(one["kind"] == "unmovable" for one in found),
            "report": dg.MetadataValue.path(str(path)),
        }
    )


@dg.asset(**stage("inventory"), deps=[dialect], retry_policy=NETWORK_RETRY)
def dry_run(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """What would become of each row, counted by rule and with a few samples; nothing is written.

    Of a sample's address only the domain is told.
    """
    from artwork_pipeline.stores.preflight import dry_run as classify

    with failing(context), database.session() as connection:
        seen = classify(connection, SLICING)
    outcomes = [
        {"outcome": state, "rule": reason, "rows": rows} for (state, reason), rows in seen.outcomes.items()
    ]
    samples = [vars(sample) for sample in seen.samples]
    report = {"rows": seen.rows, "outcomes": outcomes, "slices": dict(seen.slices), "samples": samples}
    path = write_json(reports_path(PREFIX) / "dry_run.json", report)
    return dg.MaterializeResult(
        metadata={
            "items_in": seen.rows,
            "would_become": dg.MetadataValue.md(markdown_table(outcomes, ("outcome", "rule", "rows"))),
            "samples": dg.MetadataValue.md(
                markdown_table(samples, ("outcome", "artwork_id", "customer_email"))
            ),
            "seconds": round(seen.seconds, 2),
            "report": dg.MetadataValue.path(str(path)),
        }
    )


@dg.asset(**stage("inventory"), deps=[dependents, dry_run], retry_policy=NETWORK_RETRY)
def preflight(context: dg.AssetExecutionContext, database: ArtworkDatabase) -> dg.MaterializeResult[Any]:
    """How long the migration will take, by stage and by slice, from a sample of the rows; nothing is written."""
    from artwork_pipeline.stores.preflight import estimate

    with failing(context), database.session() as connection:
        seen = estimate(connection, SLICING)
    stages = [{"stage": name, "seconds": f"{seconds:.1f}"} for name, seconds in seen.stages.items()]
    slices = [
        {"slice": name, "rows": seen.rows.get(name, 0), "seconds": f"{seen.of_slice(name):.1f}"}
        for name in SLICING.names
    ]
    report = {"estimated_seconds": round(seen.seconds, 1), "timed_rows": seen.timed_rows}
    path = write_json(reports_path(PREFIX) / "preflight.json", report | {"stages": stages, "slices": slices})
    return dg.MaterializeResult(
        metadata={
            "estimated_seconds": round(seen.seconds, 1),
            "timed_rows": seen.timed_rows,
            "stages": dg.MetadataValue.md(markdown_table(stages, ("stage", "seconds"))),
            "slices": dg.MetadataValue.md(markdown_table(slices, ("slice", "rows", "seconds"), limit=300)),
            "report": dg.MetadataValue.path(str(path)),
        }
    )
