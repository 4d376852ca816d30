"""The lifecycle functions of the database, called from Python: nothing is decided here, see `sql/lifecycle.sql`.

Statements take part in the caller's transaction, if there is one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from migration_kit.failures import PermanentError
from migration_kit.postgres import transient_errors

Row = TypeVar("Row")

_REFUSALS = ("22023", "55000", "P0002")
_CREATE = """
    SELECT id, access_token, token_expires_at FROM public.create_artwork(
        %(customer_name)s, %(customer_email)s, %(pet_name)s, %(pet_mom_image_url)s, %(pet_image_url)s)
"""
_UPDATE = """
    SELECT id, generation_status, generation_started_at, generation_completed_at,
           upscale_status, upscale_started_at, upscale_completed_at
    FROM public.update_artwork_lifecycle(%s, %s, %s)
"""
_OF_CUSTOMER = """
    SELECT id, customer_name, pet_name, pet_mom_image_url, pet_image_url, generated_image_url, upscaled_image_url,
           generation_status, upscale_status, mockup_urls, created_at, label
    FROM public.customer_artworks(%s)
"""
_OPENED = """
    SELECT id, customer_name, pet_name, pet_mom_image_url, pet_image_url, generated_image_url, upscaled_image_url,
           generation_status, upscale_status, mockup_urls, created_at, label
    FROM public.artwork_by_token(%s)
"""


@dataclass(frozen=True)
class Created:
    """A new artwork, and the token (until when it is valid) that opens it."""

    id: UUID
    access_token: str
    token_expires_at: datetime

    def __repr__(self) -> str:
        # A token that stands in a log opens the artwork to whoever reads it.
        return f"Created(id={self.id}, token_expires_at={self.token_expires_at})"


@dataclass(frozen=True)
class Life:
    """Where an artwork stands, and when it came there."""

    id: UUID
    generation_status: str
    generation_started_at: datetime | None
    generation_completed_at: datetime | None
    upscale_status: str
    upscale_started_at: datetime | None
    upscale_completed_at: datetime | None


@dataclass(frozen=True)
class Shown:
    """An artwork as its customer sees it."""

    id: UUID
    customer_name: str
    pet_name: str | None
    pet_mom_image_url: str | None
    pet_image_url: str | None
    generated_image_url: str | None
    upscaled_image_url: str | None
    generation_status: str
    upscale_status: str
    mockup_urls: Any
    created_at: datetime | None
    label: str


def create(
    connection: psycopg.Connection[Any],
    *,
    customer_name: str,
    customer_email: str,
    pet_name: str | None,
    pet_mom_image_url: str,
    pet_image_url: str,
) -> Created:
    """Make an artwork; its customer's user is found or made, however many ask at once.

    Raises:
        PermanentError: something that a new artwork needs is missing; says what.
    """
    given = {
        "customer_name": customer_name,
        "customer_email": customer_email,
        "pet_name": pet_name,
        "pet_mom_image_url": pet_mom_image_url,
        "pet_image_url": pet_image_url,
    }
    with _refusals("a new artwork"), connection.cursor(row_factory=class_row(Created)) as cursor:
        return _only(cursor.execute(_CREATE, given).fetchone())


def update(
    connection: psycopg.Connection[Any], id_: UUID, changes: Mapping[str, object], *, force: bool = False
) -> Life:
    """Lead an artwork on: what may be changed stands in `artworks.lifecycle`.

    Raises:
        PermanentError: a change that is none, one that its state does not allow, or no such artwork.
    """
    with _refusals(f"artwork {id_}"), connection.cursor(row_factory=class_row(Life)) as cursor:
        return _only(cursor.execute(_UPDATE, [id_, Jsonb(dict(changes)), force]).fetchone())


def of_customer(connection: psycopg.Connection[Any], email: str) -> list[Shown]:
    """The customer's artworks, the newest first; none for an address that nobody has."""
    with _refusals("a customer's artworks"), connection.cursor(row_factory=class_row(Shown)) as cursor:
        return cursor.execute(_OF_CUSTOMER, [email]).fetchall()


def by_token(connection: psycopg.Connection[Any], token: str) -> Shown | None:
    """The artwork that a token opens; ``None`` for one that is expired or opens nothing."""
    with _refusals("an artwork by its token"), connection.cursor(row_factory=class_row(Shown)) as cursor:
        return cursor.execute(_OPENED, [token]).fetchone()


def _only(row: Row | None) -> Row:
    if row is None:
        raise PermanentError("the database gave no answer", item="the lifecycle functions")
    return row


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Turn the functions' refusals into errors with their remedies; they quote no customer's data."""
    try:
        with transient_errors(what):
            yield
    except psycopg.errors.UndefinedFunction as missing:
        if missing.diag.context:
            # Something that a function of ours or a trigger of the installation calls in turn.
            raise
        raise PermanentError(
            "the lifecycle functions are not there",
            item=what,
            remedy="Materialise artwork/expanded_schema first; it installs them",
        ) from None
    except psycopg.Error as refused:
        if refused.sqlstate not in _REFUSALS:
            raise
        raise PermanentError(
            str(refused.diag.message_primary), item=what, remedy=refused.diag.message_hint
        ) from None
