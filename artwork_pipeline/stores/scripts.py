"""The files in `sql/`, with their @tokens@ put in. What is put in belongs to those who ask."""

from importlib.resources import files

from psycopg import sql

from artwork_pipeline.artworks.phases import Tables

_FOLDER = files("artwork_pipeline").joinpath("sql")


def script(name: str, **tokens: str) -> str:
    """The text of ``sql/<name>.sql`` with each ``@token@`` replaced.

    Raises:
        KeyError: a token of the script was not given.
    """
    text = _FOLDER.joinpath(f"{name}.sql").read_text(encoding="utf-8")
    parts = text.split("@")
    return "".join(part if position % 2 == 0 else tokens[part] for position, part in enumerate(parts))


def table_tokens(tables: Tables) -> dict[str, str]:
    """The tokens ``old`` and ``clean``, qualified and quoted; a table that is no longer there has none."""
    old = {} if tables.old is None else {"old": _qualified(tables.old_name)}
    return {**old, "clean": _qualified(tables.clean_name)}


def identifier(name: str) -> str:
    """A name, quoted for a statement."""
    return sql.Identifier(name).as_string()


def literal(text: str) -> str:
    """A text, quoted for a statement."""
    return sql.Literal(text).as_string()


def _qualified(name: str) -> str:
    return sql.Identifier(*name.split(".")).as_string()
