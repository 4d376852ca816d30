"""Clients of S3 and of stores that speak its protocol, and which of their errors pass by themselves.

What is kept in a bucket, and under which keys, belongs to the stores.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from migration_kit.failures import MigrationError, PermanentError, TransientError

CONNECTIONS = 32
_PASSING = frozenset(
    ("SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "InternalError", "ServiceUnavailable")
)


@dataclass(frozen=True)
class S3Access:
    """How to reach S3; empty values mean boto3's own defaults."""

    endpoint_url: str = ""
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    region: str = "us-east-1"


def s3_client(access: S3Access, *, item: str, remedy: str) -> Any:
    """A client that makes one try a call: the kit's retries know what is transient, two layers would multiply.

    Raises:
        PermanentError: the settings are refused; `item` names the variable and `remedy` says what to correct.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    config = Config(
        max_pool_connections=CONNECTIONS,
        connect_timeout=10,
        read_timeout=60,
        retries={"total_max_attempts": 1},
        # Stores that are only compatible with S3 know no checksums in trailers; boto3 would ask for them by itself.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        return boto3.client(
            "s3",
            endpoint_url=access.endpoint_url or None,
            aws_access_key_id=access.access_key or None,
            aws_secret_access_key=access.secret_key or None,
            aws_session_token=access.session_token or None,
            region_name=access.region or None,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise PermanentError(
            f"the S3 client refuses its settings: {error}", item=item, remedy=remedy
        ) from error


def answer_of(error: Exception) -> tuple[str, int]:
    """S3's own code (`NoSuchKey`) and the HTTP status of an answer that boto3 raised; empty and 0 for other errors."""
    # Other errors of botocore have such an attribute, too, and it holds what was received of an answer.
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return "", 0
    code = str(response.get("Error", {}).get("Code", ""))
    return code, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def s3_error(error: Exception, item: str, *, bucket: str, remedy: str) -> MigrationError:
    """What an error of boto3 means for `item` (a key): it passes, or it does not and `remedy` says what to do."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError

    if isinstance(error, ClientError):
        code, status = answer_of(error)
        if status >= 500 or status == 429 or code in _PASSING:
            return TransientError(f"S3 answered {code or status}", item=item)
        return PermanentError(f"S3 answered {code or status} for bucket {bucket}", item=item, remedy=remedy)
    if isinstance(error, HTTPClientError | IncompleteReadError | OSError):
        return TransientError(f"S3 could not be reached: {type(error).__name__}", item=item)
    if isinstance(error, BotoCoreError):
        # No credentials, a name that no bucket can have: asking again cannot help.
        told = " ".join(str(error).split())
        return PermanentError(f"the request could not be made: {told}", item=item, remedy=remedy)
    return PermanentError(f"a call of S3 failed: {type(error).__name__}: {error}", item=item)
