"""All routers of the API, as the app takes them in."""

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from asset_registry_pipeline.desk.api import assets, decisions, exchange, progress, queue, staging

_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token as `python -m asset_registry_pipeline.desk token NAME ROLE` makes it",
)
"""For the OpenAPI text alone: who asks is found out by `security.access`."""
router = APIRouter(dependencies=[Depends(_BEARER)])
for _each in (staging, queue, decisions, exchange, progress, assets):
    router.include_router(_each.router)
