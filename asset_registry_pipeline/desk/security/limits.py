"""How often somebody may do something in a minute, counted over all of the desk's processes: the answer is 429."""

import time
from typing import Any

from limits import RateLimitItemPerMinute
from pymongo.database import Database

from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.stores.rate_limits import shared_limiter
from migration_kit.mongo import transient_errors


class Limit:
    """`told` says what there was too much of; the windows are kept in a collection of this name."""

    def __init__(self, database: Database[Any], collection: str, a_minute: int, told: str) -> None:
        self._limit = RateLimitItemPerMinute(a_minute)
        self._limiter = shared_limiter(database, collection)
        self._told = told

    def count(self, who: str) -> None:
        """Count one more of this person, or of this address.

        Raises:
            Problem: 429, it was too often; it says after how many seconds to come back.
        """
        with transient_errors("development"):
            if self._limiter.hit(self._limit, who):
                return
            resets_at = self._limiter.get_window_stats(self._limit, who).reset_time
        seconds = max(1, round(resets_at - time.time()))
        raise Problem(
            429,
            "too_many_requests",
            self._told,
            f"Wait {seconds} s and try again",
            headers={"Retry-After": str(seconds)},
        )
