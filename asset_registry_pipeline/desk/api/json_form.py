"""Documents as JSON: what BSON holds and JSON has no form for is written as MongoDB's own extended JSON.

ObjectIds are their hex and times ISO 8601, as the registry's clients know them; nothing else is changed, and nothing is
left out silently. Who may see which e-mail address is said here, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from math import isfinite, isnan
from typing import Any

from bson import json_util
from bson.objectid import ObjectId

from asset_registry_pipeline.registry.documents import STAGING_FIELDS, masked
from asset_registry_pipeline.registry.new_assets import WRITABLE
from asset_registry_pipeline.registry.roles import Actor, Role

LONGEST_SHOWN = 1_000
"""Characters of a text, and entries of a list, that a summary shows."""
_PEOPLE = ("claimed_by", "decided_by", "ended_by", "asked_by", "actor")
_EXTENDED = json_util.CANONICAL_JSON_OPTIONS

Text = Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


def plain(value: Any, text: Text = _as_it_is) -> Any:
    """A value of a document in its form in JSON, every text in it as `text` makes it."""
    shown: Any
    match value:
        case None | bool():
            shown = value
        case str() if type(value) is str:
            shown = text(value)
        case int():
            shown = int(value)
        case float():
            shown = value if isfinite(value) else {"$numberDouble": _not_finite(value)}
        case ObjectId():
            shown = str(value)
        case datetime():
            shown = moment(value)
        case Mapping():
            shown = {text(str(name)): plain(each, text) for name, each in value.items()}
        case list() | tuple():
            shown = [plain(each, text) for each in value]
        case _:
            # What is extended may hold more that JSON has no form for: a piece of code its scope.
            shown = plain(dict(json_util.default(value, _EXTENDED)), text)
    return shown


def moment(value: datetime) -> str:
    """A time in ISO 8601, UTC, to the millisecond."""
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def preview(body: Mapping[str, Any], item: str) -> dict[str, Any]:
    """A document of staging: every e-mail address in it masked, whoever looks at it. `_id` as the API writes it."""
    return {**plain(body, masked), "_id": item}


def asset(body: Mapping[str, Any], item: str, viewer: Actor) -> dict[str, Any]:
    """An asset of development as this person may see it: e-mail addresses are masked, that of who registered it too.

    To curators the fields that they may change are shown as they are: what is sent back must not hold a mask.
    """
    changeable = WRITABLE if viewer.role.includes(Role.CURATOR) else ()
    shown = {
        str(name): plain(value, _as_it_is if name in changeable else masked) for name, value in body.items()
    }
    return {**shown, "_id": item}


def told(value: Any) -> Any:
    """What a step returns: its values by the names that the API gives them, documents in them as `plain`.

    Who did something is told as to everybody: where a name is an e-mail address it is masked.
    """
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: getattr(value, field.name) for field in fields(value)}
        return {
            camel(name): masked(each) if name in _PEOPLE and isinstance(each, str) else told(each)
            for name, each in found.items()
        }
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): told(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [told(each) for each in value]
    return plain(value)


def camel(name: str) -> str:
    """A name as the API writes it; the registry's own stay as they are in its documents."""
    if name in STAGING_FIELDS:
        return name
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def summary(body: Mapping[str, Any], item: str) -> dict[str, Any]:
    """An asset in a list: e-mail addresses masked, long texts and long lists cut."""
    return {**{str(name): _cut(plain(value, masked)) for name, value in body.items()}, "_id": item}


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]}…"
    return value[:LONGEST_SHOWN] if isinstance(value, list) else value


def _not_finite(value: float) -> str:
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
