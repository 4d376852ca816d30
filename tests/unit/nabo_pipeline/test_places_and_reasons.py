"""Categories and ids by path, and why a file stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_kit.pictures.file_types import sniff
from nabo_pipeline.media.inventory import StoredObject, describe
from nabo_pipeline.media.paths import CATEGORIES, category_of, is_storage_key, place

USER = "3f2b8c1e-5a4d-4c3b-9e8f-112233445566"
OTHER = "aa2b8c1e-5a4d-4c3b-8e8f-112233445566"


@given(st.text(max_size=80))
def test_every_path_belongs_to_exactly_one_category(key):
    where = place(key)
    assert where.category == category_of(key)
    assert where.category in CATEGORIES
    assert (where.reason is not None) or all(is_storage_key(part) for part in (where.parent, where.name))


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (f"Profile-Pics/buyer/{USER}", None),
        (f"Profile-Pics/salon/{USER}", "Salon profiles not migrated (salon model removed)"),
        (f"Profile-Pics/admin/{USER}", "Invalid profile path structure"),
        (f"Profile-Pics/buyer/{USER.upper()}", "Invalid profile path structure"),
        (f"Profile-Pics/buyer/{USER}/x", "Invalid profile path structure"),
        (f"Profile-Pics/buyer/{USER}\n", "Invalid profile path structure"),
        (f"Service-Images/{USER}/{OTHER}", None),
        (f"Service-Images/{USER}/../{OTHER}", "Invalid service path structure"),
        (f"Service-Images/{USER}/{OTHER}.png", "Invalid service path structure"),
        (f"Chat-Images/{USER}/photo.jpg", None),
        (f"Chat-Images/{USER}/photo", "Invalid chat path structure"),
        (f"Chat-Images/{USER}/.jpg", "Invalid chat path structure"),
        (f"profile-pics/buyer/{USER}", "Unknown file category"),
        ("stray.bin", "Unknown file category"),
    ],
)
def test_a_path_says_what_is_wrong_with_it(key, reason):
    assert place(key).reason == reason


def test_the_salon_reason_wins_over_the_type():
    item = describe(StoredObject(f"Profile-Pics/salon/{USER}", 4, "1"), sniff(b"text"), chats_migrated=False)
    assert item.reason == "Salon profiles not migrated (salon model removed)"


def test_an_unsupported_type_is_named_by_its_mime():
    item = describe(StoredObject(f"Profile-Pics/buyer/{USER}", 4, "1"), sniff(b"text"), chats_migrated=False)
    assert item.reason == "Unsupported file type: text/plain"


def test_an_empty_file_goes_on_to_its_quarantine():
    item = describe(StoredObject(f"Profile-Pics/buyer/{USER}", 0, "1"), sniff(b""), chats_migrated=False)
    assert item.can_migrate


@pytest.mark.parametrize("letter", list('%#[]{}\\|~^<>`"\nå'))
def test_a_letter_that_storage_refuses_is_refused(letter):
    assert not is_storage_key(f"folder/a{letter}b")


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/../b", "./a", "a/" + "x" * 256])
def test_a_path_with_odd_segments_is_refused(path):
    assert not is_storage_key(path)
