"""Resumable uploads to Supabase Storage (TUS 1.0.0): parts of 6 MiB, and only what is missing is sent again.

The `supabase` client has no part for them. `tuspy` has one, but sends without any time limit (a server that stops
answering would hold its thread for ever), over a new connection for each part, and repeats what was refused for good;
so the few requests of the protocol are made here, by the HTTP client and the retries that all other requests have.

https://supabase.com/docs/guides/storage/uploads/resumable-uploads, https://tus.io/protocols/resumable-upload
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from migration_kit.failures import MigrationError, PermanentError, TransientError, retrying
from nabo_pipeline.stores.storage_errors import (
    DuplicateError,
    MissingError,
    NotOfferedError,
    judged,
    translated,
)

if TYPE_CHECKING:
    import httpx

PART = 6 * 1024 * 1024
"""Bytes of every part but the last: Supabase takes exactly this."""
MOST_UPLOADS = 3
"""An upload that the server forgets in the middle is begun anew, this often in all."""


@dataclass(frozen=True)
class Address:
    """Where uploads are begun, the headers that let us in, and the client that is asked by."""

    url: str
    headers: Mapping[str, str]
    client: httpx.Client


class _ForgottenError(PermanentError):
    """The server knows this upload no more: it is complete, was given up, or its time was up."""


def upload(
    address: Address, bucket: str, path: str, data: bytes, *, mime: str, cache_control: str, mark: Mapping[str, str]
) -> None:  # fmt: skip
    """Writes a new object part by part; `cache_control` in seconds, `mark` is stored with it as its metadata.

    Raises NotOfferedError where the server has no such uploads, DuplicateError if an object is there (`own_try`:
    perhaps the one that this very call completed), RefusedError if Storage does not take this one.
    """
    item = f"{bucket}/{path}"
    told = {
        "bucketName": bucket, "objectName": path, "contentType": mime, "cacheControl": cache_control,
        "metadata": json.dumps(dict(mark)),
    }  # fmt: skip
    for begun in range(MOST_UPLOADS):
        try:
            url = retrying()(_begin, address, told, len(data), item)
        except DuplicateError as error:
            error.own_try = begun > 0
            raise
        try:
            _send(address, url, data, item)
        except _ForgottenError:
            continue
        return
    raise TransientError(f"Storage forgot the upload {MOST_UPLOADS} times", item=item)


def _begin(address: Address, told: Mapping[str, str], length: int, item: str) -> str:
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in told.items())
    headers = {"upload-length": str(length), "upload-metadata": ",".join(pairs), "x-upsert": "false"}
    try:
        answer = _ask(address, "POST", address.url, item, (headers, b""))
    except MissingError as error:  # no bucket would have said so: it is the address that is missing
        raise NotOfferedError(error.reason, item=item) from error
    # Behind a gateway the server may name itself by an address of its own: only the upload's name is taken from it,
    # so that the key goes nowhere but where it was meant to go.
    return f"{address.url}/{answer.headers['location'].rstrip('/').rpartition('/')[2]}"


def _send(address: Address, url: str, data: bytes, item: str) -> None:
    """Sends the parts. After a part that failed the server is asked how much has arrived."""
    arrived, sure = 0, True

    def part() -> int:
        nonlocal arrived, sure
        if not sure:
            arrived = _arrived(_known(address, "HEAD", url, item))
            if arrived == len(data):
                return arrived
        sure = False
        headers = {"upload-offset": str(arrived), "content-type": "application/offset+octet-stream"}
        try:
            answer = _known(address, "PATCH", url, item, (headers, data[arrived : arrived + PART]))
        except DuplicateError as error:
            # Another offset than the server's, or the object's place was taken meanwhile: its next word says which.
            raise TransientError(error.reason, item=item) from error
        sure = True
        return _arrived(answer)

    while arrived < len(data):
        before, arrived = arrived, retrying()(part)
        if arrived <= before:
            raise TransientError(f"Storage took no bytes of the part from {before} on", item=item)


def _known(address: Address, method: str, url: str, item: str, *more: Any) -> httpx.Response:
    """The answer about an upload that was begun. Raises _ForgottenError where there is none of this name."""
    try:
        return _ask(address, method, url, item, *more)
    except MissingError as error:
        raise _ForgottenError(error.reason, item=item) from error


def _arrived(answer: httpx.Response) -> int:
    return int(answer.headers["upload-offset"])


def _ask(
    address: Address, method: str, url: str, item: str, more: tuple[Mapping[str, str], bytes] = ({}, b"")
) -> httpx.Response:
    """One request. Refusals come as text under their true status."""
    headers, body = more
    sent = {**address.headers, "tus-resumable": "1.0.0", **headers}
    try:
        answer = address.client.request(method, url, headers=sent, content=body)
    except Exception as error:
        raise translated(error, item) from error
    if answer.is_success:
        return answer
    raise _refusal(answer, item)


def _refusal(answer: httpx.Response, item: str) -> MigrationError:
    # 410: its time was up. To us that is as if it had never been.
    status = "404" if answer.status_code == 410 else str(answer.status_code)
    text = " ".join(answer.text.split())[:200]
    return judged(status, "upload", text, item, retry_after=answer.headers.get("retry-after"))
