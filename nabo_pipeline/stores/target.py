"""The target's own tables: people, services, messages (read only) and `public.media`.

SQL and nothing else: which rows are to be written is decided in `media.records` and the steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from migration_kit.postgres import connect, transient_errors
from nabo_pipeline.media.mappings import Mappings
from nabo_pipeline.media.plans import BUCKETS, TargetFacts
from nabo_pipeline.media.records import MediaRow, media_id

if TYPE_CHECKING:
    import psycopg

_COLUMNS = "id::text, created_at, file_path, media_type::text, owner_id::text, service_id::text, \
chat_message_id::text, is_preview_image"


@dataclass(frozen=True)
class Parents:
    """Ids that stand in the target, of those asked for."""

    profiles: frozenset[str]
    services: frozenset[str]
    messages: frozenset[str]

    def hold(self, row: MediaRow) -> bool:
        """Whether everything that a row refers to is there."""
        return (
            (row.owner_id is None or row.owner_id in self.profiles)
            and (row.service_id is None or row.service_id in self.services)
            and (row.chat_message_id is None or row.chat_message_id in self.messages)
        )


class Target:
    """The target's database. One connection; transactions are the caller's (`connection.transaction()`)."""

    def __init__(self, conninfo: str) -> None:
        self.connection: psycopg.Connection[Any] = connect(conninfo, autocommit=True)

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()

    def facts(self, mappings: Mappings) -> TargetFacts:
        """What the target holds of the people, services and messages that the mappings name."""
        people = {*mappings.users.values(), *(service.stylist_id for service in mappings.services.values())}
        images = (mappings.chat_images or {}).values()
        people |= {image.sender_id for image in images}
        services = {service.supabase_id for service in mappings.services.values()}
        messages = {image.message_id for image in images}
        with transient_errors("target"):
            return TargetFacts(
                profiles=self._known("public.profiles", people),
                original_ids=dict(
                    self._all(
                        "select id::text, raw_user_meta_data ->> 'original_id' from auth.users"
                        " where id = any(%s::uuid[]) and raw_user_meta_data ->> 'original_id' is not null",
                        people,
                    )
                ),
                services=dict(
                    self._all(
                        "select id::text, stylist_id::text from public.services where id = any(%s::uuid[])",
                        services,
                    )
                ),
                messages=self._known("public.chat_messages", messages),
                foreign_avatars=self.foreign_avatars(people),
            )

    def foreign_avatars(self, owners: Iterable[str]) -> frozenset[str]:
        """Those owners that have an avatar which this migration did not write."""
        found = self._all(
            "select id::text, owner_id::text, file_path from public.media"
            " where media_type = 'avatar' and owner_id = any(%s::uuid[])",
            owners,
        )
        return frozenset(owner for row, owner, path in found if row != media_id(BUCKETS["profile"], path))

    def avatars(self, owners: Iterable[str]) -> dict[str, set[str]]:
        """The ids of the avatar rows that these owners have, whoever wrote them; only owners that have one."""
        found: dict[str, set[str]] = {}
        for row, owner in self._all(
            "select id::text, owner_id::text from public.media"
            " where media_type = 'avatar' and owner_id = any(%s::uuid[])",
            owners,
        ):
            found.setdefault(owner, set()).add(row)
        return found

    def is_shown(self, path: str) -> bool:
        """Whether a row of `public.media` shows this path, whoever wrote it."""
        query = "select 1 from public.media where file_path = %s limit 1"
        return self.connection.execute(query, [path]).fetchone() is not None

    def lock_parents(self, rows: Iterable[MediaRow]) -> Parents:
        """What the rows refer to, locked until the transaction ends: two writers take turns."""
        rows = list(rows)
        return Parents(
            self._known("public.profiles", {row.owner_id for row in rows if row.owner_id}, lock=True),
            self._known("public.services", {row.service_id for row in rows if row.service_id}, lock=True),
            self._known(
                "public.chat_messages",
                {row.chat_message_id for row in rows if row.chat_message_id},
                lock=True,
            ),
        )

    def pictures_of(self, services: Iterable[str]) -> list[MediaRow]:
        """All picture rows of these services, whoever wrote them."""
        query = (
            f"select {_COLUMNS} from public.media"  # noqa: S608 - constants
            " where media_type = 'service_image' and service_id = any(%s::uuid[]) order by file_path, id"
        )
        with transient_errors("public.media"):
            return [MediaRow(*row) for row in self._all(query, services)]

    def insert(self, rows: Sequence[MediaRow]) -> int:
        """Writes rows whose id is not there yet; returns how many. In the caller's transaction."""
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "insert into public.media (id, created_at, file_path, media_type, owner_id, service_id,"
                " chat_message_id, is_preview_image) values (%s, %s, %s, %s, %s, %s, %s, %s)"
                " on conflict (id) do nothing",
                [
                    (
                        row.id, row.created_at, row.file_path, row.media_type, row.owner_id, row.service_id,
                        row.chat_message_id, row.is_preview_image,
                    )
                    for row in rows
                ],
            )  # fmt: skip
            return cursor.rowcount

    def set_preview(self, row: str, *, preview: bool) -> None:
        """Makes a row a preview, or no longer one. In the caller's transaction."""
        self.connection.execute("update public.media set is_preview_image = %s where id = %s", [preview, row])

    def _known(self, table: str, ids: Iterable[str], *, lock: bool = False) -> frozenset[str]:
        # In the order of the ids, so that two writers lock in the same order.
        query = f"select id::text from {table} where id = any(%s::uuid[]) order by id"  # noqa: S608 - constants
        return frozenset(row[0] for row in self._all(query + (" for no key update" if lock else ""), ids))

    def _all(self, query: str, ids: Iterable[str]) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), [_uuids(ids)]).fetchall()


def _uuids(ids: Iterable[str]) -> list[str]:
    """Those of the ids that are UUIDs at all; the others stand in no table."""
    found = []
    for given in ids:
        try:
            found.append(str(UUID(given)))
        except ValueError:
            continue
    return sorted(set(found))
