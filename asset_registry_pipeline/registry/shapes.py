"""Shapes of stored values: JSON in strings, character maps, blank lists, depth; no findings, no profiles."""

import json
import marshal
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeGuard

_NESTING = (dict, list)
_TEXT = frozenset({str})
MAXIMUM_DEPTH = 90
"""Levels of nesting that survive being staged inside another document (the server's limit is near 180)."""


class ShapeError(ValueError):
    """A value that has not the shape it should have."""


def is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a plain text: BSON's code is a `str` in Python too, and is none."""
    return type(value) is str


def only_texts(values: Iterable[object]) -> TypeGuard[Iterable[str]]:
    """Whether all of some values are plain texts."""
    return _TEXT.issuperset(map(type, values))


def parse_json_object(text: str) -> dict[str, Any]:
    """Read a string that holds one JSON object; nothing is repaired. What is returned is the caller's own.

    Raises:
        ShapeError: not JSON, not an object, a key twice, NaN or Infinity, or nested too deep.
    """
    if len(text) > _REPEATED_LENGTH:
        return _parsed(text)
    copied: dict[str, Any] = marshal.loads(_parsed_once(text))  # noqa: S302 - this process's own bytes
    return copied


def check_json_object(text: str) -> None:
    """Read a string as `parse_json_object` does, for its errors alone.

    Raises:
        ShapeError: as there.
    """
    _parsed_once(text) if len(text) <= _REPEATED_LENGTH else _parsed(text)


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
    except RecursionError as error:
        raise ShapeError("JSON nested too deep to read") from error
    except ShapeError:
        raise
    except ValueError as error:
        raise ShapeError(f"not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise ShapeError(f"JSON of another kind: {type(value).__name__}, an object expected")
    if depth_of(value) > MAXIMUM_DEPTH:
        raise ShapeError(f"nested deeper than {MAXIMUM_DEPTH} levels")
    return value


# Nearly all documents hold one of a few short texts. Bytes are kept, so that every caller gets a value of its own.
_REPEATED_LENGTH = 400


@lru_cache(maxsize=1024)
def _parsed_once(text: str) -> bytes:
    return marshal.dumps(_parsed(text))


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ShapeError("the same key twice in one JSON object")
    return found


def _no_constant(name: str) -> Any:
    raise ShapeError(f"{name} is not JSON")


def depth_of(value: object) -> int:
    """Levels of nesting: 0 for a plain value, 1 for a flat list or object. Iterative: depth itself may be the dirt."""
    depth, level = 0, [value]
    while depth <= 10 * MAXIMUM_DEPTH:
        children: list[object] = []
        for current in level:
            if isinstance(current, _NESTING):
                children.extend(current.values() if isinstance(current, dict) else current)
        if not children:
            break
        depth, level = depth + 1, children
    return depth


def is_character_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether an object is a string that was spread into `{"0": "{", "1": "}"}` by mistake."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) and key.isascii() and key.isdigit() for key in value)
        and all(is_text(character) for character in value.values())
    )


def join_character_map(value: Mapping[str, Any]) -> dict[str, Any]:
    """Put a character map together again.

    Raises:
        ShapeError: characters are missing, or the text they make is not a JSON object.
    """
    characters = {int(key): character for key, character in value.items()}
    if len(characters) != len(value) or sorted(characters) != list(range(len(value))):
        raise ShapeError("a character map with characters missing")
    return parse_json_object("".join(characters[index] for index in range(len(value))))


def has_blanks(value: list[Any]) -> bool:
    """Whether a list holds an empty text."""
    return not all(map(str.strip, value)) if only_texts(value) else without_blanks(value) != value


def without_blanks(value: list[Any]) -> list[Any]:
    """A list without its empty texts, in the same order."""
    return [entry for entry in value if not (is_text(entry) and not entry.strip())]
