"""Which files left out for want of a mapping, or of a row in the app's tables, could be migrated by now.

Asked set-wise: the mappings go to the database, and counts come back. Nothing is written, and no table is made.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from uuid import UUID

from migration_kit.fingerprints import fingerprint
from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media import plans
from nabo_pipeline.media.mappings import Mappings
from nabo_pipeline.media.paths import CHAT_NOT_MIGRATED

_CHAT_NOT_MAPPED = [CHAT_NOT_MIGRATED, plans.CHAT_NOT_MAPPED, plans.CHAT_WITHOUT_MESSAGE]
_REASONS = {
    "user_not_mapped": plans.USER_NOT_MAPPED,
    "service_not_mapped": plans.SERVICE_NOT_MAPPED,
    "no_profile": plans.NO_PROFILE,
    "no_service": plans.NO_SERVICE,
    "no_message": plans.NO_MESSAGE,
}


@dataclass(frozen=True)
class Appeared:
    """Files of a category that could be migrated by now: how many, the first few, and a fingerprint of which."""

    category: str
    files: int
    fingerprint: str
    examples: tuple[str, ...]


def appeared(conninfo: str, mappings: Mappings) -> dict[str, Appeared]:
    """By category; a category of which none has appeared is left out, and so is all before the first migration."""
    query = files(__package__).joinpath("appeared.sql").read_bytes()
    with transient_errors("ledger"), closing(connect(conninfo, autocommit=True)) as connection:
        ledgers = connection.execute(
            "select to_regclass('nabo_migration.outcomes') is not null"
            " and to_regclass('nabo_migration.inventory') is not null"
        ).fetchone()
        if ledgers != (True,):
            return {}
        rows = connection.execute(query, _parameters(mappings)).fetchall()
    return {
        category: Appeared(category, count, fingerprint([category, count, digest]), tuple(examples))
        for category, count, digest, examples in rows
    }


def _parameters(mappings: Mappings) -> dict[str, Any]:
    """The mappings as arrays of equal length, without ids that stand in no table: those of another form."""
    users = [(old, new) for old, new in mappings.users.items() if _is_uuid(new)]
    services = [
        (old, new.supabase_id, new.stylist_id)
        for old, new in mappings.services.items()
        if _is_uuid(new.supabase_id) and _is_uuid(new.stylist_id)
    ]
    messages = [
        (chat, file, image.message_id, image.sender_id)
        for (chat, file), image in (mappings.chat_images or {}).items()
        if _is_uuid(image.message_id) and _is_uuid(image.sender_id)
    ]
    names = (
        (("old_users", "new_users"), users),
        (("old_services", "new_services", "stylists"), services),
        (("chats", "files", "messages", "senders"), messages),
    )
    arrays = {name: [row[place] for row in rows] for keys, rows in names for place, name in enumerate(keys)}
    reasons = [*_REASONS.values(), *_CHAT_NOT_MAPPED]
    return {**arrays, **_REASONS, "chat_not_mapped": _CHAT_NOT_MAPPED, "reasons": reasons}


def _is_uuid(text: str) -> bool:
    """Whether text is an id as the database writes it; the plan compares with that, letter by letter."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
