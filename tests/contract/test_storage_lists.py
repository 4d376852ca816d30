"""How Supabase Storage lists, through the real client."""

import pytest


def _names(entries) -> list[str]:
    return [entry["name"] for entry in entries]


@pytest.fixture
def hundred_and_five(bucket):
    """A bucket with 105 objects in one folder."""
    for number in range(105):
        bucket.upload(f"folder/{number:03}", b"x")
    return bucket


def test_a_list_ends_after_100_unless_more_are_asked_for(hundred_and_five):
    assert len(hundred_and_five.list("folder")) == 100
    assert len(hundred_and_five.list("folder", {"limit": 1000})) == 105


def test_pages_together_hold_everything_once(hundred_and_five):
    names: list[str] = []
    while page := hundred_and_five.list("folder", {"limit": 20, "offset": len(names)}):
        names += _names(page)
    assert names == [f"{number:03}" for number in range(105)]


def test_an_entry_tells_size_and_type(bucket):
    bucket.upload("folder/cat.png", b"12345", {"content-type": "image/png"})
    (entry,) = bucket.list("folder")
    assert entry["name"] == "cat.png"
    assert entry["id"]
    assert (entry["metadata"]["size"], entry["metadata"]["mimetype"]) == (5, "image/png")


def test_a_folder_is_an_entry_without_an_id(bucket):
    bucket.upload("one/a", b"1")
    bucket.upload("one/b", b"1")
    bucket.upload("two/deep/c", b"1")
    entries = bucket.list()
    assert sorted(_names(entries)) == ["one", "two"]
    assert all(entry["id"] is None and entry["metadata"] is None for entry in entries)
    assert _names(bucket.list("two")) == ["deep"]
    assert _names(bucket.list("two/deep")) == ["c"]


def test_a_folder_and_a_folder_with_a_slash_list_alike(bucket):
    bucket.upload("one/a", b"1")
    bucket.upload("one-more/b", b"1")
    assert _names(bucket.list("one")) == _names(bucket.list("one/")) == ["a"]


def test_a_folder_that_does_not_exist_lists_as_empty(bucket):
    assert bucket.list("nothing") == []


def test_the_order_is_by_name_and_can_be_turned(bucket):
    for name in ("b", "a", "c"):
        bucket.upload(name, b"1")
    assert _names(bucket.list()) == ["a", "b", "c"]
    assert _names(bucket.list(None, {"sortBy": {"column": "name", "order": "desc"}})) == ["c", "b", "a"]
    assert _names(bucket.list(None, {"sortBy": {"column": "created_at", "order": "asc"}})) == ["b", "a", "c"]


def test_a_search_keeps_names_that_begin_so(bucket):
    for name in ("cat", "catalogue", "dog"):
        bucket.upload(f"pets/{name}", b"1")
    assert _names(bucket.list("pets", {"search": "cat"})) == ["cat", "catalogue"]


def test_the_second_list_goes_through_everything_page_by_page(hundred_and_five):
    names, cursor = [], None
    while True:
        page = hundred_and_five.list_v2(
            {"prefix": "folder/", "limit": 50, **({"cursor": cursor} if cursor else {})}
        )
        names += [entry.name for entry in page.objects]
        cursor = page.nextCursor
        if not page.hasNext:
            break
    assert names == [f"folder/{number:03}" for number in range(105)]
    assert cursor is None


def test_the_second_list_shows_folders_if_asked_for(bucket):
    bucket.upload("one/a", b"1")
    bucket.upload("two", b"1")
    page = bucket.list_v2({"with_delimiter": True})
    assert [folder.name for folder in page.folders] == ["one/"]
    assert [entry.name for entry in page.objects] == ["two"]
    assert [entry.name for entry in bucket.list_v2({}).objects] == ["one/a", "two"]


def test_the_second_list_tells_path_size_and_type_of_every_depth(bucket):
    bucket.upload("one/deep/a.png", b"12345", {"content-type": "image/png"})
    bucket.upload("B.png", b"1", {"content-type": "image/png"})
    found = {
        entry.key or entry.name: (entry.metadata["size"], entry.metadata["mimetype"])
        for entry in bucket.list_v2({"limit": 1000, "with_delimiter": False}).objects
    }
    assert found == {"one/deep/a.png": (5, "image/png"), "B.png": (1, "image/png")}


def test_pages_of_the_second_list_hold_everything_once_though_objects_come_and_go(bucket):
    for number in range(6):
        bucket.upload(f"{number}", b"1")
    first = bucket.list_v2({"limit": 3})
    bucket.upload("00", b"1")
    bucket.remove(["1"])
    second = bucket.list_v2({"limit": 3, "cursor": first.nextCursor})
    assert [entry.name for entry in first.objects + second.objects] == ["0", "1", "2", "3", "4", "5"]
    assert not second.hasNext


def test_the_second_list_of_an_empty_bucket_is_empty(bucket):
    page = bucket.list_v2({})
    assert (page.objects, page.hasNext) == ([], False)
