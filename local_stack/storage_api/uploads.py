"""The addresses that take files in: create, overwrite, and upload by a signed url (resumable uploads: `tus`)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.storage_api import errors, rules, tokens
from local_stack.storage_api.catalogue import Content, StoredObject
from local_stack.storage_api.incoming import (
    IncomingFile,
    bucket_and_key,
    drain,
    for_service_role,
    incoming_file,
    project_of,
)
from local_stack.storage_api.projects import Project

_SIGNED_UPLOAD_SECONDS = 2 * 3600


def routes() -> list[Route]:
    """The routes of this module; they stand before those with a bucket as the first segment after /object."""
    return [
        Route("/object/upload/sign/{bucket}/{key:key}", for_service_role(sign_upload), methods=["POST"]),
        Route("/object/upload/sign/{bucket}/{key:key}", upload_signed, methods=["PUT"]),
        Route("/object/{bucket}/{key:key}", for_service_role(create), methods=["POST"]),
        Route("/object/{bucket}/{key:key}", for_service_role(overwrite), methods=["PUT"]),
    ]


async def create(request: Request) -> Response:
    """Store a new object; with the header x-upsert: true also over an old one."""
    stored = await _store(request, upsert=request.headers.get("x-upsert") == "true")
    return JSONResponse({"Id": stored.id, "Key": f"{stored.bucket}/{stored.name}"})


async def overwrite(request: Request) -> Response:
    """Store an object, whether or not there was one."""
    stored = await _store(request, upsert=True)
    return JSONResponse({"Id": stored.id, "Key": f"{stored.bucket}/{stored.name}"})


async def sign_upload(request: Request) -> Response:
    """A url that lets its holder upload one object within two hours."""
    project = project_of(request)
    bucket, key = bucket_and_key(request)
    upsert = request.headers.get("x-upsert") == "true"
    await drain(request.stream())
    project.catalogue.bucket(bucket)
    rules.check_key(key)
    if not upsert and project.catalogue.find(bucket, key):
        raise errors.duplicate()
    path = f"{bucket}/{key}"
    token = tokens.sign_url(path, _SIGNED_UPLOAD_SECONDS, project.secret, upsert=upsert)
    return JSONResponse({"url": f"/object/upload/sign/{path}?token={token}", "token": token})


async def upload_signed(request: Request) -> Response:
    """Store an object with the token of a signed url instead of a key."""
    bucket, key = bucket_and_key(request)
    try:
        claims = tokens.signed_claims(
            request.query_params.get("token", ""), f"{bucket}/{key}", project_of(request).secret
        )
    except errors.StorageError:
        await drain(request.stream())
        raise
    stored = await _store(request, upsert=bool(claims.get("upsert")))
    return JSONResponse({"Key": f"{stored.bucket}/{stored.name}"})


def check_upload(project: Project, bucket_id: str, key: str, content_type: str, *, upsert: bool) -> int:
    """Raises what speaks against an upload before its bytes are seen, in the real server's order.

    Returns the bytes it may have.
    """
    bucket = project.catalogue.bucket(bucket_id)
    rules.check_type(content_type, bucket.types, key)
    rules.check_key(key)
    if not upsert and project.catalogue.find(bucket_id, key):
        raise errors.duplicate()
    return rules.size_limit(bucket.size_limit, key)


async def _store(request: Request, *, upsert: bool) -> StoredObject:
    project = project_of(request)
    bucket_id, key = bucket_and_key(request)
    file = await incoming_file(request)
    try:
        limit = check_upload(project, bucket_id, key, file.content_type, upsert=upsert)
    except errors.StorageError:
        await drain(file.body)
        raise
    return await _receive(project, bucket_id, key, file, limit, upsert=upsert)


async def _receive(
    project: Project, bucket_id: str, key: str, file: IncomingFile, limit: int, *, upsert: bool
) -> StoredObject:
    if file.length is not None and file.length > limit:
        await drain(file.body)
        raise errors.too_large()
    blob, size = await project.blobs.write(file.body, limit)
    content = Content(blob, size, file.content_type, file.cache_control, file.user_metadata)
    # Asked again by the catalogue: another upload of this key may have been faster meanwhile.
    return project.put(bucket_id, key, content, upsert=upsert)
