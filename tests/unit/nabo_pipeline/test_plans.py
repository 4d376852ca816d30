"""The dry run: which file goes where, and why the others stay."""

from dataclasses import replace

import pytest

from nabo_pipeline.media.inventory import InventoryItem
from nabo_pipeline.media.mappings import ChatImage, Mappings, MigratedService
from nabo_pipeline.media.plans import BucketRules, TargetFacts, plan_item

PERSON, SERVICE = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
AVATARS = BucketRules("avatars", 2_000_000, frozenset({"image/jpeg", "image/png", "image/webp"}))
MAPPINGS = Mappings({"old": PERSON}, {"svc": MigratedService(SERVICE, PERSON)})
TARGET = TargetFacts(frozenset({PERSON}), {PERSON: "old"}, {SERVICE: PERSON}, frozenset(), frozenset())


def profile(name="old", kind="buyer", **changes):
    item = InventoryItem(f"Profile-Pics/{kind}/{name}", 10, "v", "image/png", "profile", kind, name, None)
    return replace(item, **changes)


def image(name="one", service="svc"):
    return InventoryItem(
        f"Service-Images/{service}/{name}", 10, "v", "image/png", "service", service, name, None
    )


def planned(item, mappings=MAPPINGS, target=TARGET, bucket=AVATARS):
    return plan_item(item, mappings, target, bucket)


def test_a_mapped_profile_goes_below_the_new_id():
    item = planned(profile())
    assert (item.action, item.bucket, item.stem, item.owner) == (
        "migrate",
        "avatars",
        f"{PERSON}/old",
        PERSON,
    )


def test_a_mapped_image_belongs_to_the_services_stylist():
    item = planned(image())
    assert (item.stem, item.owner, item.service) == (f"{SERVICE}/one", PERSON, SERVICE)


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        ({"mappings": Mappings({"x": "y"}, {})}, "excluded", "User ID not found in mapping"),
        ({"mappings": replace(MAPPINGS, shared_users=frozenset({"old"}))}, "quarantined", "Two old user IDs"),
        ({"target": replace(TARGET, profiles=frozenset())}, "quarantined", "Mapped user has no profile"),
        (
            {"target": replace(TARGET, original_ids={PERSON: "x"})},
            "quarantined",
            "Mapped user carries another",
        ),
        (
            {"target": replace(TARGET, foreign_avatars=frozenset({PERSON}))},
            "excluded",
            "Owner already has an avatar",
        ),
        (
            {"bucket": replace(AVATARS, types=frozenset({"image/jpeg"}))},
            "excluded",
            "Bucket avatars does not take",
        ),
    ],
)
def test_a_profile_that_cannot_go_says_why(changes, action, reason):
    item = planned(profile(), **changes)
    assert item.action == action
    assert item.reason.startswith(reason)


@pytest.mark.parametrize(
    ("changes", "action", "reason"),
    [
        (
            {"mappings": Mappings({}, {})},
            "excluded",
            "Service ID not found in mapping or service not migrated",
        ),
        (
            {"mappings": replace(MAPPINGS, shared_services=frozenset({"svc"}))},
            "quarantined",
            "Two old service IDs",
        ),
        ({"target": replace(TARGET, services={})}, "quarantined", "Mapped service is not in the database"),
        ({"target": replace(TARGET, services={SERVICE: "x"})}, "quarantined", "Service's stylist differs"),
    ],
)
def test_an_image_that_cannot_go_says_why(changes, action, reason):
    item = planned(image(), **changes)
    assert item.action == action
    assert item.reason.startswith(reason)


def test_the_inventorys_reason_stays():
    assert planned(profile(reason="Unsupported file type: text/plain")).reason.startswith("Unsupported")


def test_an_owner_has_one_avatar_and_a_path_one_file():
    assert planned(profile()).claim == planned(profile(kind="stylist")).claim == f"avatar of {PERSON}"
    assert planned(image()).claim == f"service-media/{SERVICE}/one"
    assert planned(profile("unknown")).claim is None


CHAT, MESSAGE = "33333333-3333-4333-8333-333333333333", "44444444-4444-4444-8444-444444444444"
CHATS = Mappings({"x": "y"}, {}, frozenset({CHAT}), {("c", "a.b.jpg"): ChatImage(CHAT, MESSAGE, PERSON)})
CHAT_MEDIA = BucketRules("chat-media", None, frozenset({"image/*"}))


def chat(name="a.b.jpg", parent="c"):
    key = f"Chat-Images/{parent}/{name}"
    return InventoryItem(key, 10, "v", "image/gif", "chat", parent, name, None)


def test_a_chat_image_goes_below_its_message_and_belongs_to_its_sender():
    item = planned(chat(), CHATS, replace(TARGET, messages=frozenset({MESSAGE})), CHAT_MEDIA)
    assert (item.stem, item.owner, item.chat_message) == (f"{CHAT}/{MESSAGE}/a.b", PERSON, MESSAGE)


@pytest.mark.parametrize(
    ("item", "target", "reason"),
    [
        (chat("other.jpg"), TARGET, "No migrated chat message shows this file"),
        (chat(parent="another"), TARGET, "Chat ID not found in mapping or chat not migrated"),
        (chat(), TARGET, "Mapped chat message is not in the database"),
        (chat(), replace(TARGET, messages={MESSAGE}, profiles=frozenset()), "Mapped user has no profile"),
        (chat("#.jpg"), replace(TARGET, messages={MESSAGE}), "Storage does not take this file name"),
    ],
)
def test_a_chat_image_that_cannot_go_says_why(item, target, reason):
    images = {**CHATS.chat_images, ("c", "#.jpg"): ChatImage(CHAT, MESSAGE, PERSON)}
    assert planned(item, replace(CHATS, chat_images=images), target, CHAT_MEDIA).reason.startswith(reason)


def test_a_chat_image_of_two_messages_is_nobodys_by_guess():
    mappings = replace(CHATS, shared_images=frozenset({("c", "a.b.jpg")}))
    item = planned(chat(), mappings, replace(TARGET, messages=frozenset({MESSAGE})), CHAT_MEDIA)
    assert (item.action, item.reason) == (
        "quarantined",
        "More than one migrated chat message shows this file",
    )


def test_a_file_over_the_buckets_limit_is_marked():
    assert planned(profile(size=2_000_001)).over_limit
    assert not planned(profile(size=2_000_000)).over_limit
