"""Keys of the backup that nobody meant: each has one category, and no odd name becomes somebody's picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.pictures.file_types import FileType
from nabo_pipeline.media.inventory import StoredObject, describe
from nabo_pipeline.media.paths import SALON, is_id, place

IDS = st.uuids(version=4).map(str)
KINDS = st.sampled_from(["buyer", "stylist", "salon"])
ODD = (
    'it\'s "quoted"', "$(touch hacked)", "`id`", "; rm -rf .", "a:b", "with space", " ", "new\nline", "blåbær", "📷",
    "..", ".", "", "-", "*", "%2e%2e", "\\", "CON", "a" * 300,
)  # fmt: skip


@given(KINDS, IDS)
def test_a_profile_says_whose_it_is(kind, user):
    found = place(f"Profile-Pics/{kind}/{user}")
    assert (found.category, found.parent, found.name) == ("profile", kind, user)
    assert found.reason == (SALON if kind == "salon" else None)


@given(IDS, IDS)
def test_a_service_image_says_its_service(service, image):
    found = place(f"Service-Images/{service}/{image}")
    assert (found.category, found.parent, found.name, found.reason) == ("service", service, image, None)


@given(IDS, st.one_of(st.sampled_from(ODD), st.text(max_size=40), IDS.map(str.upper)))
def test_a_name_that_is_no_id_is_nobodys(service, name):
    if is_id(name):
        return
    for key in (
        f"Service-Images/{service}/{name}",
        f"Service-Images/{name}/{service}",
        f"Service-Images/{service}/{service}{name or '/'}",
        f"Profile-Pics/buyer/{name}",
        f"Profile-Pics/{name}/{service}" if name not in ("buyer", "stylist", "salon") else "Profile-Pics/",
    ):
        found = place(key)
        assert found.reason == f"Invalid {found.category} path structure", key
        assert found.parent == found.name == ""


@pytest.mark.parametrize("tree", ["Profile-Pics", "Service-Images", "Chat-Images"])
@given(st.lists(IDS, max_size=5).filter(lambda parts: len(parts) != 2))
def test_another_number_of_levels_is_no_picture_of_anybody(tree, parts):
    category = {"Profile-Pics": "profile", "Service-Images": "service", "Chat-Images": "chat"}[tree]
    assert place("/".join([tree, *parts, ""])).reason == f"Invalid {category} path structure"


@given(st.text(max_size=60))
def test_every_key_can_be_described(key):
    item = describe(StoredObject(key, 1, "1"), FileType("image/png"), chats_migrated=False)
    assert item.can_migrate == (item.reason is None)
    assert item.to_report()["path"] == key
