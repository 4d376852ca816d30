"""The life of an artwork in the clean table: which state may follow which, its time stamps, what its customer reads.

The specification of `sql/lifecycle.sql` and `sql/customer_view.sql`; tests hold both equal. Rows are mappings with the
clean table's columns.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

GENERATION_STEPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "pending": frozenset({"processing", "completed", "failed"}),
        "processing": frozenset({"completed", "failed"}),
        "failed": frozenset({"processing", "pending"}),
        "completed": frozenset(),
    }
)
UPSCALE_STEPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "not_started": frozenset({"pending", "processing"}),
        "pending": frozenset({"processing"}),
        "processing": frozenset({"completed", "failed"}),
        "failed": frozenset({"pending", "processing"}),
        "completed": frozenset(),
    }
)
"""What a state may become by itself. Its own state again is always allowed; anything else has to be forced."""

TYPICAL_GENERATION = timedelta(minutes=5)
"""How long a picture usually takes, for the minutes that a customer is told are left."""

CHANGES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "generation_status": ("string",),
        "generated_image_url": ("string",),
        "upscale_status": ("string",),
        "upscaled_image_url": ("string",),
        "mockup_urls": ("object", "array"),
        "fal_request_id": ("string",),
        "generation_params": ("object",),
    }
)
"""What `update_artwork_lifecycle` changes, and of which JSON type each is. Time stamps it sets by itself."""

_WAITING = ("pending", "not_started")
_URLS = {"generation_status": "generated_image_url", "upscale_status": "upscaled_image_url"}
_STEPS = {"generation_status": GENERATION_STEPS, "upscale_status": UPSCALE_STEPS}


def refusal(before: Mapping[str, Any], changes: Mapping[str, Any], *, force: bool = False) -> str | None:
    """Why a row may not be changed so, in a word; ``None`` where it may.

    One of ``illegal`` (the state does not follow the one before), ``no_url`` (completed without its picture),
    ``not_generated`` (upscaling of what is not completed). Force is for the first alone: what is untrue stays refused.
    """
    after = {**before, **changes}
    changed = [column for column in _STEPS if after[column] != before[column]]
    for column in changed:
        if not force and after[column] not in _STEPS[column][before[column]]:
            return "illegal"
    for column in changed:
        if after[column] == "completed" and not after[_URLS[column]]:
            return "no_url"
    if (
        "upscale_status" in changed
        and after["upscale_status"] != "not_started"
        and after["generation_status"] != "completed"
    ):
        return "not_generated"
    return None


def stamped(before: Mapping[str, Any], after: Mapping[str, Any], now: datetime) -> dict[str, datetime | None]:
    """The four time stamps of a row that became another at ``now``.

    A state that stays keeps its stamps. A new attempt forgets those of the one before. A stamp that the writer names
    is taken as it is.
    """
    stamps: dict[str, datetime | None] = {}
    for phase in ("generation", "upscale"):
        started, completed = f"{phase}_started_at", f"{phase}_completed_at"
        state = after[f"{phase}_status"]
        by_itself = {
            started: now if state == "processing" else None if state in _WAITING else before[started],
            completed: now if state == "completed" else None,
        }
        stays = state == before[f"{phase}_status"]
        for name, moment in by_itself.items():
            stamps[name] = after[name] if stays or after[name] != before[name] else moment
    return stamps


def label(row: Mapping[str, Any], now: datetime) -> str:
    """What the customer reads of an artwork.

    The minutes that are left are those of a typical generation less those that went by since it began (since the row
    was made, where nobody knows that), never less than one.
    """
    if row["generation_status"] == "completed":
        high = row["upscale_status"] == "completed"
        return "completed, high-res available" if high else "completed, ready for prints"
    if row["generation_status"] != "processing":
        return str(row["generation_status"])
    begun = row["generation_started_at"] or row["created_at"] or now
    left = TYPICAL_GENERATION - max(now - begun, timedelta())
    return f"processing, {max(math.ceil(left / timedelta(minutes=1)), 1)} min remaining"
