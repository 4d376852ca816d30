"""Sessions of people who logged in, in `migration_desk_sessions`: they survive a restart and end after half a day.

The database holds the hash of a cookie, never the cookie: who reads it cannot act as anybody.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from asset_registry_pipeline.desk.security.tokens import Holder
from asset_registry_pipeline.stores import codec
from migration_kit.mongo import transient_errors

LASTS = timedelta(hours=12)
_LONGEST_COOKIE = 200


@dataclass(frozen=True)
class Flash:
    """A message that is shown once, on the next page: `kind` is done or problem."""

    kind: str
    text: str


@dataclass(frozen=True)
class Session:
    """One login: whose token it was made with, what its forms must carry, when it ends, what is to be told."""

    key: str
    token_digest: str
    csrf: str
    ends_at: datetime
    flashes: tuple[Flash, ...] = ()


class SessionStore:
    """Sessions by the hash of their cookie. Times are handed in; MongoDB removes what ended by and by."""

    def __init__(self, database: Database[Any]) -> None:
        self._sessions = database.get_collection("migration_desk_sessions", codec_options=codec.OPTIONS)

    def install(self) -> None:
        """Make the index by which MongoDB removes ended sessions."""
        with transient_errors("development"):
            self._sessions.create_index("ends_at", expireAfterSeconds=0)

    def begin(self, holder: Holder, now: datetime) -> tuple[str, Session]:
        """A session for the holder of a token; the cookie that proves it, known to nobody else."""
        cookie = secrets.token_urlsafe(32)
        session = Session(_key(cookie), holder.digest, secrets.token_urlsafe(32), now + LASTS)
        with transient_errors("development"):
            self._sessions.insert_one(
                {
                    "_id": session.key,
                    "name": holder.name,
                    "token_digest": session.token_digest,
                    "csrf": session.csrf,
                    "began_at": now,
                    "ends_at": session.ends_at,
                }
            )
        return cookie, session

    def find(self, cookie: str, now: datetime) -> Session | None:
        """The session that this cookie proves; None where there is none, or none any more."""
        if not cookie or len(cookie) > _LONGEST_COOKIE:
            return None
        with transient_errors("development"):
            row = self._sessions.find_one({"_id": _key(cookie), "ends_at": {"$gt": now}})
        return None if row is None else _as_session(row)

    def end(self, session: Session) -> None:
        """Forget a session: its cookie proves nothing any more."""
        with transient_errors("development"):
            self._sessions.delete_one({"_id": session.key})

    def tell(self, session: Session, flash: Flash) -> None:
        """Keep a message for the next page of this session."""
        with transient_errors("development"):
            self._sessions.update_one(
                {"_id": session.key}, {"$push": {"flashes": {"kind": flash.kind, "text": flash.text}}}
            )

    def told(self, session: Session) -> None:
        """Forget the messages that this reading of the session holds: they are being shown."""
        with transient_errors("development"):
            self._sessions.update_one(
                {"_id": session.key},
                {
                    "$pull": {
                        "flashes": {"$in": [{"kind": one.kind, "text": one.text} for one in session.flashes]}
                    }
                },
            )


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def _as_session(row: Mapping[str, Any]) -> Session:
    flashes = tuple(Flash(one["kind"], one["text"]) for one in row.get("flashes", ()))
    return Session(row["_id"], row["token_digest"], row["csrf"], row["ends_at"], flashes)
