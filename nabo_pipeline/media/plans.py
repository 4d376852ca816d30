"""The dry run: what will be done with each file of an inventory, and why nothing will be done with the others.

Decided from the inventory, the mappings, the buckets' rules and what stands in the target; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from migration_kit.accounting import State
from migration_kit.pictures.file_types import EMPTY, EXTENSIONS
from nabo_pipeline.media.inventory import InventoryItem
from nabo_pipeline.media.mappings import Mappings
from nabo_pipeline.media.paths import is_storage_key

USER_NOT_MAPPED = "User ID not found in mapping"
SERVICE_NOT_MAPPED = "Service ID not found in mapping or service not migrated"
CHAT_NOT_MAPPED = "Chat ID not found in mapping or chat not migrated"
CHAT_WITHOUT_MESSAGE = "No migrated chat message shows this file"
HAS_AVATAR = "Owner already has an avatar"
SHARED_USER = "Two old user IDs are mapped to the same new user"
SHARED_SERVICE = "Two old service IDs are mapped to the same new service"
SHARED_IMAGE = "More than one migrated chat message shows this file"
NO_PROFILE = "Mapped user has no profile in the database"
OTHER_ORIGINAL = "Mapped user carries another original_id in the database"
NO_SERVICE = "Mapped service is not in the database"
OTHER_STYLIST = "Service's stylist differs between mapping and database"
NO_MESSAGE = "Mapped chat message is not in the database"
BAD_KEY = "Storage does not take this file name"
SAME_PATH = "Another file of the backup has the same target path"

MIGRATE = "migrate"
"""A plan row's action when the file is to be migrated; otherwise it is the state it ends in."""


@dataclass(frozen=True)
class BucketRules:
    """What a bucket takes: its size limit in bytes (None: no limit of its own) and its types (empty: all)."""

    name: str
    size_limit: int | None
    types: frozenset[str]

    def takes(self, mime: str) -> bool:
        """Whether the bucket takes this type; `image/*` stands for every image, as in Storage."""
        return not self.types or mime in self.types or f"{mime.split('/', 1)[0]}/*" in self.types


@dataclass(frozen=True)
class TargetFacts:
    """What the target holds that a plan has to know. All ids as text."""

    profiles: frozenset[str]
    original_ids: Mapping[str, str]
    services: Mapping[str, str]
    """Service id -> stylist id."""
    messages: frozenset[str]
    foreign_avatars: frozenset[str]
    """Owners with an avatar that this migration did not write."""


@dataclass(frozen=True)
class PlanItem:
    """What will be done with one file. `stem` is the target path without extension; `owner` the new profile id.

    `alternate_of` names the file that goes first: this one is taken only if that one cannot be migrated.
    """

    item: str
    action: str
    reason: str | None
    size: int
    version: str
    mime: str
    bucket: str = ""
    stem: str = ""
    media_type: str = ""
    owner: str | None = None
    service: str | None = None
    chat_message: str | None = None
    alternate_of: str | None = None
    over_limit: bool = False
    treatment: str = ""
    """What would be done with its bytes, in words; empty for what stays."""
    estimated_bytes: int = 0
    estimated_seconds: float = 0.0

    @property
    def migrates(self) -> bool:
        """Whether the file is to be migrated."""
        return self.action == MIGRATE

    @property
    def claim(self) -> str | None:
        """What only one file may have: an owner's avatar, or a target path; None for what stays."""
        if not self.migrates:
            return None
        return f"avatar of {self.owner}" if self.media_type == "avatar" else f"{self.bucket}/{self.stem}"


DECIDED = (
    "item", "action", "reason", "size", "version", "mime", "bucket", "stem", "media_type", "owner", "service",
    "chat_message", "alternate_of", "over_limit",
)  # fmt: skip
"""The fields that make a plan another plan; the others are estimates."""


BUCKETS = {"profile": "avatars", "service": "service-media", "chat": "chat-media"}
MEDIA_TYPES = {"profile": "avatar", "service": "service_image", "chat": "chat_image"}


def plan_item(
    found: InventoryItem, mappings: Mappings, target: TargetFacts, bucket: BucketRules | None
) -> PlanItem:
    """What will be done with one file, by itself: its rivals are settled where all are known.

    `bucket` is None for `other`, which goes nowhere.
    """
    if found.reason is not None or bucket is None:
        return _ends(found, State.EXCLUDED, found.reason or "this category is not migrated")
    return _with_bucket(_MAKERS[found.category](found, mappings, target), bucket)


def _ends(found: InventoryItem, state: State, reason: str) -> PlanItem:
    return PlanItem(found.key, str(state), reason, found.size, found.version, found.mime)


def _goes(
    found: InventoryItem,
    stem: str,
    owner: str,
    *,
    service: str | None = None,
    chat_message: str | None = None,
) -> PlanItem:
    return PlanItem(
        found.key, MIGRATE, None, found.size, found.version, found.mime, BUCKETS[found.category], stem,
        MEDIA_TYPES[found.category], owner, service, chat_message,
    )  # fmt: skip


def _profile(found: InventoryItem, mappings: Mappings, target: TargetFacts) -> PlanItem:
    new = mappings.users.get(found.name)
    if new is None:
        return _ends(found, State.EXCLUDED, USER_NOT_MAPPED)
    if found.name in mappings.shared_users:
        return _ends(found, State.QUARANTINED, SHARED_USER)
    if new not in target.profiles:
        return _ends(found, State.QUARANTINED, NO_PROFILE)
    if target.original_ids.get(new, found.name) != found.name:
        return _ends(found, State.QUARANTINED, OTHER_ORIGINAL)
    if new in target.foreign_avatars:
        return _ends(found, State.EXCLUDED, HAS_AVATAR)
    return _goes(found, f"{new}/{found.name}", new)


def _service(found: InventoryItem, mappings: Mappings, target: TargetFacts) -> PlanItem:
    service = mappings.services.get(found.parent)
    if service is None:
        return _ends(found, State.EXCLUDED, SERVICE_NOT_MAPPED)
    if found.parent in mappings.shared_services:
        return _ends(found, State.QUARANTINED, SHARED_SERVICE)
    if service.supabase_id not in target.services:
        return _ends(found, State.QUARANTINED, NO_SERVICE)
    if target.services[service.supabase_id] != service.stylist_id:
        return _ends(found, State.QUARANTINED, OTHER_STYLIST)
    if service.stylist_id not in target.profiles:
        return _ends(found, State.QUARANTINED, NO_PROFILE)
    stem = f"{service.supabase_id}/{found.name}"
    return _goes(found, stem, service.stylist_id, service=service.supabase_id)


def _chat(found: InventoryItem, mappings: Mappings, target: TargetFacts) -> PlanItem:
    file = (found.parent, found.name)
    image = (mappings.chat_images or {}).get(file)
    if image is None:
        known = found.parent in mappings.old_chats or found.parent in mappings.chats
        return _ends(found, State.EXCLUDED, CHAT_WITHOUT_MESSAGE if known else CHAT_NOT_MAPPED)
    if file in mappings.shared_images:
        return _ends(found, State.QUARANTINED, SHARED_IMAGE)
    if image.message_id not in target.messages:
        return _ends(found, State.QUARANTINED, NO_MESSAGE)
    if image.sender_id not in target.profiles:
        return _ends(found, State.QUARANTINED, NO_PROFILE)
    stem = f"{image.chat_id}/{image.message_id}/{found.name.rpartition('.')[0]}"
    return _goes(found, stem, image.sender_id, chat_message=image.message_id)


_MAKERS = {"profile": _profile, "service": _service, "chat": _chat}


def _with_bucket(item: PlanItem, bucket: BucketRules) -> PlanItem:
    """The item under its bucket's rules: names, types and whether it is larger than the bucket takes as it is."""
    if not item.migrates:
        return item
    longest = f"{item.stem}.{max(EXTENSIONS.values(), key=len)}"
    if not is_storage_key(longest):
        return replace(item, action=str(State.QUARANTINED), reason=BAD_KEY)
    convertible = bucket.takes("image/png") or bucket.takes("image/webp")
    if item.mime != EMPTY and not bucket.takes(item.mime) and not convertible:
        reason = f"Bucket {bucket.name} does not take {item.mime}"
        return replace(item, action=str(State.EXCLUDED), reason=reason)
    return replace(item, over_limit=bucket.size_limit is not None and item.size > bucket.size_limit)
