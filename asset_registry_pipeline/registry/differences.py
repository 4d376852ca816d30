"""What differs between two texts, word by word, and between two documents, field by field; no pages, no stores.

Nothing is judged here: both sides are told as they are, so that a person sees what would change.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher
from itertools import groupby
from typing import Any, Literal, NamedTuple

from asset_registry_pipeline.registry.documents import type_name
from asset_registry_pipeline.registry.shapes import is_text

PieceKind = Literal["same", "removed", "added"]
FieldKind = Literal["same", "added", "removed", "changed"]

_TOKENS = re.compile(r"\s+|\S+")
_MOST_TOKENS = 3_000
"""Tokens of both texts together, without what they begin and end with alike: finding pairs costs their square."""
_DEEPEST = 3
"""Levels of objects that are told field by field; what is nested deeper is told as one value."""
_ABSENT = object()
_KINDS: Mapping[str, str] = {
    "str": "text", "dict": "object", "int": "number", "float": "decimal number", "bool": "yes or no",
    "NoneType": "null", "datetime": "date",
}  # fmt: skip
_SAME: tuple[PieceKind, ...] = ("same",)
_CHANGED: tuple[PieceKind, ...] = ("removed", "added")
_LONGEST_TOLD = 6_000
"""Characters of a value that are told; a description has some hundreds."""


class Piece(NamedTuple):
    """A stretch of text: in both, only in the earlier one, or only in the later one."""

    kind: PieceKind
    text: str


@dataclass(frozen=True)
class FieldDifference:
    """One field in both documents: `before` and `after` as they are told, None where there is no such field.

    `note` says what the texts alone do not show, as that a number became a text.
    """

    path: str
    kind: FieldKind
    before: str | None
    after: str | None
    pieces: tuple[Piece, ...]
    note: str = ""


def of_texts(before: str, after: str) -> tuple[Piece, ...]:
    """The pieces that lead from one text to another.

    Those that are not `added`, joined, are `before`; those that are not `removed`, joined, are `after`. Very long
    texts that differ in very much are told as one removed and one added piece.
    """
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    inner_old, inner_new = old[start : len(old) - end], new[start : len(new) - end]
    pieces = [Piece("same", "".join(old[:start]))]
    if len(inner_old) + len(inner_new) > _MOST_TOKENS:
        pieces += [Piece("removed", "".join(inner_old)), Piece("added", "".join(inner_new))]
    else:
        pieces += _inner(inner_old, inner_new)
    pieces.append(Piece("same", "".join(old[len(old) - end :])))
    return _joined(pieces)


def of_documents(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldDifference, ...]:
    """All fields of two documents, in the order of the later one, then those that only the earlier one has.

    Objects are told field by field, as `albumArt.url`; lists, and what is an object in one of them only, as one value.
    """
    return tuple(_of_field(*pair) for pair in _pairs(before, after))


def told(value: object) -> str:
    """A value as a person reads it: texts as they are, lists of texts separated by commas, the rest as a literal."""
    if is_text(value):
        return value
    if isinstance(value, list) and value and all(is_text(one) and one.strip() for one in value):
        return ", ".join(value)
    return literal(value)


def literal(value: object) -> str:
    """A value as text from which its type can be told, too; the same text only for the same value."""
    if value is None or type(value) in (str, bool, int):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        entries = (f"{literal(str(key))}:{literal(one)}" for key, one in value.items())
        return "{" + ",".join(entries) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(literal, value)) + "]"
    if isinstance(value, datetime):
        # A date of BSON is of UTC; some readers leave that out.
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} UTC"
    return repr(value) if type(value) is float else f"{type_name(value)}({value})"


def _of_field(path: str, old: Any, new: Any) -> FieldDifference:
    if old is _ABSENT:
        after = _bounded(told(new))
        return FieldDifference(path, "added", None, after, (Piece("added", after),))
    if new is _ABSENT:
        before = _bounded(told(old))
        return FieldDifference(path, "removed", before, None, (Piece("removed", before),))
    before, after = told(old), told(new)
    if literal(old) == literal(new):
        short = _bounded(before)
        return FieldDifference(path, "same", short, short, (Piece("same", short),))
    kinds = [_KINDS.get(type_name(value), type_name(value)) for value in (old, new)]
    note = f"{kinds[0]} before, {kinds[1]} now" if kinds[0] != kinds[1] else ""
    if before == after and not note:
        before, after = literal(old), literal(new)
    before, after = _bounded(before), _bounded(after)
    if before == after:
        note = note or f"the difference is after the first {_LONGEST_TOLD:,} characters"
    return FieldDifference(path, "changed", before, after, of_texts(before, after), note)


def _pairs(
    before: Mapping[str, Any], after: Mapping[str, Any], above: str = "", depth: int = 1
) -> Iterator[tuple[str, Any, Any]]:
    """Every field with both its values, `_ABSENT` where a document has no such field."""
    for name in (*after, *(name for name in before if name not in after)):
        path, old, new = f"{above}{name}", before.get(name, _ABSENT), after.get(name, _ABSENT)
        objects = [value for value in (old, new) if value is not _ABSENT]
        if depth < _DEEPEST and all(isinstance(value, Mapping) and value for value in objects):
            inner = [value if value is not _ABSENT else {} for value in (old, new)]
            yield from _pairs(inner[0], inner[1], f"{path}.", depth + 1)
        else:
            yield path, old, new


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """How many tokens two texts begin with alike."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _inner(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for index, (tag, from_old, to_old, from_new, to_new) in enumerate(steps):
        text = "".join(old[from_old:to_old])
        # A lone blank between two changed words is part of the change: nobody reads word by word.
        between = 0 < index < len(steps) - 1
        if tag == "equal" and not (between and text.isspace()):
            yield Piece("same", text)
        else:
            yield Piece("removed", text)
            yield Piece("added", "".join(new[from_new:to_new]))


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Neighbours of one kind joined, what was removed before what was added, nothing empty."""
    joined: list[Piece] = []
    for same, run in groupby(filter(_has_text, pieces), lambda piece: piece.kind == "same"):
        stretch = list(run)
        for kind in _SAME if same else _CHANGED:
            text = "".join(piece.text for piece in stretch if piece.kind == kind)
            if text:
                joined.append(Piece(kind, text))
    return tuple(joined)


def _has_text(piece: Piece) -> bool:
    return bool(piece.text)


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}… ({len(text):,} characters)"
