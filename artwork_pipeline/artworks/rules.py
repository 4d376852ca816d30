"""Which rows are tests, as data: ordered, named rules, the first that fits is the reason that is counted.

The same rules in SQL are rendered from this data by `stores.rendering`. That a row with an order or a review is
migrated whatever it looks like is the classification's business.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from artwork_pipeline.artworks.emails import normalise_email

Kind = Literal["equals", "prefix", "local_host", "email_domain"]

URL_FIELDS = (
    "original_image_url",
    "generated_image_url",
    "upscaled_image_url",
    "original_pet_mom_url",
    "original_pet_url",
    "source_images.pet_photo",
    "source_images.pet_mom_photo",
)
LOCAL_URL = r"^https?://(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])([:/?#]|$)"
"""A URL of the developer's own machine (POSIX and Python read it alike); applied to ASCII lower case."""

NO_CUSTOMER_NAME = "no_customer_name"
NO_CUSTOMER_EMAIL = "no_customer_email"
_UPPER_TO_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True)
class Condition:
    """Some one of the fields fits; a field is a column, or a key of a JSON column after a dot."""

    fields: tuple[str, ...]
    kind: Kind
    value: str = ""


@dataclass(frozen=True)
class TestRule:
    """A named kind of test row: all of its conditions hold."""

    name: str
    all_of: tuple[Condition, ...]
    __test__ = False  # not a test class, whatever pytest thinks of its name


TEST_RULES: tuple[TestRule, ...] = (
    TestRule("test_pending", (Condition(URL_FIELDS, "equals", "test-pending"),)),
    TestRule("test_uploaded", (Condition(URL_FIELDS, "equals", "test-uploaded"),)),
    TestRule("test_prefix", (Condition(URL_FIELDS, "prefix", "test-"),)),
    TestRule("localhost_url", (Condition(URL_FIELDS, "local_host"),)),
    TestRule(
        "example_customer",
        (
            Condition(("customer_email",), "email_domain", "example.com"),
            Condition(("customer_name",), "equals", "test customer"),
        ),
    ),
    TestRule("test_token", (Condition(("access_token",), "prefix", "test-token-"),)),
)


def quarantine_reason(row: Mapping[str, Any]) -> str | None:
    """Why this row would be set aside, were nothing pointing at it; ``None`` for a real row.

    A row without a name or an address has no customer and cannot stand in the clean table.
    """
    if row["customer_name"] is None:
        return NO_CUSTOMER_NAME
    if row["customer_email"] is None or not normalise_email(row["customer_email"]):
        return NO_CUSTOMER_EMAIL
    for rule in TEST_RULES:
        if all(_holds(condition, row) for condition in rule.all_of):
            return rule.name
    return None


def _holds(condition: Condition, row: Mapping[str, Any]) -> bool:
    return any(
        _fits(condition, value)
        for value in (_field(row, name) for name in condition.fields)
        if value is not None
    )


def _fits(condition: Condition, value: str) -> bool:
    if condition.kind == "email_domain":
        return normalise_email(value).endswith(f"@{condition.value}")
    folded = value.translate(_UPPER_TO_LOWER)
    if condition.kind == "equals":
        return folded == condition.value
    if condition.kind == "prefix":
        return folded.startswith(condition.value)
    return re.search(LOCAL_URL.replace("$", r"\Z"), folded) is not None


def _field(row: Mapping[str, Any], name: str) -> str | None:
    column, _, key = name.partition(".")
    value: Any = row[column]
    found = value.get(key) if key and isinstance(value, dict) else None if key else value
    return found if isinstance(found, str) else None
