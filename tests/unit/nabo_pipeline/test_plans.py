"""The dry run: which file goes where, and why the others stay."""

from dataclasses import replace

import pytest

from migration_kit.suites import validate_frame
from nabo_pipeline.media.inventory import InventoryItem
from nabo_pipeline.media.mappings import Mappings, MigratedService
from nabo_pipeline.media.plans import BucketRules, PlanItem, TargetFacts, make_plan, summarize
from nabo_pipeline.suites.plan import COLUMNS, PLAN, table_row

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


def only(category, items, mappings=MAPPINGS, target=TARGET, bucket=AVATARS):
    (item,) = make_plan(category, items, mappings, target, bucket)
    return item


def test_a_mapped_profile_goes_below_the_new_id():
    item = only("profile", [profile()])
    assert (item.action, item.bucket, item.stem, item.owner) == (
        "migrate",
        "avatars",
        f"{PERSON}/old",
        PERSON,
    )


def test_a_mapped_image_belongs_to_the_services_stylist():
    item = only("service", [image()])
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
    item = only("profile", [profile()], **changes)
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
        ({"target": replace(TARGET, services={})}, "quarantined", "Mapped service is not in the database"),
        ({"target": replace(TARGET, services={SERVICE: "x"})}, "quarantined", "Service's stylist differs"),
    ],
)
def test_an_image_that_cannot_go_says_why(changes, action, reason):
    item = only("service", [image()], **changes)
    assert item.action == action
    assert item.reason.startswith(reason)


def test_the_inventorys_reason_stays():
    assert only("profile", [profile(reason="Unsupported file type: text/plain")]).reason.startswith(
        "Unsupported"
    )


def test_one_owner_gets_one_avatar_and_the_other_file_waits():
    first, second = make_plan("profile", [profile(kind="stylist"), profile()], MAPPINGS, TARGET, AVATARS)
    assert first.item == "Profile-Pics/buyer/old"
    assert first.alternate_of is None
    assert second.alternate_of == first.item


def test_a_file_over_the_buckets_limit_is_marked():
    assert only("profile", [profile(size=2_000_001)]).over_limit
    assert not only("profile", [profile(size=2_000_000)]).over_limit


def test_a_summary_counts_every_file():
    items = make_plan("profile", [profile(), profile("unknown")], MAPPINGS, TARGET, AVATARS)
    summary = summarize(items)
    assert (summary["items"], summary["to_migrate"], summary["coverage_percent"]) == (2, 1, 50.0)


SOUND = PlanItem("a", "migrate", None, 1, "v", "image/png", "avatars", f"{PERSON}/old", "avatar", PERSON)


def broken_rules(*items):
    import pandas as pd

    return validate_frame(pd.DataFrame([table_row(item) for item in items], columns=COLUMNS), PLAN)


def test_a_sound_plan_passes_its_suite():
    assert broken_rules(SOUND, PlanItem("b", "excluded", "why", 1, "v", "image/png")).passed


@pytest.mark.parametrize(
    "items",
    [
        (),
        (SOUND, SOUND),
        (SOUND, replace(SOUND, item="b")),
        (replace(SOUND, action="delete"),),
        (PlanItem("b", "excluded", None, 1, "v", "image/png"),),
        (replace(SOUND, stem="../old"),),
        (replace(SOUND, media_type="other"),),
        (replace(SOUND, owner=None),),
        (replace(SOUND, size=-1),),
    ],
    ids=["empty", "doubled", "same claim", "action", "no reason", "path", "media type", "no owner", "size"],
)
def test_each_rule_of_the_plans_suite_fires(items):
    assert not broken_rules(*items).passed
