"""Which files, people and services the synthetic backup holds: counts, ids and places, all from a seed.

Here: numbers and names only (nothing is drawn, uploaded or written). Pictures are in `photographs`,
servers in `servers`. The numbers of `REAL` are those of the system being migrated.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_IMAGES_PER_SERVICE = 7


@dataclass(frozen=True)
class Shape:
    """How many of everything. Counts only; ids are drawn by `build`."""

    buyers: int = 69
    stylists: int = 189
    salons: int = 18
    mapped_profiles: int = 119
    mapped_services: int = 185
    mapped_service_images: int = 296
    unmapped_services: int = 1486
    unmapped_service_images: int = 1960
    chat_images: int = 810
    chats: int = 140
    strays: int = 1
    user_mappings: int = 2592
    services_migrated: int = 200

    @property
    def files(self) -> int:
        """Every object of the backup."""
        profiles = self.buyers + self.stylists + self.salons
        services = self.mapped_service_images + self.unmapped_service_images
        return profiles + services + self.chat_images + self.strays

    @property
    def migratable(self) -> int:
        """Files that have a mapping."""
        return self.mapped_profiles + self.mapped_service_images

    @property
    def expected_exclusions(self) -> dict[str, int]:
        """Reason -> files, as a correct migration without chat mappings reports it."""
        return {
            "Salon profiles not migrated (salon model removed)": self.salons,
            "User ID not found in mapping": self.buyers + self.stylists - self.mapped_profiles,
            "Service ID not found in mapping or service not migrated": self.unmapped_service_images,
            "Chat images cannot be migrated (no chats migrated in Phase 6)": self.chat_images,
            "Unknown file category": self.strays,
        }


REAL = Shape()
"""3,343 files: 276 profile, 2,256 service (1,671 folders), 810 chat, 1 stray; 415 with a mapping."""

SMALL = Shape(
    buyers=4, stylists=8, salons=2, mapped_profiles=6, mapped_services=6, mapped_service_images=12,
    unmapped_services=10, unmapped_service_images=14, chat_images=9, chats=3, strays=1,
    user_mappings=30, services_migrated=8,
)  # fmt: skip
"""50 files in the same proportions: what a test needs."""


@dataclass(frozen=True)
class File:
    """One object of the backup. `mapped` files are distinct photographs; the rest are cheap variants."""

    key: str
    category: str
    format: str
    mapped: bool
    variant: int
    twin_of: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Everything `fill` makes, as names: files, people, services and the two mapping files."""

    files: tuple[File, ...]
    users: tuple[tuple[str, str, str], ...]
    """(old id, new id, role) of every user of the mapping."""
    services: tuple[tuple[str, str], ...]
    """(service id, stylist's new id) of every migrated service."""
    user_mapping: Mapping[str, Any] = field(default_factory=dict)
    services_created: Mapping[str, Any] = field(default_factory=dict)


def _spread(rng: random.Random, images: int, folders: int) -> list[int]:
    """`images` over `folders`, at least one and at most seven each."""
    counts = [1] * folders
    open_folders = list(range(folders))
    for _ in range(images - folders):
        place = rng.randrange(len(open_folders))
        chosen = open_folders[place]
        counts[chosen] += 1
        if counts[chosen] == MAX_IMAGES_PER_SERVICE:
            open_folders.pop(place)
    return counts


def _pick(rng: random.Random, weights: Mapping[str, int]) -> str:
    return rng.choices(list(weights), weights=list(weights.values()))[0]


PROFILE_FORMATS = {"png": 68, "jpeg": 26, "webp": 6}
SERVICE_FORMATS = {"png": 74, "jpeg": 20, "webp": 5, "gif": 1}


def build(shape: Shape, seed: int) -> Dataset:
    """The dataset of a seed: the same seed gives the same ids, formats and order on every machine."""
    rng = random.Random(f"nabo-media-{seed}")

    def new_id() -> str:
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))

    files: list[File] = []
    sides = ["buyer"] * shape.buyers + ["stylist"] * shape.stylists
    owners = [(side, new_id()) for side in sides]
    mapped_owners = set(rng.sample(range(len(owners)), shape.mapped_profiles))
    for index, (side, user) in enumerate(owners):
        mapped = index in mapped_owners
        key = f"Profile-Pics/{side}/{user}"
        files.append(File(key, "profile", _pick(rng, PROFILE_FORMATS), mapped, index))
    for index in range(shape.salons):
        key = f"Profile-Pics/salon/{new_id()}"
        files.append(File(key, "profile", _pick(rng, PROFILE_FORMATS), mapped=False, variant=index))

    old_users = [user for index, (_, user) in enumerate(owners) if index in mapped_owners]
    roles = [
        "customer" if side == "buyer" else "stylist"
        for i, (side, _) in enumerate(owners)
        if i in mapped_owners
    ]
    while len(old_users) < shape.user_mappings:
        old_users.append(new_id())
        roles.append("stylist" if rng.random() < 0.1 else "customer")
    users = tuple((old, new_id(), role) for old, role in zip(old_users, roles, strict=True))
    stylists = [new for _, new, role in users if role == "stylist"]

    services = tuple((new_id(), rng.choice(stylists)) for _ in range(shape.services_migrated))
    with_images = rng.sample([service for service, _ in services], shape.mapped_services)
    files += _service_files(rng, new_id, with_images, shape.mapped_service_images, mapped=True)
    unmapped = [new_id() for _ in range(shape.unmapped_services)]
    files += _service_files(rng, new_id, unmapped, shape.unmapped_service_images, mapped=False)

    chats = [new_id() for _ in range(shape.chats)]
    for index in range(shape.chat_images):
        chat = chats[index] if index < len(chats) else rng.choice(chats)
        files.append(File(f"Chat-Images/{chat}/{new_id()}.jpg", "chat", "jpeg", mapped=False, variant=index))
    files += [
        File(f"stray-{index}.bin", "other", "stray", mapped=False, variant=index)
        for index in range(shape.strays)
    ]
    in_order = tuple(sorted(files, key=lambda file: file.key))
    return Dataset(in_order, users, services, _user_mapping(users), _services_created(rng, services))


def _service_files(
    rng: random.Random, new_id: Any, folders: list[str], images: int, *, mapped: bool
) -> list[File]:
    """The images of some services; a few are byte-identical twins of the one before them, as in real life."""
    files: list[File] = []
    for folder, count in zip(folders, _spread(rng, images, len(folders)), strict=True):
        first: File | None = None
        for place in range(count):
            twin = first.key if mapped and first is not None and place == 1 and rng.random() < 0.02 else None
            format_ = first.format if twin and first else _pick(rng, SERVICE_FORMATS)
            key = f"Service-Images/{folder}/{new_id()}"
            files.append(File(key, "service", format_, mapped, len(files), twin))
            first = first or files[-1]
    return files


def _user_mapping(users: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
    return {
        "metadata": {"created_at": "2025-01-15T10:00:00.000Z", "total_mappings": len(users)},
        "mapping": {old: new for old, new, _ in users},
    }


def _services_created(rng: random.Random, services: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    titles = (
        "Balayage",
        "Brudestyling",
        "Dameklipp",
        "Fargebehandling",
        "Herreklipp",
        "Negldesign",
        "Vipper",
    )
    results = [
        {
            "original_id": service, "supabase_id": service, "title": rng.choice(titles),
            "stylist_id": stylist, "success": True,
        }
        for service, stylist in services
    ]  # fmt: skip
    return {
        "metadata": {
            "created_at": "2025-01-16T10:00:00.000Z", "total_processed": len(results),
            "successful_creations": len(results), "failed_creations": 0,
        },
        "results": results,
    }  # fmt: skip
