"""What a row of the old table becomes in the clean one, and back again; total in both directions.

Rows are mappings with the columns of `columns`; a JSON column's SQL NULL is ``None`` and its JSON null is
``JSON_NULL``. The SQL that does the work stands in `sql/mapping.sql` and `sql/reverse.sql`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from artwork_pipeline.artworks.columns import SOURCE_COLUMNS
from artwork_pipeline.artworks.dialects import COLUMNS_OF, Dialect
from artwork_pipeline.artworks.emails import normalise_email

TOKEN_LIFE = timedelta(days=30)


class _JsonNull:
    def __repr__(self) -> str:
        return "JSON_NULL"


JSON_NULL: Final = _JsonNull()
"""The value null inside a JSON column, which is not the same as no value."""

CLEAN_GENERATION = ("pending", "processing", "completed", "failed")
CLEAN_UPSCALE = ("not_started", "pending", "processing", "completed", "failed")
_STEPS_IN_FLIGHT = frozenset({"monalisa_generation", "pet_integration"})
_STEPS_AFTER_GENERATION = frozenset({"upscaling", "mockup_generation"})
_DOCUMENTS = ("source_images", "generated_images", "delivery_images", "generation_steps")
_COUNTERPARTS = (
    ("generated_image_url", "generated_image_url"),
    ("upscaled_image_url", "upscaled_image_url"),
    ("original_pet_mom_url", "pet_mom_image_url"),
    ("original_pet_url", "pet_image_url"),
    ("customer_email", "customer_email"),
    ("access_token", "access_token"),
    ("mockup_urls", "mockup_urls"),
)
# The pictures that may stand in a document instead, and where.
_IN_DOCUMENTS = {
    "generated_image_url": ("generated_images", "artwork_preview", "artwork_full_res"),
    "upscaled_image_url": ("generated_images", "artwork_full_res"),
    "original_pet_mom_url": ("source_images", "pet_mom_photo"),
    "original_pet_url": ("source_images", "pet_photo"),
}
_STEP_OF = {"processing": "monalisa_generation"}
UNKNOWN_BEFORE = (
    "generation_started_at",
    "generation_completed_at",
    "upscale_started_at",
    "fal_request_id",
    "generation_params",
)
"""Columns of the clean table that no dialect of the old one has anything of."""


def clean(
    row: Mapping[str, Any], *, owner: UUID | None, issued_token: str | None, issued_at: datetime | None
) -> dict[str, Any]:
    """The row of the clean table.

    Args:
        row: the old row.
        owner: the user with the row's address, for a row that names no user.
        issued_token: the token made for a row without one.
        issued_at: when it was made; the validity of a row without any date counts from there.
    """
    image = _first(row["generated_image_url"], row["generated_images"], "artwork_preview", "artwork_full_res")
    upscaled = _first(row["upscaled_image_url"], row["generated_images"], "artwork_full_res")
    begins = row["created_at"] if row["created_at"] is not None else issued_at
    cleaned = {
        "id": row["id"],
        "user_id": row["user_id"] or owner,
        "customer_name": row["customer_name"],
        "customer_email": normalise_email(row["customer_email"]),
        "pet_name": row["pet_name"],
        "pet_mom_image_url": _first(row["original_pet_mom_url"], row["source_images"], "pet_mom_photo"),
        "pet_image_url": _first(row["original_pet_url"], row["source_images"], "pet_photo"),
        "generated_image_url": image,
        "upscaled_image_url": upscaled,
        "generation_status": generation_status(
            row["generation_step"], row["generation_status"], has_image=bool(image)
        ),
        "upscale_status": upscale_status(row["upscale_status"], has_image=bool(upscaled)),
        "generation_started_at": None,
        "generation_completed_at": None,
        "upscale_started_at": None,
        "upscale_completed_at": row["upscaled_at"],
        # An empty token would open the artwork to everybody who sends none.
        "access_token": row["access_token"] or issued_token,
        "token_expires_at": row["token_expires_at"] or (begins + TOKEN_LIFE if begins is not None else None),
        "mockup_urls": row["mockup_urls"]
        if row["mockup_urls"] is not None
        else _mockups(row["delivery_images"]),
        "mockup_generated_at": row["mockup_generated_at"],
        "fal_request_id": None,
        "generation_params": None,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
    return {**cleaned, "legacy": _legacy(row, cleaned)}


def generation_status(step: str | None, status: str | None, *, has_image: bool) -> str:
    """The state of the generation; the step says more than the status where an installation has it.

    What neither names (NULL, or a word that no release used) is judged by the picture.
    """
    if step in ("completed", "failed"):
        return step
    if step in _STEPS_IN_FLIGHT:
        return "processing"
    if step in _STEPS_AFTER_GENERATION:
        return "completed" if has_image else "processing"
    if status in CLEAN_GENERATION:
        return status
    return "completed" if has_image else "pending"


def upscale_status(status: str | None, *, has_image: bool) -> str:
    """The state of the upscaling; the old default ``pending`` meant that nobody had asked for it."""
    if status in ("processing", "completed", "failed"):
        return status
    if status in ("not_required", "not_started"):
        return "not_started"
    return "completed" if has_image else "not_started"


def back(
    cleaned: Mapping[str, Any],
    *,
    dialect: Dialect,
    owner: UUID | None,
    issued_token: str | None,
    issued_at: datetime | None,
) -> dict[str, Any]:
    """The row of the old table for a clean row, whoever wrote that: ``back(clean(row)) == row``.

    What `legacy` kept goes back as it was, as long as the mapping makes of it what the clean row says; else the
    clean row's value does, in the old table's words. Columns that the dialect lacks are ``None``.

    Args:
        cleaned: the clean row.
        dialect: that of the old table.
        owner: the user who was found by the row's address.
        issued_token: the token made for a row without one.
        issued_at: when it was made.
    """
    kept = cleaned["legacy"] if isinstance(cleaned["legacy"], dict) else {}
    direct = ("id", "pet_name", "customer_name", "mockup_generated_at", "created_at", "updated_at")
    documents = {name: _document(kept, name) for name in _DOCUMENTS}
    still = {
        **{
            old: _first(kept.get(old), kept.get(document), *keys)
            for old, (document, *keys) in _IN_DOCUMENTS.items()
        },
        "customer_email": normalise_email(kept["customer_email"]) if kept.get("customer_email") else None,
        "access_token": issued_token,
        "mockup_urls": _mockups(kept.get("delivery_images")),
    }
    step, status = _old_generation(cleaned, kept, dialect)
    begins = cleaned["created_at"] if cleaned["created_at"] is not None else issued_at
    expiry = begins + TOKEN_LIFE if begins is not None else None
    ends_by_itself = "token_expires_at" in kept and cleaned["token_expires_at"] == expiry
    row = {
        **{name: cleaned[name] for name in direct},
        **{
            old: kept[old] if old in kept and still[old] == cleaned[new] else cleaned[new]
            for old, new in _COUNTERPARTS
        },
        "user_id": None if "user_id" in kept and cleaned["user_id"] == owner else cleaned["user_id"],
        # The normal value of real rows.
        "original_image_url": kept.get("original_image_url", "pending"),
        "generation_status": status,
        "generation_step": step,
        "upscale_status": _old_upscale(cleaned, kept),
        "upscaled_at": cleaned["upscale_completed_at"],
        "token_expires_at": None if ends_by_itself else cleaned["token_expires_at"],
        **documents,
    }
    return {name: row[name] if name in COLUMNS_OF[dialect] else None for name in SOURCE_COLUMNS}


def held(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    row: Mapping[str, Any],
    *,
    dialect: Dialect,
    owner: UUID | None,
    owner_now: UUID | None,
    issued_token: str | None,
    issued_at: datetime | None,
) -> dict[str, Any]:
    """The clean row after the old one changed: what the old table cannot say stays as it was.

    A column of which the old row says the same as before keeps its value. So a row that was carried back comes
    forward unchanged.

    Args:
        before: the clean row as it is.
        now: what the old row becomes by itself.
        row: the old row.
        dialect: that of the old table.
        owner: the user who was found by the address of ``before``.
        owner_now: the user who is found by the address of the old row.
        issued_token: the token made for a row without one.
        issued_at: when it was made.
    """
    said = back(before, dialect=dialect, owner=owner, issued_token=issued_token, issued_at=issued_at)
    if said == row:
        return dict(before)
    was = clean(said, owner=owner, issued_token=issued_token, issued_at=issued_at)
    mixed = {name: before[name] if now[name] == was[name] else now[name] for name in now} | {
        "legacy": now["legacy"]
    }
    if back(mixed, dialect=dialect, owner=owner_now, issued_token=issued_token, issued_at=issued_at) == row:
        return mixed
    return {**now, **{name: before[name] for name in UNKNOWN_BEFORE}}


def _old_generation(
    cleaned: Mapping[str, Any], kept: Mapping[str, Any], dialect: Dialect
) -> tuple[str | None, str | None]:
    """Step and status in the old words; what is being made has no word of its own in the status."""
    now, has_image = cleaned["generation_status"], bool(cleaned["generated_image_url"])
    step, status = kept.get("generation_step"), kept.get("generation_status")
    # Old words beside which no picture stood say nothing of a picture that was made since.
    pictures = {has_image, "generation_judged_by_picture" in kept}
    judged = {generation_status(step, status, has_image=picture) for picture in pictures}
    if "generation_status" in kept and judged == {now}:
        return step, status
    told = _STEP_OF.get(now, now) if step is not None or (dialect is Dialect.C and not kept) else None
    return told, "pending" if now == "processing" else now


def _old_upscale(cleaned: Mapping[str, Any], kept: Mapping[str, Any]) -> str | None:
    now, has_image = cleaned["upscale_status"], bool(cleaned["upscaled_image_url"])
    pictures = {has_image, "upscale_judged_by_picture" in kept}
    judged = {upscale_status(kept.get("upscale_status"), has_image=picture) for picture in pictures}
    if "upscale_status" in kept and judged == {now}:
        return None if kept["upscale_status"] is None else str(kept["upscale_status"])
    if now == "not_started":
        return "not_required" if has_image else "pending"
    return str(now)


def _first(column: str | None, document: object, *keys: str) -> str | None:
    """The column's value, else the first text among the document's keys that is not empty."""
    if column is not None:
        return column
    found = (document.get(key) for key in keys) if isinstance(document, dict) else ()
    return next((value for value in found if isinstance(value, str) and value), None)


def _mockups(document: object) -> Any:
    found = document.get("mockups") if isinstance(document, dict) else None
    return found if isinstance(found, dict | list) and found else None


def _legacy(row: Mapping[str, Any], cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """What the old row had and the clean one cannot say: always the three columns without a place of their own."""
    legacy: dict[str, Any] = {
        name: row[name] for name in ("original_image_url", "generation_status", "upscale_status")
    }
    legacy |= {old: row[old] for old, new in _COUNTERPARTS if row[old] != cleaned[new]}
    if row["user_id"] is None:
        legacy["user_id"] = None
    if row["token_expires_at"] is None:
        legacy["token_expires_at"] = None
    judged = {
        generation_status(row["generation_step"], row["generation_status"], has_image=x)
        for x in (True, False)
    }
    if len(judged) > 1 and cleaned["generated_image_url"]:
        legacy["generation_judged_by_picture"] = True
    if (
        len({upscale_status(row["upscale_status"], has_image=x) for x in (True, False)}) > 1
        and (cleaned["upscaled_image_url"])
    ):
        legacy["upscale_judged_by_picture"] = True
    if row["generation_step"] is not None:
        legacy["generation_step"] = row["generation_step"]
    for name in _DOCUMENTS:
        if row[name] is not None:
            legacy[name] = None if row[name] is JSON_NULL else row[name]
    return legacy


def _document(legacy: Mapping[str, Any], name: str) -> Any:
    if name not in legacy:
        return None
    return JSON_NULL if legacy[name] is None else legacy[name]
