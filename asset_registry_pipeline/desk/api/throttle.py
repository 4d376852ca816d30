"""How often a person may read staging over the API: it is live, others work with it, and nobody shall wear it out."""

from typing import Any

from pymongo.database import Database

from asset_registry_pipeline.desk.security.limits import Limit

READS_A_MINUTE = 120
"""Enough to page through 1,681 assets at once, ten at a time, in a minute and a half."""


class ReadLimit(Limit):
    """Readings of staging by one person, counted before staging is asked."""

    def __init__(self, database: Database[Any], reads_a_minute: int = READS_A_MINUTE) -> None:
        told = f"Staging can be read {reads_a_minute} times a minute by one person"
        super().__init__(database, "migration_api_reads", reads_a_minute, told)
