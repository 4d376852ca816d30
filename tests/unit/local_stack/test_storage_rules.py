"""What the Storage stand-in lets in."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_stack.storage_api import rules
from local_stack.storage_api.errors import StorageError

_ALLOWED = string.ascii_letters + string.digits + "_/!-.*'() &$@=;:+,?"
_REFUSED = '%#[]{}\\|~^<>`"\n\tæé日'


@given(st.text(alphabet=_ALLOWED, min_size=1, max_size=200))
def test_every_key_of_allowed_characters_is_allowed(key):
    rules.check_key(key)


@given(
    st.text(alphabet=_ALLOWED, max_size=20),
    st.sampled_from(_REFUSED),
    st.text(alphabet=_ALLOWED, max_size=20),
)
def test_one_odd_character_anywhere_refuses_a_key(before, odd, after):
    with pytest.raises(StorageError) as refusal:
        rules.check_key(before + odd + after)
    assert (refusal.value.status, refusal.value.code) == (400, "InvalidKey")


def test_a_key_that_ends_with_a_newline_is_refused():
    with pytest.raises(StorageError):
        rules.check_key("folder/cat.png\n")


@pytest.mark.parametrize(("length", "status"), [(255, None), (256, 500)])
def test_a_file_name_over_255_bytes_is_a_failure_of_the_server(length, status):
    key = "folder/" + "a" * length
    if status is None:
        rules.check_key(key)
    else:
        with pytest.raises(StorageError) as refusal:
            rules.check_key(key)
        assert refusal.value.status == status


@pytest.mark.parametrize("name", ["", "a/b", "æ", "a" * 64, "a%"])
def test_a_bad_bucket_name_is_refused(name):
    with pytest.raises(StorageError, match="Bucket name invalid"):
        rules.check_bucket_name(name)


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("2MB", 2_000_000),
        ("2.5mb", 2_500_000),
        ("30KB", 30_000),
        ("3B", 3),
        (2_000_000, 2_000_000),
        (None, None),
    ],
)
def test_a_size_limit_counts_in_thousands(words, size):
    assert rules.parse_size_limit(words) == size


@pytest.mark.parametrize(("words", "status"), [("2 MB", 400), ("two", 400), ("1GB", 413), (52_428_801, 413)])
def test_a_size_limit_that_cannot_be_is_refused(words, status):
    with pytest.raises(StorageError) as refusal:
        rules.parse_size_limit(words)
    assert refusal.value.status == status


@pytest.mark.parametrize(
    ("content_type", "allowed", "taken"),
    [
        ("image/png", ["image/jpeg", "image/png"], True),
        ("image/png", ["image/*"], True),
        ("image/png", [], True),
        ("image/png", None, True),
        ("image/gif", ["image/png"], False),
        ("image/png;charset=utf-8", ["image/png"], False),
        ("nonsense", ["image/*"], False),
    ],
)
def test_a_type_is_taken_if_a_pattern_of_the_bucket_fits(content_type, allowed, taken):
    if taken:
        rules.check_type(content_type, allowed, "key")
    else:
        with pytest.raises(StorageError, match=f"mime type {content_type} is not supported"):
            rules.check_type(content_type, allowed, "key")


@pytest.mark.parametrize("pattern", ["image", "image/png/x", "", "image/*/", "i" * 1001])
def test_a_pattern_of_types_that_is_none_is_refused(pattern):
    with pytest.raises(StorageError):
        rules.check_type_patterns([pattern])


def test_the_mark_of_an_empty_folder_may_hold_nothing_and_needs_no_type():
    assert rules.size_limit(1000, "folder/.emptyFolderPlaceholder") == 0
    rules.check_type("text/plain", ["image/png"], "folder/.emptyFolderPlaceholder")


@pytest.mark.parametrize(
    ("bucket", "limit"), [(None, 52_428_800), (2_000_000, 2_000_000), (99_000_000, 52_428_800)]
)
def test_the_smaller_of_the_buckets_and_the_projects_limit_counts(bucket, limit):
    assert rules.size_limit(bucket, "key") == limit
