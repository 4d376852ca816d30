"""What every asset of this location carries: its prefix, its pool, its attributes."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import dagster as dg

from migration_kit.orchestration import AssetAttributes, Stage, asset_attributes
from migration_kit.redaction import mask_email

PREFIX = "registry"
POOL = "registry_mongodb"
"""Limits how many runs write to development at once."""
MOST_ROWS = 200
"""Rows that a table in the UI shows; a file holds all of them."""
_LONGEST_CELL = 200


def stage(name: Stage) -> AssetAttributes:
    """What every asset of a stage says of itself."""
    return asset_attributes(PREFIX, name, kinds={"mongodb"})


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dg.TableMetadataValue:
    """The first rows as a table of the UI; e-mail addresses masked, long texts cut off."""
    records = [
        dg.TableRecord({name: _cell(row.get(name)) for name in columns}) for row in islice(rows, MOST_ROWS)
    ]
    return dg.MetadataValue.table(
        records,
        schema=dg.TableSchema(
            [
                dg.TableColumn(
                    name, "int" if records and isinstance(records[0].data[name], int) else "string"
                )
                for name in columns
            ]
        ),
    )


def _cell(value: Any) -> str | int:
    return (
        value
        if isinstance(value, int)
        else mask_email(str(value if value is not None else ""))[:_LONGEST_CELL]
    )
