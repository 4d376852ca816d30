"""Dialects are recognised by their columns, and nothing else is taken for one."""

import pytest

from artwork_pipeline.artworks.columns import SOURCE_COLUMNS
from artwork_pipeline.artworks.dialects import COLUMNS_OF, Dialect, recognise
from migration_kit.failures import PermanentError


def columns(dialect):
    return {name: SOURCE_COLUMNS[name] for name in COLUMNS_OF[dialect]}


@pytest.mark.parametrize(("dialect", "number"), [(Dialect.A, 14), (Dialect.B, 19), (Dialect.C, 24)])
def test_a_dialect_is_recognised_by_its_columns(dialect, number):
    assert len(columns(dialect)) == number
    assert recognise(columns(dialect)) is dialect
    assert recognise(columns(dialect) | {"pet_name": "varchar"}) is dialect


@pytest.mark.parametrize("dialect", Dialect)
def test_one_column_more_or_less_is_no_dialect_and_the_column_is_named(dialect):
    with pytest.raises(PermanentError, match=r"dialect .*has mood \(text\) besides"):
        recognise(columns(dialect) | {"mood": "text"})
    with pytest.raises(PermanentError, match=f"dialect {dialect}: lacks pet_name. "):
        recognise({name: kind for name, kind in columns(dialect).items() if name != "pet_name"})


def test_a_column_of_another_type_is_named():
    with pytest.raises(PermanentError, match="mockup_urls is json, not jsonb"):
        recognise(columns(Dialect.B) | {"mockup_urls": "json"})


def test_no_columns_at_all_are_no_dialect():
    with pytest.raises(PermanentError, match="lacks access_token"):
        recognise({})
