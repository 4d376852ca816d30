"""What the backup's stores answer when they refuse: what passes, what is about one object, and what is about all."""

from __future__ import annotations

import errno

from migration_kit import s3
from migration_kit.failures import MigrationError, PermanentError, TransientError


class UnreadableError(PermanentError):
    """This one object cannot be read. It says nothing about the others, as a lost disk or expired credentials would."""


class EmptyObjectError(PermanentError):
    """S3 answers a range of an empty object with an error."""


_ABOUT_ONE_OBJECT = frozenset(("NoSuchKey", "AccessDenied", "InvalidObjectState"))
"""Absent, forbidden by its own rights, or archived. Everything else that S3 refuses concerns all objects."""
_REMEDY = "Check S3_BACKUP_PATH, the credentials and the rights to list and read."


def s3_error(error: Exception, item: str, bucket: str) -> MigrationError:
    """What an error of boto3 means for `item` (a key)."""
    code, status = s3.answer_of(error)
    if code in ("InvalidRange", "416") or status == 416:
        return EmptyObjectError("the object is empty", item=item)
    meant = s3.s3_error(error, item, bucket=bucket, remedy=_REMEDY)
    if code in _ABOUT_ONE_OBJECT and isinstance(meant, PermanentError):
        return UnreadableError(meant.reason, item=item, remedy=_REMEDY)
    return meant


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
