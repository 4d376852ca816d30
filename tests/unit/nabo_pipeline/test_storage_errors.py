"""What an answer of Storage means: which error passes by itself, which does not, and what to do."""

import httpx
import pytest
from storage3.exceptions import StorageApiError

from migration_kit.failures import PermanentError, TransientError
from nabo_pipeline.stores.storage_errors import (
    DuplicateError,
    MissingError,
    NotOfferedError,
    RefusedError,
    judged,
    translated,
)


@pytest.mark.parametrize(
    ("message", "code", "status", "kind"),
    [
        ("The resource already exists", "Duplicate", "409", DuplicateError),
        ("Object not found", "not_found", "404", MissingError),
        ("Bucket not found", "Bucket not found", "404", PermanentError),
        ("The object exceeded the maximum allowed size", "Payload too large", "413", RefusedError),
        ("mime type image/gif is not supported", "invalid_mime_type", "415", RefusedError),
        ("Invalid key: a%", "InvalidKey", "400", RefusedError),
        ("jwt expired", "InvalidJWT", "400", PermanentError),
        ("signature verification failed", "Unauthorized", "403", PermanentError),
        ("slow down", "TooManyRequests", "429", TransientError),
        ("gone away", "InternalError", 503, TransientError),
        ("Route POST:/object/list-v2/a-bucket not found", "Not Found", 404, MissingError),
        ("Method Not Allowed", "InternalError", 405, NotOfferedError),
    ],
)
def test_the_true_status_decides(message, code, status, kind):
    error = translated(StorageApiError(message, code, status), "bucket/path")
    assert type(error) is kind
    assert error.item == "bucket/path"
    assert message in str(error)


def test_a_broken_connection_is_transient():
    assert isinstance(translated(httpx.ReadTimeout("slow"), "x"), TransientError)


def test_a_wrong_key_says_what_to_check():
    error = translated(StorageApiError("signature verification failed", "Unauthorized", "403"), "x")
    assert "SUPABASE_SERVICE_ROLE_KEY" in str(error)


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, None), ("7", 7.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("soon", None)]
)
def test_a_wait_that_storage_asks_for_is_known(header, seconds):
    request = httpx.Request("GET", "http://storage")
    response = httpx.Response(429, headers={"retry-after": header} if header else {}, request=request)
    error = StorageApiError("slow down", "TooManyRequests", "429")
    error.__cause__ = httpx.HTTPStatusError("429", request=request, response=response)
    assert translated(error, "x").retry_after == seconds


def test_an_unknown_answer_is_permanent_and_told():
    assert "418 teapot" in str(judged("418", "teapot", "short and stout", "x"))
