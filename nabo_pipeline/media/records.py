"""The rows of `public.media`: their ids, their order, and which one is a service's preview. No SQL here."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

NAMESPACE = uuid.UUID("5f0f6c1e-6f0f-5b0e-9d1c-2a6f8f1f0d11")
"""Of this migration: the same bucket and path give the same row id on every machine, in every run."""

STEP = timedelta(seconds=1)


@dataclass(frozen=True)
class MediaRow:
    """A row of `public.media`, as this migration writes it. Ids as text; `file_path` is without the bucket."""

    id: str
    created_at: datetime
    file_path: str
    media_type: str
    owner_id: str | None
    service_id: str | None = None
    chat_message_id: str | None = None
    is_preview_image: bool = False


def media_id(bucket: str, path: str) -> str:
    """The row id of an object: UUIDv5 of bucket and path."""
    return str(uuid.uuid5(NAMESPACE, f"{bucket}/{path}"))


def created_times(
    paths: Sequence[str], known: Mapping[str, datetime], start: datetime
) -> dict[str, datetime]:
    """When each row was created, strictly increasing in the order of `paths`; `known` times stay as they are.

    A gallery is ordered by this. A picture that arrives in a later run takes a time between its neighbours.
    `paths`: in path order, without doubles. `start`: the first time where nothing is known.
    Raises ValueError where known times contradict the order, or leave no microsecond between them.
    """
    times: dict[str, datetime] = {}
    before: datetime | None = None
    waiting: list[str] = []
    for path in paths:
        if path not in known:
            waiting.append(path)
            continue
        times |= _between(waiting, before, known[path])
        if before is not None and known[path] <= before:
            raise ValueError(f"created_at of {path} is not later than that of the picture before it")
        times[path] = before = known[path]
        waiting = []
    first = start if before is None else before + STEP
    return times | {path: first + place * STEP for place, path in enumerate(waiting)}


def _between(paths: Sequence[str], before: datetime | None, after: datetime) -> dict[str, datetime]:
    if not paths:
        return {}
    if before is None:
        return {path: after - (len(paths) - place) * STEP for place, path in enumerate(paths)}
    gap = (after - before) / (len(paths) + 1)
    if gap < timedelta(microseconds=1):
        raise ValueError(f"no time is left between the neighbours of {paths[0]}")
    return {path: before + (place + 1) * gap for place, path in enumerate(paths)}


def choose_preview(
    candidates: Iterable[str], current: Iterable[str], ours: Iterable[str]
) -> tuple[str | None, str | None]:
    """Which row becomes a service's preview, and which stops being it: (to set, to unset), None for no change.

    `candidates`: paths of this migration's rows of the service. `current`: paths of its preview rows now.
    `ours`: previews that this migration set. A preview that somebody else chose stays.
    """
    first = min(candidates, default=None)
    current, ours = list(current), set(ours)
    if first is None or first in current:
        return None, None
    if not current:
        # One of ours was the preview and is no longer: somebody unset it on purpose.
        return (None, None) if ours else (first, None)
    if len(current) == 1 and current[0] in ours and first < current[0]:
        return first, current[0]
    return None, None
