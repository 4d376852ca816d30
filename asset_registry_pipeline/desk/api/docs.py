"""The API's description as a page of the desk, made from its own OpenAPI text; nothing is loaded from elsewhere.

The text itself is at /api/openapi.json. Neither holds anything secret: both are shown without a token.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.security.access import session_of

router = APIRouter()
_CODE = re.compile(r"`([^`]+)`")
_REFERENCE = "#/components/schemas/"


@dataclass(frozen=True)
class Operation:
    """One method of one address, as the page shows it. `body`: the name of what is sent, or its media type."""

    anchor: str
    method: str
    path: str
    summary: str
    paragraphs: tuple[Markup, ...]
    parameters: tuple[Mapping[str, Any], ...]
    body: str
    replies: tuple[tuple[str, Markup, str], ...]


@router.get("/api/docs", include_in_schema=False)
def docs(request: Request) -> Response:
    """The page."""
    session_of(request)
    text = request.app.openapi()
    return rendering.page(
        request,
        "api.html",
        groups=_groups(text),
        models=[
            (name, json.dumps(model, indent=2, ensure_ascii=False))
            for name, model in sorted(text["components"]["schemas"].items())
        ],
    )


def _groups(text: Mapping[str, Any]) -> dict[str, list[Operation]]:
    groups: dict[str, list[Operation]] = {}
    for tag, operation in _operations(text):
        groups.setdefault(tag, []).append(operation)
    return groups


def _operations(text: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, methods in text["paths"].items():
        for method, said in methods.items():
            parameters = tuple(
                {
                    "name": one["name"],
                    "where": one["in"],
                    "required": one.get("required", False),
                    "told": _marked(one.get("description", "")),
                    "type": _type_of(one["schema"]),
                }
                for one in said.get("parameters", ())
            )
            replies = tuple(
                (status, _marked(one["description"]), _named(one.get("content", {})))
                for status, one in said["responses"].items()
            )
            yield (
                said.get("tags", ["other"])[0],
                Operation(
                    anchor=said["operationId"],
                    method=method.upper(),
                    path=path,
                    summary=said.get("summary", ""),
                    paragraphs=tuple(
                        _marked(one) for one in said.get("description", "").split("\n\n") if one
                    ),
                    parameters=parameters,
                    body=_named(said.get("requestBody", {}).get("content", {})),
                    replies=replies,
                ),
            )


def _named(content: Mapping[str, Any]) -> str:
    """The name of the model in a body, else its media type."""
    for media_type, one in content.items():
        reference = one.get("schema", {}).get("$ref", "")
        return reference.removeprefix(_REFERENCE) if reference else media_type
    return ""


def _type_of(schema: Mapping[str, Any]) -> str:
    """A parameter's type in a few words."""
    kinds = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    told = []
    for each in kinds:
        if "enum" in each:
            told.append(" | ".join(map(str, each["enum"])))
        else:
            told.append(f"{each.get('type', '')} {each.get('pattern', '')}".strip())
    bounds = [f"{word} {kinds[0][key]}" for key, word in _BOUNDS if key in kinds[0]]
    default = [f"default {json.dumps(schema['default'])}"] if schema.get("default") not in (None, "") else []
    return ", ".join([" or ".join(filter(None, told)), *bounds, *default])


_BOUNDS = (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))


def _marked(text: str) -> Markup:
    """A description with its code marked."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(" ".join(text.split())))))  # noqa: S704 - escaped before
