"""Where a file of the backup belongs, by its path: category and ids. Nothing is looked up here.

`Profile-Pics/{buyer|stylist|salon}/{userId}`, `Service-Images/{serviceId}/{imageId}`,
`Chat-Images/{chatId}/{file}.{ext}`
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

CATEGORIES = ("profile", "service", "chat", "other")
"""`other` is everything outside the three trees, so that each file of the backup belongs to exactly one category."""

PREFIXES = {"profile": "Profile-Pics/", "service": "Service-Images/", "chat": "Chat-Images/"}

SALON = "Salon profiles not migrated (salon model removed)"
UNKNOWN_CATEGORY = "Unknown file category"
CHAT_NOT_MIGRATED = "Chat images cannot be migrated (no chats migrated in Phase 6)"
_INVALID = "Invalid {} path structure"

# Ids are lowercase UUIDv4; an id in upper case is another string and therefore another, unknown, person.
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# https://supabase.com/docs/guides/storage: what Storage takes in an object's name.
_STORAGE_KEY = re.compile(r"[A-Za-z0-9_/!\-.*'() &$@=;:+,?]+")
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Place:
    """What a path says. `parent` is the user's kind, the service or the chat; `name` the user, image or file."""

    category: str
    parent: str = ""
    name: str = ""
    reason: str | None = None


def category_of(key: str) -> str:
    """The category of a key (its path below the backup's root)."""
    for category, prefix in PREFIXES.items():
        if key.startswith(prefix):
            return category
    return "other"


def place(key: str) -> Place:
    """Category and ids of a key, or the reason why its path says neither."""
    category = category_of(key)
    if category == "other":
        return Place(category, reason=UNKNOWN_CATEGORY)
    invalid = Place(category, reason=_INVALID.format(category))
    parts = key.split("/")
    if len(parts) != 3:
        return invalid
    _, parent, name = parts
    if not _VALID[category](parent, name):
        return invalid
    return Place(category, parent, name, SALON if parent == "salon" else None)


def _is_chat_file(parent: str, name: str) -> bool:
    stem, dot, extension = name.rpartition(".")
    return is_id(parent) and bool(dot) and bool(stem.strip(". ")) and extension.isalnum()


def is_id(text: str) -> bool:
    """Whether text is an id as the system writes them: a lowercase UUIDv4."""
    return _UUID.fullmatch(text) is not None


def is_storage_key(path: str) -> bool:
    """Whether Supabase Storage takes this path: its letters, no dot segments, no empty ones, names up to 255 bytes."""
    parts = path.split("/")
    plain = all(part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_NAME for part in parts)
    return plain and _STORAGE_KEY.fullmatch(path) is not None


_VALID: dict[str, Callable[[str, str], bool]] = {
    "profile": lambda kind, name: kind in ("buyer", "stylist", "salon") and is_id(name),
    "service": lambda service, name: is_id(service) and is_id(name),
    "chat": _is_chat_file,
}
