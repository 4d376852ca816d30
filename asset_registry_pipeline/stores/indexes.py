"""The indexes that the target must have, and how one that is there differs; making them belongs to `development`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TEXT_INDEX = "migration_text"
LANGUAGE_OVERRIDE = "textIndexLanguage"
"""A field that no document has: the default, `language`, makes documents with such a field fail to be indexed."""


@dataclass(frozen=True)
class Index:
    """An index the target must have; `keys` as the server stores them, without the text index's inner ones."""

    name: str
    keys: tuple[tuple[str, Any], ...]
    options: Mapping[str, Any]


TEXT = Index(
    TEXT_INDEX,
    (("name", "text"), ("description", "text"), ("tags", "text"), ("creatorDescription", "text")),
    {"default_language": "english", "language_override": LANGUAGE_OVERRIDE},
)
WANTED_INDEXES = (
    Index("name_1", (("name", 1),), {"unique": True}),
    Index("nna_address_1", (("nna_address", 1),), {"unique": True}),
    Index("layer_1_category_1_subcategory_1", (("layer", 1), ("category", 1), ("subcategory", 1)), {}),
    TEXT,
)

_UNWANTED_OPTIONS = {
    "unique", "sparse", "partialFilterExpression", "collation", "hidden", "expireAfterSeconds",
}  # fmt: skip
"""With one of these an index does not keep, or not find, what it seems to by its name."""


def difference(wanted: Index, there: Mapping[str, Any] | None) -> str | None:
    """What is wrong with an index as the server tells of it; None where it is as wanted."""
    if there is None:
        return "missing"
    for option, value in wanted.options.items():
        if there.get(option) != value:
            return f"{option} is {there.get(option)!r}, {value!r} wanted"
    for option in _UNWANTED_OPTIONS - wanted.options.keys():
        if there.get(option):
            return f"{option} is {there[option]!r}, not wanted"
    if wanted.name == TEXT_INDEX:
        fields = set(there.get("weights", {}))
        return (
            None if fields == {field for field, _ in wanted.keys} else f"covers {', '.join(sorted(fields))}"
        )
    return None if [tuple(key) for key in there["key"]] == list(wanted.keys) else f"covers {there['key']}"
