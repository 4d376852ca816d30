"""The registry's own side over development: an asset by its id, a new one, a changed one. No HTTP, no migration.

What is written here is nobody's plan: where the migration meets an asset that was changed this way it reports a
conflict and leaves it. Staging is never written to, so in a migration in place nothing is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.int64 import Int64
from bson.objectid import ObjectId
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError, OperationFailure

from asset_registry_pipeline.registry import composites, texts
from asset_registry_pipeline.registry.aggregation import component_analysis
from asset_registry_pipeline.registry.answers import required_fields
from asset_registry_pipeline.registry.documents import SourceDocument
from asset_registry_pipeline.registry.layers import COMPOSITE_LAYERS
from asset_registry_pipeline.registry.new_assets import (
    IDENTITY,
    WRITABLE,
    Wrong,
    wrong_with_change,
    wrong_with_new,
)
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps.directory import open_components
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.connections import Registry
from asset_registry_pipeline.stores.identifiers import UnknownKeyError, identifier_of
from asset_registry_pipeline.stores.refusals import refused_by_server
from migration_kit.failures import PermanentError

LARGEST_CHANGED = 4 * 1024 * 1024
"""Bytes of an asset that can be registered or changed over the API; what the migration writes may have 16 MB."""

_LARGEST_VERSION = 2**31 - 1


class AssetError(PermanentError):
    """An asset cannot be had, registered or changed; `code` says why, for programs, `wrong` with which fields."""

    def __init__(
        self, code: str, reason: str, *, item: str, remedy: str, wrong: Sequence[Wrong] = (), found: str = ""
    ) -> None:
        super().__init__(reason, item=item, remedy=remedy)
        self.code = code
        self.wrong = tuple(wrong)
        self.found = found


@dataclass(frozen=True)
class Asset:
    """An asset of development as it stands there. `version`: the hash of its bytes, by which changes are compared."""

    item: str
    raw: bytes
    body: Mapping[str, Any]

    @property
    def version(self) -> str:
        """SHA-256 (64 hex digits) of its bytes."""
        return codec.content_hash(self.raw)


def read(registry: Registry, item: str, session: ClientSession | None = None) -> Asset:
    """An asset by its id: the hex of an ObjectId, or what the ledger calls another kind of `_id`, as `int:5`.

    Raises:
        AssetError: development has none of this id, or it cannot be decoded.
    """
    try:
        identifier = identifier_of(item, registry.workspace)
        raw = registry.development.existing([identifier], session).get(item)
    except UnknownKeyError:
        raw = None
    if raw is None:
        raise AssetError(
            "not_found",
            "development has no asset with this id",
            item=item[:200],
            remedy="Take the id from a search; one that is no ObjectId is written as int:5 or str:'name'",
        )
    body = codec.decoded(raw)
    if body is None:
        raise AssetError(
            "unreadable",
            "what is stored cannot be decoded",
            item=item,
            remedy="Repair or delete the document in the database",
        )
    return Asset(item, raw, body)


def prepare(registry: Registry) -> None:
    """Make sure that two assets can never get one name: development has its unique indexes.

    Raises:
        AssetError: an index cannot be made.
    """
    try:
        registry.development.ensure_indexes()
    except PermanentError as error:
        raise AssetError(
            "not_ready", error.reason, item=error.item or "development", remedy=error.remedy or ""
        ) from error


def register(
    registry: Registry, actor: Actor, fields: Mapping[str, Any], *, now: datetime, session: ClientSession
) -> Asset:
    """Register a new asset within the session's transaction; its `_id` and times are the registry's own.

    Raises:
        AssetError: it breaks a rule, its name or address is taken, here or in staging, or nothing may be written.
    """
    item = str(fields["name"])[:200]
    _refuse_in_place(registry, item)
    body: dict[str, Any] = {"_id": ObjectId()}
    always: dict[str, Any] = {"category": None, "subcategory": None, "tags": [], "components": []}
    always |= dict.fromkeys(required_fields(fields["layer"]))
    for field in WRITABLE:
        if field in fields or field in always:
            body[field] = fields.get(field, always.get(field))
    body |= {"registeredBy": actor.name, "createdAt": now, "updatedAt": now, "__v": 0}
    _fill_from_taxonomy(registry, body)
    wrong = wrong_with_new(_as_source(body), registry.taxonomy, registry.profile)
    if not wrong and body["layer"] in COMPOSITE_LAYERS:
        wrong = _build(registry, body)
    _refuse_wrong(wrong, item)
    _refuse_taken(registry, body, item, session)
    return _write(body, item, lambda raw: registry.development.insert([raw], session))


def change(
    registry: Registry,
    asset: Asset,
    fields: Mapping[str, Any],
    *,
    now: datetime,
    session: ClientSession,
) -> Asset:
    """Put fields in the place of an asset's own within the session's transaction; the same asset where none differs.

    A field that is to become absent is None. All that is not given stays as it is.

    Raises:
        AssetError: the change breaks a rule, or nothing may be written.
    """
    _refuse_in_place(registry, asset.item)
    unequal = [
        Wrong(field, f"it is {asset.body.get(field)!r:.200} and never changes")
        for field in IDENTITY
        if field in fields and fields[field] != asset.body.get(field)
    ]
    _refuse_wrong(unequal, asset.item)
    changed = {
        field: value
        for field, value in fields.items()
        if not (field in asset.body and codec.same_bytes(asset.body[field], value))
        and not (value in (None, []) and field not in asset.body)
    }
    if not changed:
        return asset
    _refuse_large(asset.raw, asset.item)
    body = {**asset.body, **changed, "updatedAt": now}
    version: Any = asset.body.get("__v")
    if type(version) in (int, Int64) and version < _LARGEST_VERSION:
        body["__v"] = type(version)(version + 1)
    wrong = wrong_with_change(_as_source(body), _as_source(asset.body), registry.taxonomy, registry.profile)
    if not wrong and body.get("layer") in COMPOSITE_LAYERS and "components" in changed:
        wrong = _build(registry, body, given="componentAnalysis" in changed)
    _refuse_wrong(wrong, asset.item)
    identifier = asset.body["_id"]
    return _write(body, asset.item, lambda raw: registry.development.replace([(identifier, raw)], session))


def _as_source(body: Mapping[str, Any]) -> SourceDocument:
    layer = body.get("layer")
    return SourceDocument("", layer if isinstance(layer, str) else "", "", 0, body)


def _refuse_in_place(registry: Registry, item: str) -> None:
    if registry.in_place:
        raise AssetError(
            "in_place",
            "the migration works in place: development is staging itself, which nothing but the migration writes to",
            item=item,
            remedy="Record a decision about the asset, or change it in the registry once the migration is over",
        )


def _refuse_wrong(wrong: Sequence[Wrong], item: str) -> None:
    if wrong:
        told = "; ".join(f"{one.field}: {one.message}" for one in wrong[:5])
        raise AssetError(
            "invalid", told[:1000], item=item, remedy="Correct these fields, then send it again", wrong=wrong
        )


def _fill_from_taxonomy(registry: Registry, body: dict[str, Any]) -> None:
    """The names of category and subcategory as the taxonomy writes them, also where they were left to the name."""
    beginning = composites.own_name(str(body["name"])).rpartition(".")[0]
    place = registry.taxonomy.places.get(beginning)
    if place is not None:
        for field, name in (("category", place.category), ("subcategory", place.subcategory)):
            if body.get(field) is None or texts.same_name(body[field], name):
                body[field] = name


def _build(registry: Registry, body: dict[str, Any], *, given: bool = True) -> list[Wrong]:
    """What is wrong with what a composite is built from; its analysis is made where none was given."""
    references = (
        composites.read_components(body.get("components") or []) or composites.read_name(body["name"])[1]
    )
    directory = open_components(registry).leading_to(references)
    resolution = composites.resolve(references, directory.find)
    if resolution.missing:
        return [
            Wrong("components", f"{one.written}: {directory.why_missing(one.key).why}")
            for one in resolution.missing
        ]
    if breach := composites.structural_breach(references, resolution.components):
        return [Wrong("components", breach)]
    analysis = component_analysis([directory.features(one.item) for one in resolution.components])
    said = body.get("componentAnalysis") if given else None
    if said is None:
        body["componentAnalysis"] = analysis
        return []
    return [
        Wrong(f"componentAnalysis.{field}", f"it is {analysis[field]} by the components")
        for field in ("totalComponents", "layerBreakdown")
        if said[field] != analysis[field]
    ]


def _refuse_taken(registry: Registry, body: Mapping[str, Any], item: str, session: ClientSession) -> None:
    name, address = body["name"], body["nna_address"]
    if taken := registry.development.taken([name], [address], session):
        raise _taken(taken.items(), item)
    if registry.staging.has_called(name, address):
        raise AssetError(
            "reserved",
            "staging has an asset of this name or address, which comes by the migration",
            item=item,
            remedy="Record a decision about it with POST /api/migration/development/asset",
        )


def _taken(holders: Iterable[tuple[str, str]], item: str) -> AssetError:
    told = ", ".join(f"{key} belongs to {holder}" for key, holder in holders)
    return AssetError(
        "taken", f"the name or the address is taken: {told}", item=item, remedy="Choose another"
    )


def _refuse_large(raw: bytes, item: str) -> None:
    if len(raw) > LARGEST_CHANGED:
        raise AssetError(
            "too_large",
            f"the asset has {len(raw):,} bytes, {LARGEST_CHANGED:,} at most can be written over the API",
            item=item,
            remedy="Store large values elsewhere and refer to them",
        )


def _write(body: Mapping[str, Any], item: str, write: Callable[[bytes], None]) -> Asset:
    raw = codec.encode(body)
    _refuse_large(raw, item)
    try:
        write(raw)
    except DuplicateKeyError as error:
        raise _taken([("it", "another asset")], item) from error
    except OperationFailure as error:
        if error.has_error_label("TransientTransactionError"):
            raise
        _, words = refused_by_server(error)
        raise AssetError(
            "refused", f"development refuses it: {words}", item=item, remedy="Correct it"
        ) from error
    return Asset(codec.item_of(raw), raw, body)
