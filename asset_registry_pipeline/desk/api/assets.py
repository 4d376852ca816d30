"""The registry's own side over development: an asset, a new one, a changed one, and searching them."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Query
from pymongo.client_session import ClientSession
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk.api import json_form, replies
from asset_registry_pipeline.desk.api.admission import ApiRoute
from asset_registry_pipeline.desk.api.models import AssetIn, AssetOut, AssetPatch
from asset_registry_pipeline.desk.api.parameters import Curator, Key, Reader
from asset_registry_pipeline.desk.api.replies import Listed, Reply, faults
from asset_registry_pipeline.desk.api.writing import etag, expected, written
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.new_assets import IDENTITY, KEPT_BY_REGISTRY, WRITABLE, Wrong
from asset_registry_pipeline.registry.roles import Actor
from asset_registry_pipeline.steps import registering
from asset_registry_pipeline.steps.registering import Asset, AssetError
from asset_registry_pipeline.stores import codec
from asset_registry_pipeline.stores.assets import Search
from asset_registry_pipeline.stores.audit import entry
from asset_registry_pipeline.stores.requests import Keyed

router = APIRouter(prefix="/api/assets", tags=["assets"], route_class=ApiRoute)

Id = Annotated[
    str,
    Path(
        alias="id",
        max_length=300,
        description="24 hex digits; an `_id` of another type as the reply writes it, as `int:5`",
    ),
]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="The ETag of the asset as it was read")]
MOST_SKIPPED = 10_000


@router.get("/search", responses=faults(), response_model=Reply[Listed[AssetOut]], summary="Search assets")
def search(
    *,
    request: Request,
    viewer: Reader,  # noqa: ARG001 - whoever may read at all may search
    q: Annotated[
        str,
        Query(
            max_length=200,
            description="Words, of which some occur in name, description, tags or creatorDescription; best first. Until"
            " the text index is made (a first publishing ends with that), other forms of a word are not found, and the"
            " header X-Search says `scan`.",
        ),
    ] = "",
    layer: Annotated[str | None, Query(pattern="^[GSLMWBPTRCENAIFX]$")] = None,
    category: Annotated[str | None, Query(max_length=200)] = None,
    subcategory: Annotated[str | None, Query(max_length=200)] = None,
    tags: Annotated[
        list[str] | None, Query(max_length=20, description="Repeated for several: all have to be there")
    ] = None,
    has_album_art: Annotated[bool | None, Query(alias="hasAlbumArt")] = None,
    page: Annotated[int, Query(ge=1, le=MOST_SKIPPED)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Assets of development that fit all that is asked; long texts are cut, e-mail addresses masked."""
    if (page - 1) * limit > MOST_SKIPPED:
        raise Problem(
            422, "invalid", f"Only the first {MOST_SKIPPED:,} can be paged through", "Narrow the search"
        )
    wanted = Search(q, layer, category, subcategory, tuple(tags or ()), has_album_art)
    found = desk_of(request).registry.assets.search(wanted, skip=(page - 1) * limit, limit=limit)
    items = [
        json_form.summary(codec.decoded(raw, strict=False) or {}, codec.item_of(raw)) for raw in found.raws
    ]
    headers = {"X-Search": "index" if found.by_index else "scan"}
    return replies.reply(
        request, replies.listed(items, total=found.total, page=page, limit=limit), headers=headers
    )


@router.get(
    "/{id:path}",
    responses=faults(404, 409) | {304: {"description": "It is still the version of If-None-Match"}},
    response_model=Reply[AssetOut],
    summary="An asset",
)
def read(
    request: Request,
    viewer: Reader,
    item: Id,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """An asset of development with all its fields; its ETag is what a change has to name."""
    found = registering.read(desk_of(request).registry, item)
    headers = {"ETag": etag(found.version)}
    if if_none_match and found.version in if_none_match:
        return Response(status_code=304, headers=headers)
    return replies.reply(request, json_form.asset(found.body, found.item, viewer), headers=headers)


@router.post(
    "",
    status_code=201,
    responses=faults(409, 413, 415),
    response_model=Reply[AssetOut],
    summary="Register an asset",
)
def register(request: Request, writer: Curator, keyed: Key, body: Annotated[AssetIn, Body()]) -> Response:
    """Register a new asset in development: `_id`, times and registeredBy are the registry's own.

    Layer, name and address have to say the same, by the taxonomy. The Phase 2B fields that are left out are null; a
    composite's analysis is made from its components, each of which development has to have. A name or an address that
    staging has is refused: that asset comes by the migration. For curators.
    """
    desk = desk_of(request)
    registering.prepare(desk.registry)
    _refuse_unknown(body, {})

    def write(session: ClientSession) -> tuple[Any, Mapping[str, str]]:
        now = desk.clock()
        made = registering.register(desk.registry, writer, body, now=now, session=session)
        _audit(request, writer, "register", made, session, fields=sorted(body))
        headers = {"ETag": etag(made.version), "Location": f"/api/assets/{made.item}"}
        return json_form.asset(made.body, made.item, writer), headers

    return written(request, keyed, write, status=201)


@router.put(
    "/{id:path}",
    responses=faults(404, 409, 412, 413, 415, 428),
    response_model=Reply[AssetOut],
    summary="Replace an asset's fields",
)
def replace(
    *,
    request: Request,
    writer: Curator,
    item: Id,
    keyed: Key,
    body: Annotated[AssetIn, Body()],
    if_match: IfMatch = None,
) -> Response:
    """Replace all fields that can be given; one that is left out is emptied.

    Layer, name and address never change. What the registry gives itself, and fields it does not know, may be sent back
    as they were read. An asset that the migration wrote is the migration's no more: it reports the asset as a conflict
    from then on, and never overwrites it. For curators.
    """
    emptied = {field: None for field in WRITABLE if field not in (*IDENTITY, "tags", "components")}
    lists: dict[str, Any] = {"tags": [], "components": []}
    return _change(request, writer, item, keyed, fields=emptied | lists | dict(body), seen=expected(if_match))


@router.patch(
    "/{id:path}",
    responses=faults(404, 409, 412, 413, 415, 428),
    response_model=Reply[AssetOut],
    summary="Change some of an asset's fields",
)
def change(
    *,
    request: Request,
    writer: Curator,
    item: Id,
    keyed: Key,
    body: Annotated[AssetPatch, Body()],
    if_match: IfMatch = None,
) -> Response:
    """Change only the fields that are given: each replaces the asset's own whole, null empties it. Else as PUT."""
    return _change(request, writer, item, keyed, fields=dict(body), seen=expected(if_match))


def _change(
    request: Request,
    writer: Actor,
    item: str,
    keyed: Keyed | None,
    *,
    fields: dict[str, Any],
    seen: frozenset[str],
) -> Response:
    desk = desk_of(request)

    def write(session: ClientSession) -> tuple[Any, Mapping[str, str]]:
        before = registering.read(desk.registry, item, session)
        if before.version not in seen:
            raise Problem(
                412,
                "precondition_failed",
                "The asset has changed since it was read",
                "Read it again, then send your change with its new ETag",
                {"ETag": etag(before.version)},
            )
        shown = json_form.asset(before.body, before.item, writer)
        _refuse_unknown(fields, shown)
        chosen = {field: value for field, value in fields.items() if field in WRITABLE}
        after = registering.change(desk.registry, before, chosen, now=desk.clock(), session=session)
        if after is not before:
            changed = codec.differing_fields(before.body, after.body)
            _audit(request, writer, "change", after, session, fields=changed, before=before.version)
        return json_form.asset(after.body, after.item, writer), {"ETag": etag(after.version)}

    return written(request, keyed, write)


def _refuse_unknown(fields: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
    """Refuse fields that nobody can give, unless they are what was read."""
    wrong = [
        Wrong(
            field[:100],
            "only the registry gives it" if field in KEPT_BY_REGISTRY else "the registry has no such field",
        )
        for field, value in fields.items()
        if field not in WRITABLE and (field not in shown or shown[field] != value)
    ]
    if wrong:
        told = "; ".join(f"{one.field}: {one.message}" for one in wrong[:5])
        raise AssetError("invalid", told, item="body", remedy="Leave these fields out", wrong=wrong)


def _audit(
    request: Request, actor: Actor, act: str, asset: Asset, session: ClientSession, **detail: Any
) -> None:
    desk = desk_of(request)
    told = {"item": asset.item, "name": str(asset.body.get("name"))[:200], "version": asset.version, **detail}
    layer = asset.body.get("layer")
    made = entry(
        desk.clock(),
        actor.name,
        str(actor.role),
        f"asset_{act}",
        layer=layer if isinstance(layer, str) else None,
        key=None,
        **told,
    )
    desk.registry.audit.add([made], session)
