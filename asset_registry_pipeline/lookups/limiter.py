"""How often a service is asked, counted for all processes together; and when nobody asks it, because it said so.

Windows are in `migration_lookup_windows`, lock-outs in `migration_lookup_lockouts`, both in the migration's database.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from asset_registry_pipeline.registry.song_matches import Source
from migration_kit.failures import TransientError
from migration_kit.mongo import transient_errors

if TYPE_CHECKING:
    from limits.strategies import MovingWindowRateLimiter
    from pymongo.database import Database

Clock = Callable[[], datetime]
WINDOWS, LOCKOUTS = "migration_lookup_windows", "migration_lookup_lockouts"
LONGEST_LOCKOUT = timedelta(days=1)
_SHORTEST_LOCKOUT = timedelta(seconds=1)
_SHORTEST_WAIT = 0.02


class LockedOutError(TransientError):
    """A service wants to be left alone until a point in time; this says nothing about what it would have answered."""

    def __init__(self, reason: str, *, item: str | None = None, remedy: str | None = None) -> None:
        super().__init__(reason, item=item, remedy=remedy)
        self.until: datetime | None = None


@dataclass(frozen=True)
class Service:
    """A service that is asked: how often in how many seconds, and what its refusal to talk looks like.

    `lockouts`: the statuses of such a refusal, each with the seconds that nobody asks then, unless it names its own.
    """

    name: Source
    calls: int
    seconds: int
    lockouts: dict[int, int]


class Limiter:
    """Turns to ask services. `clock` is for lock-outs; `sleep` takes the seconds until the next turn."""

    def __init__(
        self, database: "Database[Any]", *, clock: Clock, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._database = database
        self._lockouts = database[LOCKOUTS]
        self._clock = clock
        self._sleep = sleep
        self._limiter: MovingWindowRateLimiter | None = None

    def take(self, service: Service, *, patience: float) -> None:
        """Wait for a turn to ask a service, at most `patience` seconds.

        Raises:
            LockedOutError: it is not to be asked now, or its next turn is later than that.
            TransientError: the database does not answer.
        """
        waited = 0.0
        while True:
            self.refuse_locked_out(service)
            wait = self._seconds_to_wait(service)
            if wait is None:
                return
            if waited + wait > patience:
                soon = self._clock() + timedelta(seconds=wait)
                told = f"is asked {service.calls} times in {service.seconds} s, and these are used up"
                raise _locked_out(service, told, soon)
            self._sleep(wait)
            waited += wait

    def refuse_locked_out(self, service: Service) -> None:
        """Nothing, while the service may be asked.

        Raises:
            LockedOutError: it has said that it may not.
        """
        with transient_errors("development"):
            row = self._lockouts.find_one({"_id": service.name})
        until = _utc(row["until"]) if row else None
        if row and until and until > self._clock():
            raise _locked_out(service, f"answered {row['status']}", until)

    def lock_out(self, service: Service, status: int, retry_after: str | None) -> LockedOutError:
        """Keep that a service refuses to talk, for everybody; a longer lock-out is never made shorter.

        Returns the error that tells of it. `retry_after`: the header's value, seconds or a date.
        """
        now = self._clock()
        asked = _seconds(retry_after, now) or timedelta(seconds=service.lockouts.get(status, 60))
        until = now + min(max(asked, _SHORTEST_LOCKOUT), LONGEST_LOCKOUT)
        with transient_errors("development"):
            self._lockouts.update_one(
                {"_id": service.name},
                {"$max": {"until": until}, "$set": {"status": status, "since": now}},
                upsert=True,
            )
        return _locked_out(service, f"answered {status}", until)

    def _seconds_to_wait(self, service: Service) -> float | None:
        """None when a turn was taken, else the seconds until the next one."""
        from limits import RateLimitItemPerSecond

        from asset_registry_pipeline.stores.rate_limits import shared_limiter

        limit = RateLimitItemPerSecond(service.calls, service.seconds)
        with transient_errors("development"):
            self._limiter = self._limiter or shared_limiter(self._database, WINDOWS)
            if self._limiter.hit(limit, service.name):
                return None
            reset = self._limiter.get_window_stats(limit, service.name).reset_time
        return max(reset - time.time(), _SHORTEST_WAIT)


def _locked_out(service: Service, told: str, until: datetime) -> LockedOutError:
    error = LockedOutError(
        f"{service.name} {told}; it is not asked before {until:%Y-%m-%d %H:%M:%S} UTC",
        remedy="Nothing to do: what waits for it is looked up by the next run after that",
    )
    error.until = until
    return error


def _seconds(retry_after: str | None, now: datetime) -> timedelta | None:
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), int(LONGEST_LOCKOUT.total_seconds())))
    try:
        return _utc(parsedate_to_datetime(text)) - now if text else None
    except (ValueError, TypeError, OverflowError):
        return None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
