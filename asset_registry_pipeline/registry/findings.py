"""What can be found in one document; nothing across documents, no stores. The kinds of findings are in `kinds`."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from asset_registry_pipeline.registry import composites, phase_2b, shapes, texts
from asset_registry_pipeline.registry.addresses import (
    LETTER_PATTERN,
    AddressError,
    Hfn,
    is_hfn,
    is_sequence,
    parse_hfn,
    parse_mfa,
)
from asset_registry_pipeline.registry.documents import (
    FIELD_TYPES,
    JSON_FIELDS,
    MAXIMUM_SIZE,
    PHASE_2B_FIELDS,
    REQUIRED_FIELDS,
    STAGING_FIELDS,
    SourceDocument,
    name_of_type,
)
from asset_registry_pipeline.registry.kinds import KINDS, Effect, Found
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.registry.taxonomy import Taxonomy, UnknownCodeError


class Finding(NamedTuple):
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
    found = [*_shape(body)]
    # Whatever has the wrong type is not looked into further: every other check may rely on the types.
    if not any(kind in ("wrong_type", "required_field_missing") for kind, _, _ in found):
        found += _addresses(body, source.layer, taxonomy)
        found += _url(body)
        found += _json_fields(body)
        if not _PHASE_2B.isdisjoint(body):
            found += phase_2b.found_in(body)
        found += _description(body)
        found += _tags(body)
        found += _components(source, body, taxonomy)
    return tuple([Finding(source.item, source.layer, kind, field, detail) for kind, field, detail in found])


def _shape(body: Mapping[str, Any]) -> Found:
    fields, types = tuple(body), tuple(map(type, body.values()))
    found = _repeated_shape(fields, types) if len(body) <= _REPEATED_FIELDS else _shape_of(fields, types)
    tags = body.get("tags")
    if isinstance(tags, list) and not shapes.only_texts(tags):
        return *found, ("wrong_type", "tags", "a tag that is no text")
    return found


def _shape_of(fields: tuple[str, ...], types: tuple[type, ...]) -> Found:
    """What fields and types alone say."""
    found = []
    names = dict(zip(fields, map(name_of_type, types), strict=True))
    for field, wanted in FIELD_TYPES.items():
        name = names.get(field, "NoneType")
        if name == "NoneType":
            kind = "required_field_missing" if field in REQUIRED_FIELDS else "missing_field"
            found.append((kind, field, ""))
        elif name not in wanted:
            found.append(("wrong_type", field, f"{name}, {' or '.join(wanted)} expected"))
    for field in fields:
        if field == "language":
            found.append(("language_field", field, ""))
        elif field not in STAGING_FIELDS:
            found.append(("unexpected_field", field, ""))
    return tuple(found)


# A layer has a handful of shapes, so each is judged once. Nothing that may be large is kept.
_REPEATED_FIELDS = 40
_repeated_shape = lru_cache(maxsize=256)(_shape_of)
_PHASE_2B = frozenset(PHASE_2B_FIELDS)
_LONGEST_ADDRESS = 4_000
"""Characters; a composite's name with ten components has some 250."""


def _addresses(body: Mapping[str, Any], layer: str, taxonomy: Taxonomy) -> Found:
    own_name, address = body["name"], body["nna_address"]
    # They stand in the migration's own rows, too, once and again beside the document.
    if len(own_name) > _LONGEST_ADDRESS or len(address) > _LONGEST_ADDRESS:
        told = f"{len(own_name):,} and {len(address):,} characters, {_LONGEST_ADDRESS:,} at most"
        return (("malformed_address", "name, nna_address", told),)
    if layer == "C":
        own_name = own_name.partition(":")[0]
    beginning, _, sequence = own_name.rpartition(".")
    place = taxonomy.places.get(beginning)
    # What all but a few documents pass, asked without taking anything apart.
    if (
        place is not None
        and place.layer == layer
        and is_sequence(sequence)
        and address == f"{place.address}.{sequence}"
        and LETTER_PATTERN.fullmatch(address)
    ):
        if body.get("category") == place.category and body.get("subcategory") == place.subcategory:
            return ()
        return _categories(body, parse_hfn(own_name), (place.category, place.subcategory))
    return _addresses_in_detail(body, layer, taxonomy)


def _addresses_in_detail(body: Mapping[str, Any], layer: str, taxonomy: Taxonomy) -> Found:
    name, address = body["name"], body["nna_address"]
    own_name = composites.read_name(name)[0] if layer == "C" else name
    if "undefined" in f"{own_name} {address}":
        return (("undefined_in_address", "nna_address", f"{own_name} {address}"),)
    try:
        hfn, mfa = parse_hfn(own_name), parse_mfa(address)
    except AddressError as error:
        return (("malformed_address", "nna_address", str(error)),)
    if mfa.letter != address:
        why = f"{address} is numeric; {mfa.letter} is what the registry stores"
        return (("malformed_address", "nna_address", why),)
    try:
        expected = taxonomy.to_mfa(hfn)
        names = taxonomy.names_of(hfn)
    except UnknownCodeError as error:
        return (("unknown_code", "name", str(error)),)
    if not (hfn.layer == mfa.layer == layer) or expected != mfa:
        why = f"{hfn} is {expected} in the taxonomy, not {mfa}, in layer {layer}"
        return (("address_mismatch", "nna_address", why),)
    return _categories(body, hfn, names)


def _categories(body: Mapping[str, Any], hfn: Hfn, names: tuple[str, str]) -> Found:
    found = []
    for field, code, wanted in zip(
        ("category", "subcategory"), (hfn.category, hfn.subcategory), names, strict=True
    ):
        value = body.get(field)
        if value is None or texts.same_name(value, wanted):
            continue
        kind = "code_as_category" if value == code else "category_mismatch"
        found.append((kind, field, f"{value!r} for {wanted!r}"))
    return found


def _url(body: Mapping[str, Any]) -> Found:
    url = body.get("gcpStorageUrl") or ""
    return (("undefined_in_url", "gcpStorageUrl", url),) if "undefined" in url else ()


def _json_fields(body: Mapping[str, Any]) -> Found:
    found = []
    for field in (*JSON_FIELDS, "aiMetadata"):
        value = body.get(field)
        if not is_text(value):
            continue
        try:
            shapes.check_json_object(value)
        except shapes.ShapeError as error:
            found.append(("unparseable_json", field, f"{error}: {value[:80]!r}"))
        else:
            found.append(("stringified_json", field, ""))
    return found


def _description(body: Mapping[str, Any]) -> Found:
    found = []
    text = body.get("description") or ""
    cleaned = texts.clean(text)
    if not cleaned:
        found.append(("no_description", "description", ""))
    elif texts.is_placeholder_once_cleaned(cleaned) or is_hfn(cleaned.split(":")[0]):
        found.append(("placeholder_description", "description", cleaned[:80]))
    if len(text) > texts.CREATOR_DESCRIPTION_LIMIT:
        found.append(("long_description", "description", f"{len(text)} characters"))
    if text and (text[0].isspace() or text[-1].isspace()):
        found.append(("trailing_whitespace", "description", ""))
    return found


def _tags(body: Mapping[str, Any]) -> Found:
    repeated = texts.duplicates_by_case(body.get("tags") or [])
    return (("duplicate_tags", "tags", ", ".join(repeated)[:120]),) if repeated else ()


def _components(source: SourceDocument, body: Mapping[str, Any], taxonomy: Taxonomy) -> Found:
    found = []
    if shapes.has_blanks(body.get("components") or []):
        found.append(("blank_components", "components", ""))
    if source.layer != "C":
        return found
    try:
        listed, named = source.listed, source.named
    except composites.UnreadableReferenceError as error:
        return [*found, ("unreadable_reference", "components", str(error))]
    if listed and named and not _same_components(listed, named, taxonomy):
        detail = f"{len(listed)} listed, {len(named)} in the name"
        found.append(("components_differ_from_name", "components", detail))
    references = listed or named
    if breach := composites.structural_breach(references):
        return [*found, ("broken_structure", "components", breach)]
    layers = [reference.layer for reference in references]
    if None not in layers and (absent := composites.missing_layers(layers)):
        found.append(("incomplete_composite", "components", f"without {', '.join(absent)}"))
    return found


def _same_components(
    listed: tuple[composites.Reference, ...], named: tuple[composites.Reference, ...], taxonomy: Taxonomy
) -> bool:
    """Whether the name lists what `components` lists, whatever form each uses; an `_id` cannot be compared."""
    # Mostly both list the same texts in the same order.
    if listed == named:
        return True
    if None in [reference.layer for reference in listed]:
        return len(listed) == len(named)
    one, other = (
        sorted([taxonomy.address_of(reference.key) or reference.key for reference in references])
        for references in (listed, named)
    )
    return one == other
