"""The inventory on a real PostgreSQL: what is read, what is written, and what fails it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from migration_kit.failures import PermanentError
from nabo_pipeline.media.inventory import StoredObject
from nabo_pipeline.steps import inventory
from nabo_pipeline.steps.inventory import category_fingerprint, scan
from nabo_pipeline.stores.backup_errors import UnreadableError
from nabo_pipeline.stores.inventory_draft import drafted_inventory
from nabo_pipeline.stores.state import StateStore

USER = "3f2b8c1e-5a4d-4c3b-9e8f-1122334455{:02x}"


@dataclass
class Shelf:
    """A backup in memory that answers each listing as it is told to, and remembers whose first bytes were asked."""

    objects: list[StoredObject]
    later: dict[int, list[StoredObject]] = field(default_factory=dict)
    """What a listing answers instead, by its number from 1 on."""
    unreadable: frozenset[str] = frozenset()
    listings: int = 0
    heads: list[str] = field(default_factory=list)

    def listing(self, prefix: str = "") -> Iterator[StoredObject]:
        self.listings += 1
        found = self.later.get(self.listings, self.objects)
        return (one for one in found if one.key.startswith(prefix))

    def head(self, key: str, length: int) -> bytes:
        self.heads.append(key)
        if key in self.unreadable:
            raise UnreadableError("it cannot be read: told so", item=key)
        return b"\x89PNG\r\n\x1a\n"[:length]

    def read(self, key: str, *, at_most: int) -> bytes:
        raise AssertionError(f"an inventory reads no whole file, but {key} was asked for")


PEOPLE = [StoredObject(f"Profile-Pics/buyer/{USER.format(number)}", 9, "1") for number in range(12)]
STRAYS = [StoredObject("stray", 0, "1"), StoredObject("Profile-Pics/salon/\n../it's", 4, "1")]


@pytest.fixture
def state(postgres_url):
    state = StateStore(postgres_url)
    state.install()
    yield state
    state.close()


def scanned(state, shelf, category="profile"):
    with drafted_inventory(state.conninfo, category) as draft:
        found = scan(shelf, category, draft, chats_migrated=False, threads=4, log=lambda _: None)
        return found, draft.publish(found.listing)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Several chunks of few files."""
    monkeypatch.setattr(inventory, "CHUNK", 5)


def test_only_what_is_new_or_changed_is_read_and_only_what_differs_is_written(state):
    shelf = Shelf([*PEOPLE, *STRAYS])
    found, written = scanned(state, shelf)
    assert (found.listing.files, found.listing.whole_files, found.sniffed) == (13, 14, 13)
    assert found.outcomes == {"Invalid profile path structure": 1, "can be migrated": 12}
    assert written == 13 + 1
    assert [item.key for item in state.inventory("profile")] == sorted(
        one.key for one in shelf.objects[:12] + STRAYS[1:]
    )

    again, written = scanned(state, shelf)
    assert (again.sniffed, written, again.listing) == (0, 0, found.listing)

    shelf.heads.clear()
    shelf.objects = [replace(PEOPLE[0], version="2"), *PEOPLE[2:], *STRAYS]
    changed, written = scanned(state, shelf)
    assert shelf.heads == [PEOPLE[0].key]
    assert written == 3  # one changed, one gone, and the listing
    assert changed.listing.fingerprint != found.listing.fingerprint
    # Other categories are not touched, and what apply compares with is what the inventory kept.
    assert scanned(state, shelf, "other")[1] == 2
    assert len(list(state.inventory("profile"))) == 12
    before = shelf.listings
    assert category_fingerprint(shelf, "profile") == changed.listing.fingerprint
    assert shelf.listings == before + 1


def test_one_object_that_cannot_be_read_fails_the_inventory_and_leaves_the_last_one(state):
    scanned(state, Shelf(PEOPLE[:3]))
    shelf = Shelf(PEOPLE, unreadable=frozenset({PEOPLE[7].key}))
    with pytest.raises(UnreadableError, match=PEOPLE[7].key):
        scanned(state, shelf)
    assert len(list(state.inventory("profile"))) == 3


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (
            PEOPLE[:11],
            f"11 objects.*12 of .*by the category's own, for example in '{PEOPLE[11].key}'",
        ),
        ([*PEOPLE[:11], replace(PEOPLE[11], version="2")], f"for example in '{PEOPLE[11].key}'"),
        ([*PEOPLE, PEOPLE[3]], "two listings of the backup disagree"),
    ],
)
def test_two_listings_that_disagree_fail_the_inventory_and_name_an_object(state, second, told):
    # The category's own listing is the first, that of the whole backup the second; then both are looked through again.
    shelf = Shelf(PEOPLE, later={2: second, 3: second})
    with pytest.raises(PermanentError, match=told):
        scanned(state, shelf)
    assert list(state.inventory("profile")) == []
    assert state.listing("profile") is None


def test_a_key_that_is_listed_twice_by_every_listing_is_named(state):
    with pytest.raises(PermanentError, match=f"lists a key twice.*{PEOPLE[0].key}"):
        scanned(state, Shelf([*PEOPLE, PEOPLE[0]]))


def test_an_empty_backup_is_an_error_for_every_category(state):
    for category in ("profile", "other"):
        with pytest.raises(PermanentError, match="the backup holds no file at all"):
            scanned(state, Shelf([]), category)
