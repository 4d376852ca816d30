"""SQL scripts of this package in which each statement stands under its name (`-- name: ...`)."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


def statement(script: str, name: str, **parts: str) -> bytes:
    """A statement of a script; `{...}` in it stands for the parts (identifiers and columns, never values)."""
    text = _statements(script)[name]
    for part, words in parts.items():
        text = text.replace(f"{{{part}}}", words)
    return text.encode()


@cache
def _statements(script: str) -> dict[str, str]:
    text = files(__package__).joinpath(script).read_text(encoding="utf-8")
    parts = (part.partition("\n") for part in text.split("-- name: ")[1:])
    return {name.strip(): body for name, _, body in parts}
