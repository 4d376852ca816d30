"""What can be found in one document; nothing across documents, no stores. The kinds of findings are in `kinds`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from asset_registry_pipeline.registry import composites, shapes, texts
from asset_registry_pipeline.registry.addresses import AddressError, is_hfn, parse_hfn, parse_mfa
from asset_registry_pipeline.registry.documents import (
    FIELD_TYPES,
    JSON_FIELDS,
    MAXIMUM_SIZE,
    PHASE_2B_FIELDS,
    REQUIRED_FIELDS,
    STAGING_FIELDS,
    SourceDocument,
    type_name,
)
from asset_registry_pipeline.registry.kinds import KINDS, Effect
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.taxonomy import Taxonomy, UnknownCodeError


@dataclass(frozen=True, order=True)
class Finding:
    """One thing found in one document."""

    item: str
    layer: str
    kind: str
    field: str
    detail: str = ""

    @property
    def effect(self) -> Effect:
        """What it leads to."""
        return KINDS[self.kind][0]

    @property
    def reason(self) -> str:
        """Its words, the same for every document of the kind, so that they can be counted."""
        return KINDS[self.kind][1]


_Found = Iterator[tuple[str, str, str]]  # kind, field, detail


@dataclass(frozen=True)
class _Subject:
    """A document that can be read, with what is needed to judge it."""

    body: Mapping[str, Any]
    layer: str
    taxonomy: Taxonomy


_Inspector = Callable[[_Subject], _Found]


def inspect(source: SourceDocument, taxonomy: Taxonomy) -> tuple[Finding, ...]:
    """Everything found in one document, in a fixed order. Never raises on any content."""
    if source.body is None:
        return (Finding(source.item, source.layer, "unreadable_document", "", source.unreadable or ""),)
    body = source.body
    if source.size > MAXIMUM_SIZE:
        return (Finding(source.item, source.layer, "oversized_document", "", f"{source.size:,} bytes"),)
    depth = shapes.depth_of(body)
    if depth > shapes.MAXIMUM_DEPTH:
        return (Finding(source.item, source.layer, "nested_too_deep", "", f"{depth} levels or more"),)
    subject = _Subject(body, source.layer, taxonomy)
    found = list(_shape(subject))
    # Whatever has the wrong type is not looked into further: every other check may rely on the types.
    if not any(kind in ("wrong_type", "required_field_missing") for kind, _, _ in found):
        for inspector in _INSPECTORS:
            found.extend(inspector(subject))
    return tuple(Finding(source.item, source.layer, kind, field, detail) for kind, field, detail in found)


def _shape(subject: _Subject) -> _Found:
    body = subject.body
    for field, types in FIELD_TYPES.items():
        value = body.get(field)
        if value is None:
            yield ("required_field_missing" if field in REQUIRED_FIELDS else "missing_field"), field, ""
        elif type_name(value) not in types:
            yield "wrong_type", field, f"{type_name(value)}, {' or '.join(types)} expected"
    tags = body.get("tags")
    if isinstance(tags, list) and not all(is_text(tag) for tag in tags):
        yield "wrong_type", "tags", "a tag that is no text"
    for field in body:
        if field == "language":
            yield "language_field", field, ""
        elif field not in STAGING_FIELDS:
            yield "unexpected_field", field, ""


def _addresses(subject: _Subject) -> _Found:
    body = subject.body
    name, address = body["name"], body["nna_address"]
    own_name = composites.read_name(name)[0] if subject.layer == "C" else name
    if "undefined" in f"{own_name} {address}":
        yield "undefined_in_address", "nna_address", f"{own_name} {address}"
        return
    try:
        hfn, mfa = parse_hfn(own_name), parse_mfa(address)
    except AddressError as error:
        yield "malformed_address", "nna_address", str(error)
        return
    if mfa.letter != address:
        yield (
            "malformed_address",
            "nna_address",
            f"{address} is numeric; {mfa.letter} is what the registry stores",
        )
        return
    try:
        expected = subject.taxonomy.to_mfa(hfn)
        names = subject.taxonomy.names_of(hfn)
    except UnknownCodeError as error:
        yield "unknown_code", "name", str(error)
        return
    if not (hfn.layer == mfa.layer == subject.layer) or expected != mfa:
        yield (
            "address_mismatch",
            "nna_address",
            f"{hfn} is {expected} in the taxonomy, not {mfa}, in layer {subject.layer}",
        )
        return
    for field, code, wanted in zip(
        ("category", "subcategory"), (hfn.category, hfn.subcategory), names, strict=True
    ):
        value = body.get(field)
        if value is None or texts.same_name(value, wanted):
            continue
        yield (
            ("code_as_category" if value == code else "category_mismatch"),
            field,
            f"{value!r} for {wanted!r}",
        )


def _url(subject: _Subject) -> _Found:
    body = subject.body
    if "undefined" in (body.get("gcpStorageUrl") or ""):
        yield "undefined_in_url", "gcpStorageUrl", body["gcpStorageUrl"]


def _json_fields(subject: _Subject) -> _Found:
    body = subject.body
    for field in (*JSON_FIELDS, "aiMetadata"):
        value = body.get(field)
        if not is_text(value):
            continue
        try:
            shapes.parse_json_object(value)
        except shapes.ShapeError as error:
            yield "unparseable_json", field, f"{error}: {value[:80]!r}"
        else:
            yield "stringified_json", field, ""


def _phase_2b(subject: _Subject) -> _Found:
    body = subject.body
    metadata = body.get("aiMetadata")
    if shapes.is_character_map(metadata):
        try:
            metadata = shapes.join_character_map(metadata)
        except shapes.ShapeError as error:
            yield "broken_character_map", "aiMetadata", str(error)
        else:
            yield "character_map", "aiMetadata", ""
    elif is_text(metadata):
        with suppress(shapes.ShapeError):  # found by `_json_fields`
            metadata = shapes.parse_json_object(metadata)
    confidence = metadata.get("confidence") if isinstance(metadata, Mapping) else None
    if isinstance(confidence, int | float) and not 0 <= confidence <= 1:
        yield "impossible_confidence", "aiMetadata", f"{confidence}"
    words = body.get("creatorDescription")
    if is_text(words) and is_hfn(words.strip().split(":")[0]):
        yield "hfn_as_creator_description", "creatorDescription", words.strip()
    for field in PHASE_2B_FIELDS:
        value, expected = body.get(field), ("str",) if field == "creatorDescription" else ("dict", "str")
        if value is not None and type_name(value) not in expected:
            yield "wrong_type", field, f"{type_name(value)}, {' or '.join(expected)} expected"


def _description(subject: _Subject) -> _Found:
    body = subject.body
    text = body.get("description") or ""
    cleaned = texts.clean(text)
    if not cleaned:
        yield "no_description", "description", ""
    elif texts.is_placeholder(text) or is_hfn(cleaned.split(":")[0]):
        yield "placeholder_description", "description", cleaned[:80]
    if len(text) > texts.CREATOR_DESCRIPTION_LIMIT:
        yield "long_description", "description", f"{len(text)} characters"
    if text != text.strip():
        yield "trailing_whitespace", "description", ""


def _tags(subject: _Subject) -> _Found:
    body = subject.body
    if repeated := texts.duplicates_by_case(body.get("tags") or []):
        yield "duplicate_tags", "tags", ", ".join(repeated)[:120]


def _components(subject: _Subject) -> _Found:
    body = subject.body
    entries = body.get("components") or []
    if shapes.without_blanks(entries) != entries:
        yield "blank_components", "components", ""
    if subject.layer != "C":
        return
    try:
        listed = composites.read_components(entries)
    except composites.UnreadableReferenceError as error:
        yield "unreadable_reference", "components", str(error)
        return
    named = composites.read_name(body["name"])[1]
    if listed and named and not _same_components(listed, named, subject.taxonomy):
        yield "components_differ_from_name", "components", f"{len(listed)} listed, {len(named)} in the name"
    references = listed or named
    if breach := composites.structural_breach(references):
        yield "broken_structure", "components", breach
        return
    layers = [reference.layer for reference in references]
    if None not in layers and (absent := composites.missing_layers(filter(None, layers))):
        yield "incomplete_composite", "components", f"without {', '.join(absent)}"


def _same_components(
    listed: tuple[composites.Reference, ...], named: tuple[composites.Reference, ...], taxonomy: Taxonomy
) -> bool:
    """Whether the name lists what `components` lists, whatever form each uses; an `_id` cannot be compared."""

    def address(key: str) -> str:
        try:
            return taxonomy.to_mfa(parse_hfn(key)).letter
        except (AddressError, UnknownCodeError):
            return key

    comparable = [reference for reference in listed if reference.layer is not None]
    if len(comparable) != len(listed):
        return len(listed) == len(named)
    return sorted(address(ref.key) for ref in listed) == sorted(address(ref.key) for ref in named)


_INSPECTORS: tuple[_Inspector, ...] = (
    _addresses,
    _url,
    _json_fields,
    _phase_2b,
    _description,
    _tags,
    _components,
)
