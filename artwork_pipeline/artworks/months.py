"""The slices of the migration: months of creation (UTC), and two open ends, so that every row is in exactly one.

The months are those in which the shop took uploads. A row made before or after them, or at a time that nobody
knows, is migrated like any other in the slice at its end; widen FIRST_MONTH and MONTHS to give it a month of its own.
"""

from datetime import UTC, datetime

FIRST_MONTH = datetime(2025, 1, 1, tzinfo=UTC)
MONTHS = 10
EARLIER = "earlier"
LATER_OR_UNDATED = "later_or_undated"


def month_start(number: int) -> datetime:
    """The first moment (UTC) of the month ``number`` months after FIRST_MONTH."""
    year, month = divmod(FIRST_MONTH.year * 12 + FIRST_MONTH.month - 1 + number, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC)


END = month_start(MONTHS)
# The open end first: it holds the newest rows, those that people are working on.
SLICES: tuple[str, ...] = (
    LATER_OR_UNDATED,
    EARLIER,
    *(f"{month_start(number):%Y-%m}" for number in range(MONTHS)),
)


def bounds(name: str) -> tuple[datetime | None, datetime | None]:
    """From when on (UTC), and until before when, a slice goes; ``None`` where it is open.

    Raises:
        ValueError: there is no slice of this name.
    """
    if name == LATER_OR_UNDATED:
        return END, None
    if name == EARLIER:
        return None, FIRST_MONTH
    number = SLICES.index(name) - SLICES.index(f"{FIRST_MONTH:%Y-%m}")
    return month_start(number), month_start(number + 1)


def slice_of(created_at: datetime | None) -> str:
    """The slice of a row by its time of creation (time zone aware, or unknown)."""
    if created_at is None or created_at >= END:
        return LATER_OR_UNDATED
    if created_at < FIRST_MONTH:
        return EARLIER
    return f"{created_at.astimezone(UTC):%Y-%m}"
