"""The tokens of the Storage stand-in."""

import jwt
import pytest

from local_stack.storage_api import tokens
from local_stack.storage_api.errors import StorageError

_SECRET = "s" * 40


def _refusal(authorization: str | None) -> tuple[int, str, str]:
    with pytest.raises(StorageError) as refusal:
        tokens.caller_of(authorization, _SECRET)
    return refusal.value.status, refusal.value.error or refusal.value.code, refusal.value.message


def test_the_same_secret_always_gives_the_same_key():
    assert tokens.service_role_key(_SECRET) == tokens.service_role_key(_SECRET)
    assert tokens.service_role_key(_SECRET) != tokens.service_role_key("t" * 40)


def test_the_key_makes_its_holder_the_service_role():
    assert tokens.caller_of(f"Bearer {tokens.service_role_key(_SECRET)}", _SECRET).is_service


def test_a_key_of_another_secret_is_refused():
    key = tokens.service_role_key("t" * 40)
    assert _refusal(f"Bearer {key}") == (403, "Unauthorized", "signature verification failed")
    assert not tokens.caller_or_nobody(f"Bearer {key}", _SECRET).is_service


def test_what_is_no_token_is_refused():
    assert _refusal("Bearer nonsense") == (403, "Unauthorized", "Invalid Compact JWS")


def test_a_token_that_has_ended_is_refused():
    token = jwt.encode({"role": "service_role", "exp": 1}, _SECRET, algorithm="HS256")
    assert _refusal(f"Bearer {token}") == (403, "Unauthorized", '"exp" claim timestamp check failed')


def test_no_token_at_all_is_a_malformed_request():
    assert _refusal(None)[0] == 400


def test_a_token_without_a_signature_is_refused():
    token = jwt.encode({"role": "service_role"}, "", algorithm="none")
    assert _refusal(f"Bearer {token}")[0] == 403


def test_the_token_of_a_signed_url_is_no_key():
    token = tokens.sign_url("bucket/key", 60, _SECRET)
    assert not tokens.caller_of(f"Bearer {token}", _SECRET).is_service


def test_a_signed_url_is_good_for_its_own_path_only():
    token = tokens.sign_url("bucket/key", 60, _SECRET, upsert=True)
    assert tokens.signed_claims(token, "bucket/key", _SECRET)["upsert"] is True
    with pytest.raises(StorageError, match="Invalid signature"):
        tokens.signed_claims(token, "bucket/other", _SECRET)


def test_a_signed_url_ends():
    token = tokens.sign_url("bucket/key", -1, _SECRET)
    with pytest.raises(StorageError, match="exp"):
        tokens.signed_claims(token, "bucket/key", _SECRET)
