"""Writing the rows of `public.media` for uploaded pictures: one transaction a batch, together with the ledger.

Which rows a picture needs is the domain's matter (`media.records`). A picture that has its row is never touched again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from migration_kit.accounting import State
from migration_kit.failures import PermanentError
from migration_kit.fingerprints import sha256_stream
from migration_kit.ledger import Entry
from migration_kit.ledger.postgres import PostgresLedger
from migration_kit.postgres import transient_errors
from migration_kit.progress import track
from nabo_pipeline.media.plans import HAS_AVATAR, NO_MESSAGE, NO_PROFILE, NO_SERVICE
from nabo_pipeline.media.records import MediaRow, choose_preview, created_times, media_id
from nabo_pipeline.steps.transfer import state_of_object
from nabo_pipeline.stores.pending import galleries_without_rows
from nabo_pipeline.stores.storage import Storage
from nabo_pipeline.stores.storage_errors import MissingError
from nabo_pipeline.stores.target import Parents, Target

BATCH = 1_000
"""Pictures a transaction, about: the pictures of one service are never torn apart.

`public.media` has no index but its key: every batch reads the whole table once, to see what stands there already.
"""


@dataclass(frozen=True)
class Recorder:
    """What recording works with."""

    target: Target
    storage: Storage
    ledger: PostgresLedger
    start: datetime
    """`created_at` of the first picture of a service that has none yet."""
    run_id: str
    batch_id: str
    log: Callable[[str], None]


def record_rows(recorder: Recorder, partition: str) -> int:
    """Writes the missing rows of pictures whose objects stand; returns how many. One batch of them is in memory.

    A gallery that fails does not stop the others: they are written, then the first failure is raised.
    """
    written, failures = 0, list[PermanentError]()
    batches = galleries_without_rows(recorder.target.connection, partition, pictures=BATCH)
    what = f"writing rows of {partition}, batches of about {BATCH} pictures"
    for batch in track(batches, total=None, log=recorder.log, what=what):
        try:
            written += _write(recorder, batch)
        except PermanentError as error:
            if len(batch) == 1:
                failures.append(error)
                continue
            # One gallery of the batch is wrong: each by itself, so that it costs no other its rows.
            for gallery in batch:
                try:
                    written += _write(recorder, [gallery])
                except PermanentError as its_own:
                    failures.append(its_own)
    if failures:
        raise failures[0]
    return written


def _write(recorder: Recorder, galleries: Sequence[list[Entry]]) -> int:
    target = recorder.target
    everything = [entry for gallery in galleries for entry in gallery]
    rows = {entry.item: _row(entry, recorder.start) for entry in everything}
    with transient_errors("public.media"), target.connection.transaction():
        parents = target.lock_parents(rows.values())
        owners = {row.owner_id for row in rows.values() if row.media_type == "avatar" and row.owner_id}
        avatars = target.avatars(owners)
        services = {row.service_id for row in rows.values() if row.service_id}
        standing: dict[str, list[MediaRow]] = defaultdict(list)
        for found in target.pictures_of(services):
            standing[found.service_id or ""].append(found)
        new: list[MediaRow] = []
        changed: list[Entry] = []
        for gallery in galleries:
            lost = [entry for entry in gallery if "row" not in entry.detail]
            lost = [entry for entry in lost if _loses(rows[entry.item], parents, avatars)]
            changed += [_give_up(recorder, entry, rows[entry.item], parents) for entry in lost]
            rest = [entry for entry in gallery if entry not in lost]
            added, updated = _gallery(recorder, rest, rows, standing)
            new += added
            changed += updated
        written = target.insert(new)
        recorder.ledger.record(changed, connection=target.connection)
    return written


def _row(entry: Entry, start: datetime) -> MediaRow:
    detail = entry.detail
    return MediaRow(
        media_id(detail["bucket"], detail["path"]), start, detail["path"], detail["media_type"], detail["owner"],
        detail["service"], detail["chat_message"],
    )  # fmt: skip


def _loses(row: MediaRow, parents: Parents, avatars: dict[str, set[str]]) -> bool:
    """Whether a row may not be written: its owner, service or message has gone, or its owner has an avatar.

    One whose place is still free takes it: of two pictures of one owner that two runs sent only the first gets a row.
    """
    if not parents.hold(row):
        return True
    if row.media_type != "avatar" or row.owner_id is None:
        return False
    return bool(avatars.setdefault(row.owner_id, {row.id}) - {row.id})


def _give_up(recorder: Recorder, entry: Entry, row: MediaRow, parents: Parents) -> Entry:
    """The picture's place was taken, or its owner went, since it was uploaded: its object goes, too.

    But not one that was there before us, or that somebody else's row shows by now.
    """
    detail = entry.detail
    state, reason = State.QUARANTINED, NO_PROFILE
    if parents.hold(row):
        state, reason = State.EXCLUDED, HAS_AVATAR
    elif row.chat_message_id:
        reason = NO_MESSAGE
    elif row.service_id:
        reason = NO_SERVICE
    shown = recorder.target.is_shown(detail["path"])
    if state_of_object(entry) is State.MIGRATED and not shown:
        _remove(recorder.storage, detail["bucket"], detail["path"], entry.target_hash)
    return replace(
        entry,
        state=state,
        reason=reason,
        target_hash=None,
        detail={},
        run_id=recorder.run_id,
        batch_id=recorder.batch_id,
    )


def _remove(storage: Storage, bucket: str, path: str, expected: str | None) -> None:
    """Takes our object away, but not one that somebody changed since. One that has gone already is no error."""
    try:
        there = sha256_stream([storage.download(bucket, path)])
    except MissingError:
        return
    if there == expected:
        storage.remove(bucket, path)


def _gallery(
    recorder: Recorder,
    gallery: Sequence[Entry],
    rows: Mapping[str, MediaRow],
    standing: Mapping[str, Sequence[MediaRow]],
) -> tuple[list[MediaRow], list[Entry]]:
    """The rows to insert for one service (or one avatar, one chat image), and the ledger entries that change."""
    if not gallery:
        return [], []
    in_order = sorted(gallery, key=lambda entry: entry.item)
    service = rows[in_order[0].item].service_id
    here = {row.id: row for row in standing.get(service or "", ())}
    paths = [rows[entry.item].file_path for entry in in_order]
    known = {
        row.file_path: row.created_at
        for row in here.values()
        if row.id == media_id("service-media", row.file_path)
    }
    known = {path: known[path] for path in paths if path in known}
    try:
        times = created_times(paths, known, recorder.start)
    except ValueError as error:
        raise PermanentError(
            str(error), item=f"service {service}", remedy="Repair created_at of its pictures."
        ) from error
    preview, former = _preview(in_order, rows, here.values()) if service else (None, None)
    if former is not None:
        recorder.target.set_preview(former, preview=False)
    new: list[MediaRow] = []
    changed: list[Entry] = []
    for entry in in_order:
        row = rows[entry.item]
        if "row" in entry.detail:
            if row.id in (former, preview):
                recorder.target.set_preview(row.id, preview=row.id == preview)
                changed.append(
                    _with_row(recorder, entry, replace(here[row.id], is_preview_image=row.id == preview))
                )
            continue
        row = replace(row, created_at=times[row.file_path], is_preview_image=row.id == preview)
        new.append(row)
        changed.append(_with_row(recorder, entry, here.get(row.id, row)))
    return new, changed


def _preview(
    gallery: Sequence[Entry], rows: Mapping[str, MediaRow], here: Iterable[MediaRow]
) -> tuple[str | None, str | None]:
    """Row ids: which becomes the preview, and which stops being it."""
    # Row ids carry no order; the path of the source does.
    order = {rows[entry.item].id: f"{place:09d}" for place, entry in enumerate(gallery)}
    here = list(here)
    current = [order.get(row.id, row.id) for row in here if row.is_preview_image]
    ours = [
        order[entry.detail["row"]["id"]]
        for entry in gallery
        if entry.detail.get("row", {}).get("is_preview_image")
    ]
    standing = {row.id for row in here}
    # A picture whose row somebody deleted is no candidate: it is theirs to have taken away.
    candidates = [
        order[rows[entry.item].id]
        for entry in gallery
        if "row" not in entry.detail or rows[entry.item].id in standing
    ]
    chosen, former = choose_preview(candidates, current, ours)
    by_place = {place: row for row, place in order.items()}
    return by_place.get(chosen or ""), by_place.get(former or "")


def _with_row(recorder: Recorder, entry: Entry, row: MediaRow) -> Entry:
    told: dict[str, Any] = {
        "id": row.id, "created_at": row.created_at.isoformat(), "is_preview_image": row.is_preview_image,
    }  # fmt: skip
    return replace(
        entry, detail={**entry.detail, "row": told}, run_id=recorder.run_id, batch_id=recorder.batch_id
    )
