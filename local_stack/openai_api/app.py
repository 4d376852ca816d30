"""The application: chat completions below `/v1`, and below `/control` what tests order of it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "stand-in-1"
"""The name that it tells, whatever model was asked for: as services do that redirect a name to a version."""
Kind = Literal["status", "stall", "drip", "text", "no_json", "empty", "refusal", "cut_off"]
_GENRES = ("hip-hop", "pop", "rock", "electronic", "r&b", "country", "jazz")


@dataclass
class Fault:
    """What happens to the next `times` requests.

    `status`: the answer has this status, and asks to come back after `retry_after` seconds. `stall`: no answer for
    `seconds`. `drip`: an answer without an end, a blank every `seconds`. `text`: the model says this text.
    `no_json`: a page in the place of an answer. `empty`: no choice. `refusal`: the model refuses. `cut_off`: the answer
    ends at the limit of tokens.
    """

    times: int
    kind: Kind = "status"
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    text: str = ""


@dataclass
class _State:
    key: str
    faults: list[Fault] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)


def create_app(key: str) -> Starlette:
    """The application, which takes this key and no other."""
    state = _State(key)

    async def complete(request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {state.key}":
            return _error(401, "Incorrect API key provided")
        body = await request.json()
        state.asked.append(body)
        fault = next((one for one in state.faults if one.times > 0), None)
        if fault is not None:
            fault.times -= 1
            answer = await _faulty(fault)
            if answer is not None:
                return answer
        return JSONResponse(_completion(json.dumps(_read(body["messages"][-1]["content"]))))

    async def order(request: Request) -> Response:
        state.faults.append(Fault(**await request.json()))
        return Response(status_code=204)

    async def asked(_: Request) -> Response:
        return JSONResponse(state.asked)

    async def reset(_: Request) -> Response:
        state.faults.clear()
        state.asked.clear()
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/control/faults", order, methods=["POST"]),
            Route("/control/asked", asked, methods=["GET"]),
            Route("/control", reset, methods=["DELETE"]),
        ]
    )


async def _faulty(fault: Fault) -> Response | None:
    """The answer as ordered; None where the right one is to follow."""
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "drip":
        return StreamingResponse(_blanks(fault.seconds), media_type="application/json")
    if fault.kind == "status":
        wait = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
        return _error(fault.status, f"{fault.status} as ordered", wait)
    if fault.kind == "no_json":
        return Response("<!doctype html><title>Bad gateway</title>", media_type="text/html")
    completion = _completion(fault.text)
    if fault.kind == "empty":
        completion["choices"] = []
    elif fault.kind == "refusal":
        completion["choices"][0]["message"] |= {"content": None, "refusal": "I cannot help with that."}
    elif fault.kind == "cut_off":
        completion["choices"][0]["finish_reason"] = "length"
    return JSONResponse(completion)


async def _blanks(seconds: float) -> AsyncIterator[str]:
    while True:
        yield " "
        await asyncio.sleep(seconds)


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    error = {"message": message, "type": "error", "param": None, "code": None}
    return JSONResponse({"error": error}, status, headers=headers)


def _completion(text: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _read(material: str) -> dict[str, Any]:
    """What a model would say of a song, from the words that it was given."""
    given = json.loads(material)
    words = str(given.get("words", "")).casefold()
    stated = re.search(r"(\d{2,3}) ?bpm", words)
    return {
        "description": re.split(r"(?<=[.!?])\s", re.sub(r"[<>{}\[\]\s]+", " ", str(given.get("words", ""))))[
            0
        ][:500],
        "mood": "smooth" if "smooth" in words else None,
        "tempo": "fast" if "fast" in words else None,
        "key": None,
        "energy": None,
        "genre": [genre for genre in _GENRES if genre in words],
        "tags": [str(tag)[:40] for tag in given.get("tags", ())][:15],
        "bpm": int(stated[1]) if stated else None,
        "confidence": 0.8,
    }
