"""The columns of the old table in every dialect, and those of the clean one, in the order of their SQL types.

How one becomes the other stands in `mapping`.
"""

from collections.abc import Mapping
from types import MappingProxyType

UUID, TEXT, TIME, JSON = "uuid", "text", "timestamptz", "jsonb"

SOURCE_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "id": UUID,
        "user_id": UUID,
        "original_image_url": TEXT,
        "generated_image_url": TEXT,
        "upscaled_image_url": TEXT,
        "upscale_status": TEXT,
        "upscaled_at": TIME,
        "pet_name": TEXT,
        "customer_name": TEXT,
        "customer_email": TEXT,
        "original_pet_mom_url": TEXT,
        "original_pet_url": TEXT,
        "access_token": TEXT,
        "token_expires_at": TIME,
        "generation_status": TEXT,
        "mockup_urls": JSON,
        "mockup_generated_at": TIME,
        "created_at": TIME,
        "updated_at": TIME,
        "source_images": JSON,
        "generated_images": JSON,
        "delivery_images": JSON,
        "generation_steps": JSON,
        "generation_step": TEXT,
    }
)
"""Every column that some dialect of the old table has (SQL type by name)."""

CLEAN_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "id": UUID,
        "user_id": UUID,
        "customer_name": TEXT,
        "customer_email": TEXT,
        "pet_name": TEXT,
        "pet_mom_image_url": TEXT,
        "pet_image_url": TEXT,
        "generated_image_url": TEXT,
        "upscaled_image_url": TEXT,
        "generation_status": TEXT,
        "upscale_status": TEXT,
        "generation_started_at": TIME,
        "generation_completed_at": TIME,
        "upscale_started_at": TIME,
        "upscale_completed_at": TIME,
        "access_token": TEXT,
        "token_expires_at": TIME,
        "mockup_urls": JSON,
        "mockup_generated_at": TIME,
        "fal_request_id": TEXT,
        "generation_params": JSON,
        "legacy": JSON,
        "created_at": TIME,
        "updated_at": TIME,
    }
)
"""The columns of the clean table (SQL type by name)."""
