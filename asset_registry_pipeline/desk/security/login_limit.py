"""How often somebody may try to log in: a limit for each address they come from, shared by all the desk's processes."""

from typing import Any

from pymongo.database import Database

from asset_registry_pipeline.desk.security.limits import Limit

TRIES_A_MINUTE = 20
"""Enough for a team behind one address in the morning, and for nobody to guess anything."""


class LoginLimit(Limit):
    """Tries to log in, counted before a token is looked at, so that tries made at once are counted as well."""

    def __init__(self, database: Database[Any], tries_a_minute: int = TRIES_A_MINUTE) -> None:
        told = "Too many tries to log in from your address"
        super().__init__(database, "migration_desk_logins", tries_a_minute, told)
