"""Assets that the tests of the API register themselves, and what they ask with."""

from itertools import count
from typing import Any

_SEQUENCES = count(5_001)
_PLACES = {
    "S": ("POP.BAS", "001.001"),
    "L": ("BAS.URB", "001.003"),
    "G": ("POP.CLA", "001.002"),
    "C": ("FUL.POP", "001.001"),
}


def new(layer: str = "S", **fields: Any) -> dict[str, Any]:
    """A new asset with a name of its own that no source has."""
    codes, numbers = _PLACES[layer]
    sequence = next(_SEQUENCES)
    named = {"name": f"{layer}.{codes}.{sequence}", "nna_address": f"{layer}.{numbers}.{sequence}"}
    return {"layer": layer, **named, **fields}


def register(api: Any, layer: str = "S", **fields: Any) -> Any:
    """The reply to registering a new asset."""
    answer = api.post("/api/assets", json=new(layer, **fields))
    assert answer.status_code == 201, answer.text
    return answer


def fault(answer: Any, status: int) -> dict[str, Any]:
    """The error in a reply that has this status and the envelope of errors."""
    said = answer.json()
    assert answer.status_code == status, answer.text
    assert said["success"] is False
    assert {*said["error"]} == {"code", "message", "details"}
    assert "timestamp" in said["metadata"]
    error: dict[str, Any] = said["error"]
    return error


def data(answer: Any, status: int = 200) -> Any:
    """The data in a reply that has this status and the envelope of what went well."""
    said = answer.json()
    assert answer.status_code == status, answer.text
    assert {*said} == {"success", "data", "metadata"}
    assert said["success"] is True
    assert {*said["metadata"]} == {"timestamp"}
    return said["data"]
