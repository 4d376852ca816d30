"""The dialects of the old table, recognised by their column sets; an unknown one stops the run.

Reading the columns from a database's catalog belongs to the stores.
"""

from collections.abc import Mapping
from enum import StrEnum

from artwork_pipeline.artworks.columns import JSON, SOURCE_COLUMNS, TEXT, TIME, UUID
from migration_kit.failures import PermanentError

_ONLY_C = frozenset(
    {"source_images", "generated_images", "delivery_images", "generation_steps", "generation_step"}
)
_SINCE_B = frozenset(
    {"upscaled_image_url", "upscale_status", "upscaled_at", "mockup_urls", "mockup_generated_at"}
)

# The catalog's names of types that hold the same values.
_SAME_TYPE = {
    "varchar": TEXT, "bpchar": TEXT, "text": TEXT, "citext": TEXT,
    "uuid": UUID, "timestamptz": TIME, "jsonb": JSON,
}  # fmt: skip


class Dialect(StrEnum):
    """A form of the old table that installations have."""

    A = "A"
    B = "B"
    C = "C"


COLUMNS_OF: Mapping[Dialect, frozenset[str]] = {
    Dialect.A: frozenset(SOURCE_COLUMNS) - _ONLY_C - _SINCE_B,
    Dialect.B: frozenset(SOURCE_COLUMNS) - _ONLY_C,
    Dialect.C: frozenset(SOURCE_COLUMNS),
}


def recognise(columns: Mapping[str, str]) -> Dialect:
    """The dialect whose columns (catalog's type name by column name) these are.

    Raises:
        PermanentError: no dialect has exactly these columns and types; the difference to the nearest is named.
    """
    names = frozenset(columns)
    nearest = min(COLUMNS_OF, key=lambda dialect: (len(COLUMNS_OF[dialect] ^ names), dialect))
    known = COLUMNS_OF[nearest]
    wrong = {
        name: f"{name} is {columns[name]}, not {SOURCE_COLUMNS[name]}"
        for name in sorted(known & names)
        if _SAME_TYPE.get(columns[name]) != SOURCE_COLUMNS[name]
    }
    if names == known and not wrong:
        return nearest
    differences = [
        *(f"lacks {name}" for name in sorted(known - names)),
        *(f"has {name} ({columns[name]}) besides" for name in sorted(names - known)),
        *wrong.values(),
    ]
    raise PermanentError(
        f"its columns are of no known dialect; compared with the nearest, dialect {nearest}: {', '.join(differences)}",
        item="public.artworks",
        remedy="Nothing was written; teach the pipeline this dialect (artwork_pipeline/artworks/dialects.py and "
        "sql/source_*.sql) or correct the table, then start again",
    )
