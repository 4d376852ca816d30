"""The errors of the Storage API and how they are written into an answer.

Each error has a true status, which stands in the body only: the answer itself is HTTP 400, or 500 for a
failure of the server. Texts and codes are the real server's; nothing here decides when an error is due.
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


@dataclass(eq=False)  # not frozen: an exception gets its traceback assigned on its way
class StorageError(Exception):
    """An answer that refuses: true status, code, message, and the older name of the error if it differs."""

    status: int
    code: str
    message: str
    error: str | None = None

    def answer(self) -> Response:
        """The body a client reads; its HTTP status is 400 unless the server itself failed."""
        body = {
            "statusCode": str(self.status),
            "error": self.error or self.code,
            "message": self.message,
            "code": self.code,
        }
        return JSONResponse(body, status_code=500 if self.status == 500 else 400)


def no_such_bucket() -> StorageError:
    """The bucket does not exist, or is private and the caller is nobody."""
    return StorageError(404, "NoSuchBucket", "Bucket not found", "Bucket not found")


def no_such_object() -> StorageError:
    """The bucket is there, the key is not."""
    return StorageError(404, "NoSuchKey", "Object not found", "not_found")


def lost_object() -> StorageError:
    """The object is listed but its bytes are gone."""
    return StorageError(404, "NoSuchKey", "The resource was not found", "Not found")


def duplicate() -> StorageError:
    """A bucket or key exists already and was not to be overwritten."""
    return StorageError(409, "ResourceAlreadyExists", "The resource already exists", "Duplicate")


def too_large(what: str = "object") -> StorageError:
    """More bytes than the bucket or the project allows."""
    return StorageError(
        413, "EntityTooLarge", f"The {what} exceeded the maximum allowed size", "Payload too large"
    )


def unsupported_type(content_type: str) -> StorageError:
    """The bucket does not take this content type."""
    return StorageError(
        415, "InvalidMimeType", f"mime type {content_type} is not supported", "invalid_mime_type"
    )


def invalid_key(key: str) -> StorageError:
    """The key holds a character that is not allowed."""
    return StorageError(400, "InvalidKey", f"Invalid key: {key}")


def invalid_bucket_name() -> StorageError:
    """The bucket's name is empty, too long or holds a character that is not allowed."""
    return StorageError(400, "InvalidBucketName", "Bucket name invalid", "Invalid Input")


def invalid_size_limit() -> StorageError:
    """A file size limit in words that cannot be read."""
    return StorageError(400, "InvalidRequest", "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")


def bucket_not_empty() -> StorageError:
    """A bucket is removed only when it holds nothing."""
    return StorageError(409, "InvalidRequest", "The bucket you tried to delete is not empty")


def access_denied(message: str) -> StorageError:
    """The token is wrong, or its role may not do this."""
    return StorageError(403, "AccessDenied", message, "Unauthorized")


def invalid_token(message: str) -> StorageError:
    """The token of a signed url is wrong."""
    return StorageError(400, "InvalidJWT", message)


def invalid_signature() -> StorageError:
    """The token of a signed url belongs to another object."""
    return StorageError(400, "InvalidSignature", "Invalid signature")


def invalid_range() -> StorageError:
    """The range begins after the end of the object."""
    return StorageError(416, "InvalidRange", "invalid range provided", "invalid_range")


def no_content() -> StorageError:
    """An upload without a file."""
    return StorageError(400, "InvalidRequest", "No content provided")


def server_failure() -> StorageError:
    """What the server cannot do although it was asked rightly, such as a file name its disk refuses."""
    return StorageError(500, "Internal", "Internal Server Error")


def malformed(message: str) -> StorageError:
    """The request does not have the form its address asks for; the message says where."""
    return StorageError(400, "Error", message)


async def answer_storage_error(_request: Request, problem: Exception) -> Response:
    """Exception handler of the application."""
    assert isinstance(problem, StorageError)
    return problem.answer()


async def answer_unexpected(_request: Request, _problem: Exception) -> Response:
    """What a client sees of a fault in the stand-in itself; the traceback is in its log."""
    return server_failure().answer()
