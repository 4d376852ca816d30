"""What the backup's stores answer when they refuse: what passes, what is about one object, and what is about all."""

from __future__ import annotations

import errno

from migration_kit.failures import MigrationError, PermanentError, TransientError


class UnreadableError(PermanentError):
    """This one object cannot be read. It says nothing about the others, as a lost disk or expired credentials would."""


class EmptyObjectError(PermanentError):
    """S3 answers a range of an empty object with an error."""


_ABOUT_ONE_OBJECT = frozenset(("NoSuchKey", "AccessDenied", "InvalidObjectState"))
"""Absent, forbidden by its own rights, or archived. Everything else that S3 refuses concerns all objects."""
_PASSING = frozenset(
    ("SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "InternalError", "ServiceUnavailable")
)
_REMEDY = "Check S3_BACKUP_PATH, the credentials and the rights to list and read."


def s3_error(error: Exception, item: str, bucket: str) -> MigrationError:
    """What an error of boto3 means for `item` (a key)."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in ("InvalidRange", "416") or status == 416:
            return EmptyObjectError("the object is empty", item=item)
        if status >= 500 or status == 429 or code in _PASSING:
            return TransientError(f"S3 answered {code or status}", item=item)
        kind = UnreadableError if code in _ABOUT_ONE_OBJECT else PermanentError
        return kind(f"S3 answered {code or status} for bucket {bucket}", item=item, remedy=_REMEDY)
    if isinstance(error, HTTPClientError | IncompleteReadError | OSError):
        return TransientError(f"S3 could not be reached: {type(error).__name__}", item=item)
    if isinstance(error, BotoCoreError):
        # No credentials, a name that no bucket can have: asking again cannot help.
        told = " ".join(str(error).split())
        return PermanentError(f"the request could not be made: {told}", item=item, remedy=_REMEDY)
    return PermanentError(f"reading from S3 failed: {type(error).__name__}: {error}", item=item)


_ABOUT_ONE_FILE = frozenset(
    (errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP)
)


def folder_error(error: OSError, item: str) -> MigrationError:
    """What an error of the file system means for `item` (a path)."""
    if error.errno not in _ABOUT_ONE_FILE:
        return TransientError(f"the backup cannot be read: {error.strerror}", item=item)
    return UnreadableError(
        f"it cannot be read: {error.strerror}",
        item=item,
        remedy="Give the migration the right to read the backup.",
    )
