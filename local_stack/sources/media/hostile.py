"""Bad input on real servers: odd files, odd names, mappings that are wrong, a target that is not empty.

Each case says how it must end; a file that must not arrive has a sound neighbour in its service that must. What the
bytes are is in `broken` and `bombs`. It stands apart from the counts of `shape`.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_stack.sources.media import servers
from local_stack.sources.media.broken import jpeg_of_size, odd_files
from local_stack.sources.media.odd import EXCLUDED, MIGRATED, QUARANTINED, animated, saved
from local_stack.sources.media.photographs import encode, picture


@dataclass(frozen=True)
class Hostile:
    """What was added: key -> (state, beginning of the reason), and the case's name of each key."""

    outcomes: Mapping[str, tuple[str, str]]
    cases: Mapping[str, str]
    previews: Mapping[str, str | None]
    """Service -> key of the picture that must be its preview, None where others have set one."""


@dataclass
class _Draft:
    """What is being put together: objects, people, services and what stands in the target beforehand."""

    rng: random.Random
    objects: dict[str, bytes] = field(default_factory=dict)
    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    cases: dict[str, str] = field(default_factory=dict)
    previews: dict[str, str | None] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    people: list[tuple[str, str | None]] = field(default_factory=list)
    services: list[dict[str, Any]] = field(default_factory=list)
    service_rows: list[tuple[str, str]] = field(default_factory=list)
    media_rows: list[tuple[str, str, str, str | None, bool]] = field(default_factory=list)
    stored: list[tuple[str, str, bytes]] = field(default_factory=list)
    chats: list[tuple[str, str, str]] = field(default_factory=list)
    """(chat, customer, stylist)."""
    messages: list[tuple[str, str, str, str]] = field(default_factory=list)
    """(message, chat, sender, the file's name)."""

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def file(self, case: str, key: str, data: bytes, state: str, reason: str = "") -> str:
        self.objects[key], self.outcomes[key], self.cases[key] = data, (state, reason), case
        return key

    def user(self, *, in_database: bool = True, original: str | None = None) -> tuple[str, str]:
        old, new = self.new_id(), self.new_id()
        self.users[old] = new
        if in_database:
            self.people.append((new, original or old))
        return old, new

    def service(
        self, stylist: str, *, in_database: bool = True, stylist_in_database: str | None = None
    ) -> str:
        service = self.new_id()
        self.services.append(
            {
                "original_id": service, "supabase_id": service, "title": "Hostile", "stylist_id": stylist,
                "success": True,
            }
        )  # fmt: skip
        if in_database:
            self.service_rows.append((service, stylist_in_database or stylist))
        return service

    def image(self, format_: str = "png") -> bytes:
        return encode(picture(self.rng, (60, 90)), format_, self.rng)


def make(environment: Mapping[str, str], *, seed: int) -> Hostile:
    """Adds every case to the source, the mapping files and the target that `environment` names."""
    draft = _Draft(random.Random(f"hostile-{seed}"))
    _, stylist = draft.user()
    _odd_files(draft, stylist, seed)
    _odd_names(draft, stylist)
    _profiles(draft)
    _services(draft, stylist)
    _chats(draft, stylist)
    _shared(draft, stylist)
    _put(environment, draft)
    return Hostile(draft.outcomes, draft.cases, draft.previews)


def _odd_files(draft: _Draft, stylist: str, seed: int) -> None:
    """Each in a service of its own; what must not arrive goes before a sound neighbour, which then is the preview."""
    for odd in odd_files(seed):
        service = draft.service(stylist)
        first, second = sorted((draft.new_id(), draft.new_id()))
        odd_key = draft.file(odd.case, f"Service-Images/{service}/{first}", odd.data, odd.state, odd.reason)
        draft.previews[service] = odd_key
        if odd.state != MIGRATED:
            draft.previews[service] = draft.file(
                f"neighbour of {odd.case}", f"Service-Images/{service}/{second}", draft.image(), MIGRATED
            )


def _odd_names(draft: _Draft, stylist: str) -> None:
    service, image = draft.service(stylist), draft.new_id()
    names = (
        'it\'s "quoted"',
        "$(touch hacked)",
        "a:b",
        "with space",
        "blåbær",
        image.upper(),
        f"{image}.png",
        f"{image}/x",
    )
    for name in names:
        key = f"Service-Images/{service}/{name}"
        draft.file(f"name {name}", key, draft.image(), EXCLUDED, "Invalid service path structure")
    draft.file("upper-case service", f"Service-Images/{service.upper()}/{image}", draft.image(), EXCLUDED,
               "Invalid service path structure")  # fmt: skip
    draft.file("profile without a kind", f"Profile-Pics/{draft.new_id()}", draft.image(), EXCLUDED,
               "Invalid profile path structure")  # fmt: skip
    draft.file("chat without a name", f"Chat-Images/{draft.new_id()}/.png", draft.image(), EXCLUDED,
               "Invalid chat path structure")  # fmt: skip
    draft.file("text in a salon's place", f"Profile-Pics/salon/{draft.new_id()}", b"text", EXCLUDED,
               "Salon profiles not migrated (salon model removed)")  # fmt: skip


def _profiles(draft: _Draft) -> None:
    for size in (2_000_000, 2_000_001, 2_097_152):
        old, _ = draft.user()
        draft.file(
            f"avatar of {size} bytes", f"Profile-Pics/buyer/{old}", jpeg_of_size(draft.rng, size), MIGRATED
        )
    old, _ = draft.user()
    draft.file("buyer and stylist", f"Profile-Pics/buyer/{old}", draft.image(), MIGRATED)
    draft.file(
        "stylist and buyer",
        f"Profile-Pics/stylist/{old}",
        draft.image(),
        EXCLUDED,
        "Owner already has an avatar",
    )
    old, _ = draft.user()
    draft.file("broken as buyer", f"Profile-Pics/buyer/{old}", b"", QUARANTINED, "Empty file")
    draft.file("sound as stylist", f"Profile-Pics/stylist/{old}", draft.image(), MIGRATED)
    old, new = draft.user()
    draft.media_rows.append((new, "avatar", f"{new}/own.png", None, False))
    draft.file(
        "user with an avatar",
        f"Profile-Pics/buyer/{old}",
        draft.image(),
        EXCLUDED,
        "Owner already has an avatar",
    )
    old, _ = draft.user(in_database=False)
    draft.file("user not in the database", f"Profile-Pics/buyer/{old}", draft.image(), QUARANTINED,
               "Mapped user has no profile in the database")  # fmt: skip
    old, _ = draft.user(original=draft.new_id())
    draft.file("other original_id", f"Profile-Pics/buyer/{old}", draft.image(), QUARANTINED,
               "Mapped user carries another original_id")  # fmt: skip
    one, new = draft.user()
    other = draft.new_id()
    draft.users[other] = new
    for old in (one, other):
        draft.file("two old users, one new", f"Profile-Pics/buyer/{old}", draft.image(), QUARANTINED,
                   "Two old user IDs are mapped to the same new user")  # fmt: skip


def _services(draft: _Draft, stylist: str) -> None:
    gone = draft.service(stylist, in_database=False)
    draft.file("service not in the database", f"Service-Images/{gone}/{draft.new_id()}", draft.image(), QUARANTINED,
               "Mapped service is not in the database")  # fmt: skip
    _, other = draft.user()
    moved = draft.service(stylist, stylist_in_database=other)
    draft.file("stylist differs", f"Service-Images/{moved}/{draft.new_id()}", draft.image(), QUARANTINED,
               "Service's stylist differs")  # fmt: skip
    twins = draft.service(stylist)
    data = draft.image()
    keys = sorted(f"Service-Images/{twins}/{draft.new_id()}" for _ in range(2))
    for key in keys:
        draft.file("byte-identical images", key, data, MIGRATED)
    draft.previews[twins] = keys[0]
    shown = draft.service(stylist)
    draft.media_rows.append((stylist, "service_image", f"{shown}/own.png", shown, True))
    draft.file("service with a preview", f"Service-Images/{shown}/{draft.new_id()}", draft.image(), MIGRATED)
    draft.previews[shown] = None
    taken, image = draft.service(stylist), draft.new_id()
    draft.stored.append(("service-media", f"{taken}/{image}.webp", draft.image("webp")))
    draft.file("other bytes at the target", f"Service-Images/{taken}/{image}", draft.image(), QUARANTINED,
               "Another object stands at the target path")  # fmt: skip


def _chats(draft: _Draft, stylist: str) -> None:
    """Names with extensions, which say nothing of what is in the files; and a bucket that takes GIF."""
    _, customer = draft.user()
    chat = draft.new_id()
    draft.chats.append((chat, customer, stylist))
    frames = [picture(draft.rng, (60, 60)).resize((60, 40)) for _ in range(3)]
    private = {"comment": b"Phone", "loop": 0}
    for name, data, state, reason in (
        ("a png.JPG", draft.image(), MIGRATED, ""),
        ("a jpeg.png", draft.image("jpeg"), MIGRATED, ""),
        ("a webp.jpeg", draft.image("webp"), MIGRATED, ""),
        ("animated gif.GIF", animated("GIF", frames, **private), MIGRATED, ""),
        ("animated gif.jpg", animated("GIF", frames, **private), MIGRATED, ""),
        ("still gif.PNG", draft.image("gif"), MIGRATED, ""),
        ("tiff.png", saved(frames[0], "TIFF"), MIGRATED, ""),
        ("a page.png", b"<!DOCTYPE html><html></html>", EXCLUDED, "Unsupported file type: text/html"),
        ("half a jpeg.jpg", draft.image("jpeg")[:900], QUARANTINED, "Broken file: the file is truncated"),
    ):
        draft.messages.append((draft.new_id(), chat, customer, name))
        draft.file(f"chat: {name}", f"Chat-Images/{chat}/{name}", data, state, reason)


def _shared(draft: _Draft, stylist: str) -> None:
    """Mappings that would need a guess."""
    one, other = draft.service(stylist), draft.new_id()
    draft.services.append({**draft.services[-1], "original_id": other})
    for service in (one, other):
        draft.file("two old services, one new", f"Service-Images/{service}/{draft.new_id()}", draft.image(),
                   QUARANTINED, "Two old service IDs are mapped to the same new service")  # fmt: skip
    ((chat, customer, _),) = draft.chats
    draft.messages += [(draft.new_id(), chat, sender, "shown twice.png") for sender in (customer, stylist)]
    draft.file("chat: shown twice.png", f"Chat-Images/{chat}/shown twice.png", draft.image(), QUARANTINED,
               "More than one migrated chat message shows this file")  # fmt: skip


def _put(environment: Mapping[str, str], draft: _Draft) -> None:
    servers.put_backup(environment, draft.objects.items())
    folder = Path(environment["NABO_MAPPINGS_PATH"])
    users = json.loads((folder / "user-id-mapping.json").read_text())
    users["mapping"].update(draft.users)
    users["metadata"]["total_mappings"] = len(users["mapping"])
    (folder / "user-id-mapping.json").write_text(json.dumps(users))
    services = json.loads((folder / "services-created.json").read_text())
    services["results"] += draft.services
    services["metadata"]["successful_creations"] = len(services["results"])
    (folder / "services-created.json").write_text(json.dumps(services))
    _put_chat_files(folder, draft)
    _put_target(environment, draft)


def _put_chat_files(folder: Path, draft: _Draft) -> None:
    created = {
        "created_at": "", "metadata": {},
        "created_chats": [
            {"id": chat, "customer_id": customer, "stylist_id": stylist} for chat, customer, stylist in draft.chats
        ],
        "created_messages": [
            {"id": message, "chat_id": chat, "sender_id": sender} for message, chat, sender, _ in draft.messages
        ],
    }  # fmt: skip
    extracted = [
        {"message": {"id": message, "chat_id": chat, "message": name, "is_image": "1"}, "chat_id": chat}
        for message, chat, _, name in draft.messages
    ]
    (folder / "chats-created.json").write_text(json.dumps(created))
    (folder / "chats-extracted.json").write_text(json.dumps({"imageMessages": extracted}))


def _put_target(environment: Mapping[str, str], draft: _Draft) -> None:
    import psycopg
    from psycopg.types.json import Jsonb

    with psycopg.connect(environment["NABO_DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s) on conflict do nothing",
            [(new, f"{new}@example.invalid", Jsonb({"original_id": old})) for new, old in draft.people],
        )
        cursor.executemany(
            "insert into public.services (id, stylist_id, title, price, duration_minutes)"
            " values (%s, %s, 'Hostile', 1, 30) on conflict do nothing",
            draft.service_rows,
        )
        cursor.executemany(
            "insert into public.media (owner_id, media_type, file_path, service_id, is_preview_image)"
            " values (%s, %s, %s, %s, %s)",
            draft.media_rows,
        )
        cursor.executemany(
            "insert into public.chats (id, customer_id, stylist_id) values (%s, %s, %s)", draft.chats
        )
        cursor.executemany(
            "insert into public.chat_messages (id, chat_id, sender_id, content) values (%s, %s, %s, %s)",
            draft.messages,
        )
    storage = servers.storage_client(environment)
    for bucket, path, data in draft.stored:
        storage.from_(bucket).upload(path, data, {"content-type": "image/webp"})
