"""References of composites: reading every form, resolving, and the rules of structure; no aggregation, no stores."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from asset_registry_pipeline.registry.addresses import is_mfa, parse_mfa
from asset_registry_pipeline.registry.layers import BREAKDOWN_LAYERS, REFERABLE_LAYERS
from asset_registry_pipeline.registry.shapes import is_text

MINIMUM_COMPONENTS, MAXIMUM_COMPONENTS = 2, 10

_LONGEST_TOLD = 200
"""Characters of a reference's own words that are told of it."""
_BRACKETS = str.maketrans("", "", "[](){}<>\"'")
_EXTENSIONS = frozenset({"png", "jpg", "jpeg", "webp", "mp4", "mov", "mp3", "wav", "json"})
_REFERABLE_OR_UNTOLD = REFERABLE_LAYERS | {None}
_OBJECT_KEYS = ("nnaAddress", "nna_address", "name", "_id", "id", "friendlyName")


@dataclass(frozen=True, order=True)
class Reference:
    """What a composite says of one component: the keys to look it up by, best first, and its own words."""

    keys: tuple[str, ...]
    written: str

    @property
    def key(self) -> str:
        """The best key: a letter MFA where one is known."""
        return self.keys[0]

    @cached_property
    def layer(self) -> str | None:
        """The layer that the reference itself names, None for a bare `_id`."""
        for key in self.keys:
            if key[1:2] == ".":
                return key[0]
        return None


@dataclass(frozen=True)
class Component:
    """An asset that a reference resolves to."""

    item: str
    layer: str
    name: str
    address: str


class UnreadableReferenceError(ValueError):
    """An entry of `components` that is no reference at all."""


def read_name(name: str) -> tuple[str, tuple[Reference, ...]]:
    """The HFN of a composite's name, and the references after its first `:`.

    Strips brackets, blanks and a file extension; separators are `:`, `+` and `,`; empty parts are dropped.
    """
    _, _, rest = name.partition(":")
    return own_name(name), _split(rest) if rest else ()


def own_name(name: str) -> str:
    """The HFN of a composite's name, without what it is built from."""
    return _without_extension(name.partition(":")[0])


def read_components(entries: Iterable[Any]) -> tuple[Reference, ...]:
    """The references of a `components` list: texts in any form, or objects; empty texts are dropped.

    Raises:
        UnreadableReferenceError: an entry is neither a text nor an object with one of the known keys.
    """
    references: list[Reference] = []
    for entry in entries:
        if is_text(entry):
            references += _listed_before(entry) if len(entry) <= _REPEATED_LENGTH else _split(entry)
        elif isinstance(entry, Mapping):
            references.append(_from_object(entry))
        elif type(entry).__name__ == "ObjectId":
            references.append(Reference((str(entry),), str(entry)))
        else:
            raise UnreadableReferenceError(f"a component of type {type(entry).__name__}: {entry!r:.60}")
    return tuple(references)


def _split(text: str) -> tuple[Reference, ...]:
    """The references in one text, whatever separates them."""
    plain = _without_extension(text).translate(_BRACKETS).replace("+", ":").replace(",", ":")
    parts = [part for each in plain.split(":") if (part := each.strip())]
    return tuple([_from_text(part) if len(part) <= _REPEATED_LENGTH else _read(part) for part in parts])


# A few components stand in very many composites, and a reference never changes. Nothing that may be large is kept.
_REPEATED_LENGTH = 200
_listed_before = lru_cache(maxsize=16_384)(_split)


def _without_extension(text: str) -> str:
    text = text.strip()
    stem, dot, extension = text.rpartition(".")
    return stem if dot and extension.casefold() in _EXTENSIONS else text


def _read(text: str) -> Reference:
    return Reference((_normalised(text),), text[:_LONGEST_TOLD])


_from_text = lru_cache(maxsize=16_384)(_read)


def _from_object(entry: Mapping[str, Any]) -> Reference:
    keys = [
        _normalised(str(entry[key]).split(":")[0])
        for key in _OBJECT_KEYS
        if entry.get(key) is not None
        and not isinstance(entry[key], Mapping | list)
        and str(entry[key]).strip()
    ]
    if not keys:
        raise UnreadableReferenceError(
            f"a component object without {', '.join(_OBJECT_KEYS)}: {dict(entry)!r:.60}"
        )
    return Reference(tuple(dict.fromkeys(keys)), keys[0][:_LONGEST_TOLD])


def _normalised(text: str) -> str:
    text = text.strip()
    return parse_mfa(text).letter if is_mfa(text) else text


@dataclass(frozen=True)
class Resolution:
    """What a composite's references lead to: components in the order of the references, and those without one."""

    components: tuple[Component, ...]
    missing: tuple[Reference, ...]


def resolve(references: Iterable[Reference], find: Callable[[str], Component | None]) -> Resolution:
    """Look each reference up by its keys; `find` gets a letter MFA, an HFN or an `_id`."""
    found, missing = [], []
    for reference in references:
        for key in reference.keys:
            component = find(key)
            if component is not None:
                found.append(component)
                break
        else:
            missing.append(reference)
    return Resolution(tuple(found), tuple(missing))


def structural_breach(references: tuple[Reference, ...], resolved: tuple[Component, ...] = ()) -> str | None:
    """The first rule that a composite breaks, in words; None when it breaks none."""
    if not MINIMUM_COMPONENTS <= len(references) <= MAXIMUM_COMPONENTS:
        return f"{len(references)} components, {MINIMUM_COMPONENTS} to {MAXIMUM_COMPONENTS} allowed"
    layers = {reference.layer for reference in references}
    layers.update([component.layer for component in resolved])
    if "C" in layers:
        return "a composite inside a composite"
    if foreign := layers - _REFERABLE_OR_UNTOLD:
        return f"components of layer {', '.join(sorted(map(str, foreign)))}, which composites are not made of"
    keys = {reference.keys[0] for reference in references}
    items = {component.item for component in resolved}
    if len(keys) != len(references) or len(items) != len(resolved):
        return "the same component twice"
    return None


def missing_layers(layers: Iterable[str | None]) -> tuple[str, ...]:
    """The layers of a complete composite that are not there; found by layer, never by position."""
    present = set(layers)
    return tuple([layer for layer in BREAKDOWN_LAYERS if layer not in present])
