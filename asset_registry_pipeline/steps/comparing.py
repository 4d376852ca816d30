"""One document compared: what development holds of it, with what its source makes it and what the ledger says of it.

Reading them belongs to `verify`. An answer is a short text that names the fault, and None where there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from asset_registry_pipeline.registry.addresses import is_mfa
from asset_registry_pipeline.registry.answers import changed_fields, required_fields
from asset_registry_pipeline.registry.documents import TRANSFORMED_FIELDS, SourceDocument, type_name
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.registry.outcomes import (
    CONFLICT,
    FOUND_BY_PUBLISHING,
    IN_DEVELOPMENT,
    SUPERSEDED,
    stays_in_development,
)
from asset_registry_pipeline.registry.profiles import IN_PLACE, Profile
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.transform import Disposition
from asset_registry_pipeline.stores import codec
from migration_kit.ledger import Entry

COLUMNS = (
    "item", "label", "source_unchanged", "accounted", "outcome", "presence", "content", "wrong_type", "untouched",
    "references", "missing_fields", "words_length", "cover",
)  # fmt: skip
"""The questions about one document, in the order of a row; the suite has the words for each."""

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Expected:
    """What a document's source makes it: its outcome; where it is ready the new document, its bytes and their hash.

    `missing`: the references that a composite waits for, as they are written.
    """

    disposition: Disposition
    reason: str | None = None
    document: Mapping[str, Any] | None = None
    raw: bytes | None = None
    target_hash: str | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """A document as development holds it; `body` is None where it cannot be decoded."""

    target_hash: str
    body: Mapping[str, Any] | None


Row = tuple[Any, ...]
Dangling = Callable[[list[str]], list[str]]
"""Of some addresses those that no document in development has."""


def claimed(entry: Entry | None) -> TypeGuard[Entry]:
    """Whether the ledger says that the document is in development."""
    return entry is not None and entry.state in IN_DEVELOPMENT


def recorded_as(entry: Entry | None, source: SourceDocument, target_hash: str | None) -> TypeGuard[Entry]:
    """Whether the ledger says that a document of this hash is in development, and of the layer it belongs to."""
    return claimed(entry) and entry.partition == source.layer and entry.target_hash == target_hash


def equal_row(
    source: SourceDocument, entry: Entry, document: Mapping[str, Any], cover: str | None = None
) -> Row:
    """The row of a document that equals what its source makes it: that answers everything about its content.

    `cover`: what is wrong with the objects of its album art, which no document tells.
    Its references are among the answers: expected is only what resolves in development as it is now.
    """
    words = document.get("creatorDescription")
    return (
        source.item,
        source.label,
        entry.source_hash == source.source_hash,
        True,
        *(None,) * 6,
        _lacking(source.layer, document),
        float(len(words)) if is_text(words) else None,
        cover,
    )


def row(
    source: SourceDocument,
    expected: Expected,
    entry: Entry | None,
    held: Held | None,
    *,
    profile: Profile,
    dangling: Dangling,
    cover: str | None = None,
) -> Row:
    """The row of any document, question by question; about content only where the ledger says it was migrated."""
    head = (
        source.item,
        source.label,
        entry is None or entry.source_hash == source.source_hash,
        entry is not None,
        None if entry is None else _outcome(source, expected, entry, held, in_place=profile.mode == IN_PLACE),
        _presence(entry, there=held is not None),
    )
    if held is None or not claimed(entry):
        return (*head, *(None,) * 7)
    if held.body is None:
        return (*head, "it cannot be decoded", *(None,) * 6)
    words = held.body.get("creatorDescription")
    return (
        *head,
        _content(expected, held),
        _wrong_types(expected.document if expected.document is not None else _kept(source), held.body),
        _named(changed_fields(source, held.body, profile, codec.same_bytes)),
        _named(dangling(references(held.body))) if source.layer in COMPOSITE_LAYERS else None,
        _lacking(source.layer, held.body),
        float(len(words)) if is_text(words) else None,
        cover,
    )


def unexplained_row(item: str, label: str) -> Row:
    """The row of a document that this migration wrote, and of which neither staging nor the ledger knows."""
    there = "in development by this migration; neither staging nor the ledger knows of it"
    return (item, label, True, True, None, there, *(None,) * 7)


def _outcome(
    source: SourceDocument, expected: Expected, entry: Entry, held: Held | None, *, in_place: bool
) -> str | None:
    """Why what the ledger says would not be said now; None where it would."""
    if entry.partition != source.layer:
        return f"recorded as {entry.state} of layer {entry.partition}"
    ready = expected.disposition is Disposition.READY
    equal = held is not None and held.target_hash == expected.target_hash
    if entry.state in IN_DEVELOPMENT:
        if equal and entry.target_hash != expected.target_hash:
            return "recorded with another hash than it has"
        due = ready
    elif entry.reason in FOUND_BY_PUBLISHING:
        # In place the document in the way may be none that has arrived; a copy has to meet one.
        free = equal or (entry.reason == CONFLICT and held is None and not in_place)
        due = ready and not free
    elif entry.reason == SUPERSEDED:
        due = not ready
    else:
        due = (str(entry.state), entry.reason) == (str(expected.disposition), expected.reason)
        lacks = [one["reference"] for one in entry.detail.get("missing", ())]
        if due and lacks != [*expected.missing]:
            now, then = _named([*expected.missing]) or "nothing", _named(lacks) or "nothing"
            return f"now lacks {now}; recorded as lacking {then}"
    if due:
        return None
    now = f"{expected.disposition} ({expected.reason})" if expected.reason else str(expected.disposition)
    return f"now {now}; recorded as {entry.state}" + (f" ({entry.reason})" if entry.reason else "")


def _presence(entry: Entry | None, *, there: bool) -> str | None:
    if claimed(entry):
        return None if there else "missing"
    if not there:
        return None
    if entry is not None and stays_in_development(entry):
        # A composite stays listed until somebody has decided what becomes of it: what it refers to is not to be had.
        missing = [f"{one['reference']} ({one['why']})" for one in entry.detail.get("missing", ())]
        return f"extra: built from {_named(missing)}" if missing else None
    return f"extra: recorded as {entry.state}" if entry is not None else "extra: the ledger has nothing of it"


def _content(expected: Expected, held: Held) -> str | None:
    """The fields that are other than the source makes them."""
    if expected.document is None or held.body is None:
        # Of what would not be migrated now `outcome` tells; there is no document to compare it with.
        return None
    if expected.target_hash == held.target_hash:
        return None
    fields = codec.differing_fields(expected.document, held.body)
    told = [
        f"{field} is missing"
        if field not in held.body
        else f"{field} is extra"
        if field not in expected.document
        else field
        for field in fields
    ]
    if told:
        return _named(told)
    reordered = [*held.body] != [*expected.document]
    return "the order of its fields" if reordered else "its bytes: a field twice, or a deprecated type"


def _wrong_types(wanted: Mapping[str, Any], body: Mapping[str, Any]) -> str | None:
    """The fields that hold another type than they should; null is no type."""
    return _named(
        [
            f"{field} is {type_name(value)}, not {type_name(wanted[field])}"
            for field, value in body.items()
            if value is not None
            and wanted.get(field) is not None
            and type_name(value) != type_name(wanted[field])
        ]
    )


def _kept(source: SourceDocument) -> Mapping[str, Any]:
    """What of a source is the same in whatever it becomes."""
    return {field: value for field, value in (source.body or {}).items() if field not in TRANSFORMED_FIELDS}


def references(body: Mapping[str, Any]) -> list[str]:
    """The addresses that a composite refers to; what a profile keeps in another form `content` checks."""
    listed = body.get("components")
    return [one for one in listed if is_mfa(one)] if isinstance(listed, list) else []


def _lacking(layer: str, body: Mapping[str, Any]) -> str | None:
    for field in required_fields(layer):
        if field not in body:
            return _named([field for field in required_fields(layer) if field not in body])
    return None


def _named(names: list[str]) -> str | None:
    return ", ".join(names[:_MOST_NAMED]) or None
