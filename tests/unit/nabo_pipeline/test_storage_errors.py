"""What an answer of Storage means: which error passes by itself, which does not, and what to do."""

import httpx
import pytest
from storage3.exceptions import StorageApiError

from migration_kit.failures import PermanentError, TransientError
from nabo_pipeline.stores.storage import DuplicateError, MissingError, RefusedError, translated


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
