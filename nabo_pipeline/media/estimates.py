"""What a plan would do to each picture, and an estimate of bytes, time and money, from a table that people may edit.

Nothing here decides anything: a plan with other estimates is the same plan. Reading the table's file is elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from migration_kit.failures import PermanentError
from migration_kit.pictures.file_types import EMPTY
from nabo_pipeline.media.compression import AS_IT_IS, SMALLEST
from nabo_pipeline.media.plans import BucketRules

MB = 1_000_000
GB = 1_000_000_000

PNG_TO_WEBP, PNG_LOSSLESS, JPEG_REENCODED, STILL_LOSSLESS, KEPT = (
    "png_to_webp", "png_lossless", "jpeg_reencoded", "still_lossless", "kept",
)  # fmt: skip
WAITING = "only if the file before it cannot be migrated"


@dataclass(frozen=True)
class Treatment:
    """What would be done with a picture, in words, and the rate it is estimated by."""

    told: str
    rate: str


class _Entry(BaseModel):
    """An entry of the table: exactly its fields, and no number that is none."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Rate(_Entry):
    """What one treatment saves (part of the bytes, 0 to 1) and takes (seconds of one worker a MB of the source)."""

    saved_share: float = Field(ge=0, le=1)
    seconds_per_mb: float = Field(ge=0)


class Price(_Entry):
    """A price for a unit of one of the `Quantities`, paid once or every month."""

    name: str = Field(min_length=1)
    per: Literal["source_gb", "read_back_gb", "stored_gb", "thousand_files", "hours"]
    price: float = Field(ge=0)
    when: Literal["once", "monthly"]


class Rates(_Entry):
    """The rate of each treatment."""

    png_to_webp: Rate
    png_lossless: Rate
    jpeg_reencoded: Rate
    still_lossless: Rate
    kept: Rate


@dataclass(frozen=True)
class Quantities:
    """What prices are for: gigabytes read, read back and stored, thousands of files, hours of the whole run."""

    source_gb: float
    read_back_gb: float
    stored_gb: float
    thousand_files: float
    hours: float


class Estimates(_Entry):
    """The table: prices in a currency, rates by treatment, and seconds that each file takes whatever its size."""

    currency: str = Field(min_length=1)
    prices: list[Price]
    rates: Rates
    seconds_per_file: float = Field(ge=0)

    def of(self, treatment: Treatment, size: int, limit: int | None) -> tuple[int, float]:
        """Estimated bytes after, and seconds of one worker, for a file of `size` bytes in a bucket with a `limit`."""
        rate: Rate = getattr(self.rates, treatment.rate)
        after = round(size * (1 - rate.saved_share))
        seconds = size / MB * rate.seconds_per_mb + self.seconds_per_file
        return (after if limit is None else min(after, limit)), round(seconds, 3)

    def costs(self, quantities: Quantities) -> list[dict[str, object]]:
        """What each price comes to."""
        return [
            {
                "for": one.name,
                "when": one.when,
                "amount": round(getattr(quantities, one.per) * one.price, 4),
                "currency": self.currency,
            }
            for one in self.prices
        ]


def treatment_of(mime: str, bucket: BucketRules, *, policy: str, jpeg_quality: int) -> Treatment:
    """What `codecs.compress` would do with a sound still picture of this type, by the rules of compression."""
    webp = bucket.takes("image/webp")
    match mime:
        case _ if policy == AS_IT_IS and bucket.takes(mime) and mime != EMPTY:
            found = Treatment("kept", KEPT)
        case "image/png" if webp and policy == SMALLEST:
            found = Treatment("PNG to lossless WebP", PNG_TO_WEBP)
        case "image/png" if bucket.takes("image/png"):
            found = Treatment("PNG without loss", PNG_LOSSLESS)
        case "image/jpeg" if bucket.takes("image/jpeg"):
            found = Treatment(f"JPEG to quality {jpeg_quality}, if it is above", JPEG_REENCODED)
        case _ if mime == EMPTY:
            found = Treatment("quarantined when it is read: it is empty", KEPT)
        case _ if bucket.takes(mime):
            found = Treatment("kept", KEPT)
        case _:
            short = mime.rpartition("/")[2].upper()
            found = Treatment(
                f"{short} to lossless {'WebP' if webp else 'PNG'}, unless it has frames", STILL_LOSSLESS
            )
    return found


def parse_estimates(text: str, name: str) -> Estimates:
    """The table of a YAML text. Raises PermanentError that names `name` (the file), the entry and what is wrong."""
    import yaml

    try:
        return Estimates.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())
    except ValidationError as error:
        why = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'the file'}: {one['msg']}, not {one['input']!r:.60}"
            for one in error.errors(include_url=False)
        )
    except ValueError as error:  # a date that is none, for example
        why = str(error)
    raise PermanentError(
        f"the table of prices is malformed: {why}",
        item=name,
        remedy="Correct it after the example nabo_pipeline/media/estimates.yaml, or unset NABO_PRICES.",
    )
