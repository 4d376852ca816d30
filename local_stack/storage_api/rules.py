"""What may be stored: names of buckets and keys, sizes and content types. Pure rules, the real server's."""

import re
from collections.abc import Sequence

from local_stack.storage_api import errors

GLOBAL_SIZE_LIMIT = 50 * 1024 * 1024  # bytes: the default of a project
LONGEST_FILE_NAME = 255  # bytes of one path segment: the limit of the disk below the real server
MOST_KEYS_AT_ONCE = 1000  # of a bulk removal
LONGEST_METADATA = 1024 * 1024  # bytes of an object's own metadata
_EMPTY_FOLDER = (
    ".emptyFolderPlaceholder"  # the dashboard's mark of an empty folder: always allowed, always empty
)

_NAME = r"\w!\-.*'() &$@=;:+,?"  # ASCII word characters and S3's safe ones
_KEY = re.compile(f"[{_NAME}/]+", re.ASCII)
_BUCKET = re.compile(f"[{_NAME}]{{1,63}}", re.ASCII)
_CONTENT_TYPE = re.compile(r"[a-zA-Z0-9\-+.]+/([a-zA-Z0-9\-+.]+(;\s*charset=[a-zA-Z0-9\-]+)?|\*)|\*")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(gb|mb|kb|b)", re.IGNORECASE)
_UNITS = {"gb": 10**9, "mb": 10**6, "kb": 10**3, "b": 1}


def check_key(key: str) -> None:
    """Raises InvalidKey for a character that is not allowed, and a server failure for a too long file name."""
    if not _KEY.fullmatch(key):
        raise errors.invalid_key(key)
    if any(len(segment) > LONGEST_FILE_NAME for segment in key.split("/")):
        raise errors.server_failure()


def check_bucket_name(name: str) -> None:
    """Raises InvalidBucketName."""
    if not _BUCKET.fullmatch(name):
        raise errors.invalid_bucket_name()


def check_type_patterns(patterns: Sequence[str]) -> None:
    """Raises for a pattern of allowed types that is neither `type/subtype` nor `type/*`."""
    for pattern in patterns:
        if len(pattern) > 1000 or not _CONTENT_TYPE.fullmatch(pattern):
            raise errors.unsupported_type(pattern)


def check_type(content_type: str, allowed: Sequence[str] | None, key: str) -> None:
    """Raises unless the bucket takes this type; parameters such as a charset count as part of the subtype."""
    if not allowed or is_empty_folder(key):
        return
    kind, _, subtype = content_type.partition("/")
    for pattern in allowed:
        allowed_kind, _, allowed_subtype = pattern.partition("/")
        if kind == allowed_kind and allowed_subtype in ("*", subtype):
            return
    raise errors.unsupported_type(content_type)


def size_limit(bucket_limit: int | None, key: str) -> int:
    """Bytes an object with this key may have in a bucket with this limit."""
    if is_empty_folder(key):
        return 0
    return GLOBAL_SIZE_LIMIT if bucket_limit is None else min(bucket_limit, GLOBAL_SIZE_LIMIT)


def parse_size_limit(value: int | str | None) -> int | None:
    """A bucket's limit in bytes from a number or words such as `2MB`; MB are 1,000,000 bytes."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if not match:
            raise errors.invalid_size_limit()
        value = int(float(f"{float(match[1]):.3g}") * _UNITS[match[2].lower()])
    if value is not None and value > GLOBAL_SIZE_LIMIT:
        raise errors.too_large()
    return value


def is_empty_folder(key: str) -> bool:
    """Whether the key only marks an empty folder."""
    return key.endswith(_EMPTY_FOLDER)
