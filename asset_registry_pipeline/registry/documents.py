"""The shape of a registry document, before and after; values that all other domain modules pass around."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from asset_registry_pipeline.registry import composites
from asset_registry_pipeline.registry.shapes import is_text

STAGING_FIELDS = (
    "_id", "layer", "category", "subcategory", "name", "nna_address", "gcpStorageUrl", "source", "tags",
    "description", "trainingData", "rights", "components", "registeredBy", "createdAt", "updatedAt", "__v",
)  # fmt: skip
"""The keys of a staging document, exactly."""
PHASE_2B_FIELDS = ("creatorDescription", "albumArt", "aiMetadata", "musicMetadata", "componentAnalysis")
"""What the migration adds; no staging document should have any."""
JSON_FIELDS = ("trainingData", "rights")
"""Fields that staging stores as JSON in a string."""
TRANSFORMED_FIELDS = frozenset({*PHASE_2B_FIELDS, *JSON_FIELDS, "components"})
"""Fields the transform may change; every other field is byte-equal before and after."""

FIELD_TYPES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "layer": ("str",), "category": ("str",), "subcategory": ("str",), "name": ("str",), "nna_address": ("str",),
        "gcpStorageUrl": ("str",), "source": ("str",), "tags": ("list",), "description": ("str",),
        "trainingData": ("str", "dict"), "rights": ("str", "dict"), "components": ("list",), "registeredBy": ("str",),
        "createdAt": ("datetime",), "updatedAt": ("datetime",), "__v": ("int",),
    }
)  # fmt: skip
"""The names of the types a field may have, besides being absent or null."""
MAXIMUM_SIZE = 16 * 1024 * 1024 - 64 * 1024
"""Bytes that a document may have and still be staged inside another one; the server's limit is 16 MiB."""
REQUIRED_FIELDS = ("layer", "name", "nna_address")

_TYPE_NAMES = {"Int64": "int", "DatetimeMS": "datetime"}
# Only from the beginning of a word: a long text without any would else be gone through once for each of its letters.
_EMAIL = re.compile(r"(?<![^@\s])([^@\s])[^@\s]*@([^@\s]+)")


@dataclass(frozen=True)
class SourceDocument:
    """One staging document as it was read.

    `item` is its ledger key, `identifier` its `_id` as the store knows it, `source_hash` the SHA-256 of its
    BSON bytes, `body` None when it cannot be decoded (then `unreadable` says why).
    """

    item: str
    layer: str
    source_hash: str
    size: int
    body: Mapping[str, Any] | None
    unreadable: str | None = None
    identifier: Any = None

    @property
    def label(self) -> str:
        """What to call it in a message: its name where it has one."""
        name = self.body.get("name") if self.body is not None else None
        return name.split(":")[0] if is_text(name) and name else self.item

    @cached_property
    def listed(self) -> tuple[composites.Reference, ...]:
        """The references that the `components` of a composite list, read once for all that ask.

        Raises:
            UnreadableReferenceError: an entry is no reference.
        """
        entries = self.body.get("components") if self.body is not None else None
        return composites.read_components(entries) if isinstance(entries, list) else ()

    @cached_property
    def named(self) -> tuple[composites.Reference, ...]:
        """The references that stand in the name of a composite."""
        name = self.body.get("name") if self.body is not None else None
        return composites.read_name(name)[1] if is_text(name) else ()


def type_name(value: object) -> str:
    """The name of a value's type, the same for the variants of one BSON type that a reader may meet."""
    return name_of_type(type(value))


def name_of_type(kind: type) -> str:
    """The same for a type itself."""
    return _TYPE_NAMES.get(kind.__name__, kind.__name__)


def masked(value: str) -> str:
    """A text with its e-mail addresses masked, for previews and reports."""
    return _EMAIL.sub(r"\1***@\2", value)
