"""The addresses below /control, for tests only: order faults, spoil stored bytes, remove whole projects.

All need the service-role key. The client for them is `StorageControl`; the faults themselves are in
`faults`.
"""

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_stack.storage_api import errors
from local_stack.storage_api.faults import Fault
from local_stack.storage_api.incoming import for_service_role, json_body, project_of
from local_stack.storage_api.projects import Projects


def routes(projects: Projects) -> list[Route]:
    """The routes of this module."""

    async def remove_project(request: Request) -> Response:
        projects.remove(project_of(request).name)
        return JSONResponse({"message": "removed"})

    return [
        Route("/", for_service_role(remove_project), methods=["DELETE"]),
        Route("/faults", for_service_role(order_fault), methods=["POST"]),
        Route("/faults", for_service_role(forget_faults), methods=["DELETE"]),
        Route("/spoil", for_service_role(spoil), methods=["POST"]),
    ]


async def order_fault(request: Request) -> Response:
    """Order a fault, given by its fields."""
    try:
        project_of(request).faults.order(await json_body(request))
    except TypeError as problem:
        raise errors.malformed(f"not a fault: {problem}") from None
    return JSONResponse({"message": "ordered"})


async def forget_faults(request: Request) -> Response:
    """Drop what is left of the ordered faults; answers how many requests they would still have hit."""
    faults = project_of(request).faults
    left = sum(fault.times for fault in faults.ordered)
    faults.ordered.clear()
    return JSONResponse({"left": left})


async def spoil(request: Request) -> Response:
    """Flip a bit in the middle of a stored object, or lose its bytes; its row stays as it is."""
    project, body = project_of(request), await json_body(request)
    if body.get("lose"):
        project.blobs.remove([project.object(body["bucket"], body["key"]).content.blob])
    else:
        project.spoil(body["bucket"], body["key"])
    return JSONResponse({"message": "spoiled"})


@dataclasses.dataclass(frozen=True)
class StorageControl:
    """What a test says to the stand-in beside the Storage API. `url` is the SUPABASE_URL of the project."""

    url: str
    service_role_key: str = dataclasses.field(repr=False)

    def order(self, fault: Fault) -> None:
        """Let a fault hit the next requests that fit it."""
        self._send("POST", "/faults", dataclasses.asdict(fault))

    def forget(self) -> int:
        """Drop the ordered faults; returns how many requests they would still have hit."""
        return int(self._send("DELETE", "/faults")["left"])

    def corrupt(self, bucket: str, key: str) -> None:
        """Flip a bit of a stored object, as a failing disk does."""
        self._send("POST", "/spoil", {"bucket": bucket, "key": key})

    def lose(self, bucket: str, key: str) -> None:
        """Lose the bytes of a stored object: it is still listed, but cannot be read."""
        self._send("POST", "/spoil", {"bucket": bucket, "key": key, "lose": True})

    def remove_project(self) -> None:
        """Remove the project with everything in it."""
        self._send("DELETE", "/")

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        import httpx

        answer = httpx.request(
            method,
            f"{self.url.rstrip('/')}/control{path}",
            json=body,
            headers={"authorization": f"Bearer {self.service_role_key}"},
            timeout=30.0,
        )
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said
