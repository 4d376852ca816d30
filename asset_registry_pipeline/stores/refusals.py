"""What a server's refusal of a write says: whether it is about the document, and in which words. Nothing is written."""

from collections.abc import Mapping
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from asset_registry_pipeline.registry.documents import masked
from migration_kit.failures import PermanentError, TransientError

DUPLICATE_KEY, UNAUTHORIZED = 11000, 13
_DOCUMENT_REFUSED, _OUT_OF_DISK_SPACE = 121, 14031
_TELLING = frozenset({"propertyName", "additionalProperties", "missingProperties", "specifiedAs", "reason"})
_LONGEST = 300


def refused_by_server(error: OperationFailure) -> tuple[bool, str]:
    """Of a write that failed for what its documents hold: whether it met an existing key, and the server's words.

    Raises:
        PermanentError, TransientError: it failed for another reason, which says nothing of the documents.
    """
    code, words = error.code, told(error)
    if isinstance(error, DuplicateKeyError):
        return True, words
    if isinstance(error, BulkWriteError) and (failed := error.details.get("writeErrors")):
        code, words = failed[0].get("code"), reason_of(failed[0])
        if code not in (UNAUTHORIZED, _OUT_OF_DISK_SPACE):
            return code == DUPLICATE_KEY, words
    if code == UNAUTHORIZED:
        raise PermanentError(
            f"development refused to be written to: {words}",
            item="REGISTRY_DEVELOPMENT_URI",
            remedy="Give its user the right to read and write the database",
        ) from error
    raise TransientError(f"development could not be written to: {words}", item="assets") from error


def told(error: OperationFailure) -> str:
    """What the server says of a command that failed, e-mail addresses masked."""
    return masked(str((error.details or {}).get("errmsg", error)))[:_LONGEST]


def reason_of(refused: Mapping[str, Any]) -> str:
    """Why a document was refused, from the server's record of the write: a validator's rules, else its message."""
    if refused.get("code") == _DOCUMENT_REFUSED and (rules := _rules(refused.get("errInfo", {}))):
        return f"Document failed validation: {'; '.join(dict.fromkeys(rules))}"[:_LONGEST]
    return masked(str(refused.get("errmsg", refused)))[:_LONGEST]


def _rules(said: Any) -> list[str]:
    """The names of fields and the reasons in what the server says of a refused document, which nests deep."""
    if isinstance(said, Mapping):
        return [
            word
            for key, value in said.items()
            for word in ([f"{key}: {value}"] if key in _TELLING else _rules(value))
        ]
    return [word for value in said for word in _rules(value)] if isinstance(said, list) else []
