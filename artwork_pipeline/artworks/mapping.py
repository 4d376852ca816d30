"""What a row of the old table becomes in the clean one, and back again; total in both directions.

Rows are mappings with the columns of `columns`; a JSON column's SQL NULL is ``None`` and its JSON null is
``JSON_NULL``. The SQL that does the work stands in `sql/mapping.sql`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

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


def restore(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The old row that a clean row came from, to the last column."""
    legacy = cleaned["legacy"] or {}
    direct = ("id", "pet_name", "customer_name", "mockup_generated_at", "created_at", "updated_at")
    return {
        **{name: cleaned[name] for name in direct},
        **{old: legacy.get(old, cleaned[new]) for old, new in _COUNTERPARTS},
        "user_id": None if "user_id" in legacy else cleaned["user_id"],
        "original_image_url": legacy.get("original_image_url"),
        "generation_status": legacy.get("generation_status"),
        "upscale_status": legacy.get("upscale_status"),
        "upscaled_at": cleaned["upscale_completed_at"],
        "token_expires_at": None if "token_expires_at" in legacy else cleaned["token_expires_at"],
        "generation_step": legacy.get("generation_step"),
        **{name: _document(legacy, name) for name in _DOCUMENTS},
    }


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
