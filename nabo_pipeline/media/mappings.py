"""The mapping files: from the old ids to the new ones. Parsing and checking of text; reading files is elsewhere.

A file that is malformed or holds nothing is an error that names it; it is never read as "nothing to do".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from migration_kit.failures import PermanentError
from migration_kit.fingerprints import fingerprint

USERS_FILE = "user-id-mapping.json"
SERVICES_FILE = "services-created.json"
CHATS_FILE = "chats-created.json"
CHAT_IMAGES_FILE = "chats-extracted.json"


@dataclass(frozen=True)
class MigratedService:
    """A service that was migrated: its new id and the new id of its stylist."""

    supabase_id: str
    stylist_id: str


@dataclass(frozen=True)
class ChatImage:
    """A chat image's message: the new chat, the message and who sent it."""

    chat_id: str
    message_id: str
    sender_id: str


@dataclass(frozen=True)
class Mappings:
    """All mappings. `chat_images` is None where the chats were not migrated (no chat files)."""

    users: Mapping[str, str]
    services: Mapping[str, MigratedService]
    chats: frozenset[str] = frozenset()
    chat_images: Mapping[tuple[str, str], ChatImage] | None = None
    shared_users: frozenset[str] = field(default_factory=frozenset)
    """Old user ids whose new id another old id has, too."""
    shared_services: frozenset[str] = field(default_factory=frozenset)
    """Old service ids whose new id another old id has, too."""
    shared_images: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Those of `chat_images` that another migrated message shows, too; the first one stands there."""

    @cached_property
    def old_chats(self) -> frozenset[str]:
        """Old chat ids of which a picture's message was migrated."""
        return frozenset(chat for chat, _ in self.chat_images or {})

    @property
    def fingerprint(self) -> str:
        """Changes when any mapping changes."""
        chat_images = sorted(
            [*key, image.chat_id, image.message_id, image.sender_id]
            for key, image in (self.chat_images or {}).items()
        )
        services = {old: [new.supabase_id, new.stylist_id] for old, new in self.services.items()}
        shared = sorted(map(list, self.shared_images))
        return fingerprint([dict(self.users), services, sorted(self.chats), chat_images, *shared])


def parse_users(text: str) -> dict[str, str]:
    """Old user id -> new user id from `user-id-mapping.json`. Raises PermanentError naming the file."""
    document = _document(text, USERS_FILE)
    mapping = _field(document, "mapping", dict, USERS_FILE)
    for old, new in mapping.items():
        if not isinstance(new, str) or not new or new == old:
            raise _malformed(USERS_FILE, f"the entry of {old!r} is {new!r}")
    _expect_count(USERS_FILE, "total_mappings", document, len(mapping))
    _not_empty(mapping, USERS_FILE)
    return dict(mapping)


def parse_services(text: str) -> dict[str, MigratedService]:
    """Old service id -> service from `services-created.json`; services that failed to migrate are left out."""
    document = _document(text, SERVICES_FILE)
    services: dict[str, MigratedService] = {}
    for row in _field(document, "results", list, SERVICES_FILE):
        if not isinstance(row, dict) or not isinstance(row.get("success"), bool):
            raise _malformed(SERVICES_FILE, f"a result is {row!r}")
        if not row["success"]:
            continue
        old, new, stylist = (
            _text(row, name, SERVICES_FILE) for name in ("original_id", "supabase_id", "stylist_id")
        )
        if old in services:
            raise _malformed(SERVICES_FILE, f"service {old} stands there twice")
        services[old] = MigratedService(new, stylist)
    _expect_count(SERVICES_FILE, "successful_creations", document, len(services))
    _not_empty(services, SERVICES_FILE)
    return services


def parse_chats(
    created: str, extracted: str
) -> tuple[frozenset[str], dict[tuple[str, str], ChatImage], frozenset[tuple[str, str]]]:
    """Migrated chats, (chat id, file name) -> message, and those that several messages show, from the two chat files.

    An image message whose chat or message was not migrated is left out: its file then has no mapping.
    """
    document = _document(created, CHATS_FILE)
    chats = frozenset(
        _text(row, "id", CHATS_FILE) for row in _field(document, "created_chats", list, CHATS_FILE)
    )
    messages = {
        _text(row, "id", CHATS_FILE): (_text(row, "chat_id", CHATS_FILE), _text(row, "sender_id", CHATS_FILE))
        for row in _field(document, "created_messages", list, CHATS_FILE)
    }
    _not_empty(chats, CHATS_FILE)
    images: dict[tuple[str, str], ChatImage] = {}
    shared: set[tuple[str, str]] = set()
    for row in _field(_document(extracted, CHAT_IMAGES_FILE), "imageMessages", list, CHAT_IMAGES_FILE):
        message = _field(row, "message", dict, CHAT_IMAGES_FILE)
        identity, name = _text(message, "id", CHAT_IMAGES_FILE), _text(message, "message", CHAT_IMAGES_FILE)
        if identity in messages and messages[identity][0] in chats:
            chat, sender = messages[identity]
            # The message may hold a whole address; the file is called as its last part.
            file = (_text(row, "chat_id", CHAT_IMAGES_FILE), name.rsplit("/", 1)[-1])
            image = ChatImage(chat, identity, sender)
            if images.setdefault(file, image) != image:
                shared.add(file)
    _not_empty(images, CHAT_IMAGES_FILE)
    return chats, images, frozenset(shared)


def assemble(read: Callable[[str], str | None]) -> Mappings:
    """All mappings; `read` gives a file's text, or None where there is no such file."""
    texts = {name: read(name) for name in (USERS_FILE, SERVICES_FILE, CHATS_FILE, CHAT_IMAGES_FILE)}
    for name in (USERS_FILE, SERVICES_FILE):
        if texts[name] is None:
            raise PermanentError(
                "the mapping file is missing", item=name, remedy="Put it into NABO_MAPPINGS_PATH."
            )
    users = parse_users(texts[USERS_FILE] or "")
    services = parse_services(texts[SERVICES_FILE] or "")
    found = Mappings(
        users,
        services,
        shared_users=_of_shared(users),
        shared_services=_of_shared({old: new.supabase_id for old, new in services.items()}),
    )
    created, extracted = texts[CHATS_FILE], texts[CHAT_IMAGES_FILE]
    if created is None:
        return found
    if extracted is None:
        raise PermanentError(
            f"the mapping file is missing, though {CHATS_FILE} is there",
            item=CHAT_IMAGES_FILE,
            remedy="Put it into NABO_MAPPINGS_PATH, or take both away if no chats were migrated.",
        )
    chats, images, shared = parse_chats(created, extracted)
    return replace(found, chats=chats, chat_images=images, shared_images=shared)


def _of_shared(new_ids: Mapping[str, str]) -> frozenset[str]:
    """The old ids whose new id is not theirs alone."""
    owners = Counter(new_ids.values())
    return frozenset(old for old, new in new_ids.items() if owners[new] > 1)


def _document(text: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=lambda pairs: _without_doubles(pairs, name))
    except (ValueError, RecursionError) as error:
        raise _malformed(name, str(error)) from error
    if not isinstance(document, dict):
        raise _malformed(name, "it is not a JSON object")
    return document


def _without_doubles(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        double = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _malformed(name, f"{double!r} stands there twice")
    return found


def _field(document: Any, key: str, kind: type, name: str) -> Any:
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, kind):
        raise _malformed(name, f"{key!r} should be a {kind.__name__}, but is {type(value).__name__}")
    return value


def _text(row: Any, key: str, name: str) -> str:
    value = _field(row, key, str, name)
    if not value:
        raise _malformed(name, f"{key!r} is empty")
    return str(value)


def _expect_count(name: str, key: str, document: dict[str, Any], found: int) -> None:
    expected = _field(document, "metadata", dict, name).get(key)
    if expected is not None and expected != found:
        raise _malformed(name, f"its metadata says {key} = {expected!r}, but it holds {found}")


def _not_empty(found: Collection[Any], name: str) -> None:
    if not found:
        raise PermanentError(
            "the mapping file holds 0 mappings", item=name, remedy="Export the mappings again."
        )


def _malformed(name: str, why: str) -> PermanentError:
    return PermanentError(
        f"the mapping file is malformed: {why}",
        item=name,
        remedy="Export the mappings again; nothing was changed.",
    )
