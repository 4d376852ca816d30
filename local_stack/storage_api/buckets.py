"""The addresses below /bucket: make, show, list, change, empty and remove buckets."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.storage_api import rules
from local_stack.storage_api.catalogue import Bucket
from local_stack.storage_api.incoming import for_service_role, json_body, project_of, required


def routes() -> list[Route]:
    """The routes of this module."""
    return [
        Route("/bucket", for_service_role(create), methods=["POST"]),
        Route("/bucket", for_service_role(show_all), methods=["GET"]),
        Route("/bucket/{bucket}", for_service_role(show), methods=["GET"]),
        Route("/bucket/{bucket}", for_service_role(change), methods=["PUT"]),
        Route("/bucket/{bucket}", for_service_role(remove), methods=["DELETE"]),
        Route("/bucket/{bucket}/empty", for_service_role(empty), methods=["POST"]),
    ]


async def create(request: Request) -> Response:
    """Make a bucket."""
    body = await json_body(request)
    name = required(body, "name")
    bucket_id = body.get("id") or name
    rules.check_bucket_name(bucket_id)
    wanted = _settings(body)
    project_of(request).catalogue.add_bucket(
        bucket_id,
        public=wanted.get("public", False),
        size_limit=wanted.get("size_limit"),
        types=wanted.get("types"),
    )
    return JSONResponse({"name": bucket_id})


async def show_all(request: Request) -> Response:
    """All buckets of the project."""
    return JSONResponse([_described(bucket) for bucket in project_of(request).catalogue.buckets()])


async def show(request: Request) -> Response:
    """One bucket with its limits."""
    return JSONResponse(_described(project_of(request).catalogue.bucket(request.path_params["bucket"])))


async def change(request: Request) -> Response:
    """Change what is given; a limit given as null is lifted."""
    bucket_id = request.path_params["bucket"]
    rules.check_bucket_name(bucket_id)
    project_of(request).catalogue.change_bucket(bucket_id, _settings(await json_body(request)))
    return JSONResponse({"message": "Successfully updated"})


async def remove(request: Request) -> Response:
    """Remove an empty bucket."""
    project_of(request).catalogue.remove_bucket(request.path_params["bucket"])
    return JSONResponse({"message": "Successfully deleted"})


async def empty(request: Request) -> Response:
    """Remove every object of a bucket."""
    project, bucket_id = project_of(request), request.path_params["bucket"]
    project.catalogue.bucket(bucket_id)
    project.remove(bucket_id, [stored.name for stored in project.catalogue.objects(bucket_id)])
    return JSONResponse({"message": "Successfully emptied"})


def _settings(body: dict[str, Any]) -> dict[str, Any]:
    """The settings that the body gives, checked."""
    settings: dict[str, Any] = {}
    if body.get("public") is not None:
        settings["public"] = bool(body["public"])
    if "file_size_limit" in body:
        settings["size_limit"] = rules.parse_size_limit(body["file_size_limit"])
    if "allowed_mime_types" in body:
        rules.check_type_patterns(body["allowed_mime_types"] or [])
        settings["types"] = body["allowed_mime_types"]
    return settings


def _described(bucket: Bucket) -> dict[str, Any]:
    return {
        "id": bucket.id,
        "name": bucket.id,
        "owner": "",
        "public": bucket.public,
        "type": "STANDARD",
        "file_size_limit": bucket.size_limit,
        "allowed_mime_types": None if bucket.types is None else list(bucket.types),
        "created_at": bucket.created_at,
        "updated_at": bucket.updated_at,
    }
