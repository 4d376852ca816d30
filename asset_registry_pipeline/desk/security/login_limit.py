"""How often somebody may try to log in: a limit for each address they come from, shared by all the desk's processes."""

import time
from typing import Any

from limits import RateLimitItemPerMinute
from pymongo.database import Database

from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.stores.rate_limits import shared_limiter
from migration_kit.mongo import transient_errors

TRIES_A_MINUTE = 20
"""Enough for a team behind one address in the morning, and for nobody to guess anything."""


class LoginLimit:
    """Tries to log in, counted before a token is looked at, so that tries made at once are counted as well."""

    def __init__(self, database: Database[Any], tries_a_minute: int = TRIES_A_MINUTE) -> None:
        self._limit = RateLimitItemPerMinute(tries_a_minute)
        self._limiter = shared_limiter(database, "migration_desk_logins")

    def count(self, client: str) -> None:
        """Count a try from this address.

        Raises:
            Problem: 429, the address has tried too often; it says after how many seconds to come back.
        """
        with transient_errors("development"):
            if self._limiter.hit(self._limit, "login", client):
                return
            resets_at = self._limiter.get_window_stats(self._limit, "login", client).reset_time
        seconds = max(1, round(resets_at - time.time()))
        raise Problem(
            429,
            "too_many_requests",
            "Too many tries to log in from your address",
            f"Wait {seconds} s and try again",
            headers={"Retry-After": str(seconds)},
        )
