"""Copies of databases that were made once: cheaper than making them for every test."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from local_stack.servers import postgres


@dataclass(frozen=True)
class Clones:
    """Fresh copies of databases that were made once a session; `drop` takes them away again."""

    server: Any
    made: dict[str, str] = field(default_factory=dict)
    copies: list[str] = field(default_factory=list)

    def of(self, state: str, make: Callable[[str], None]) -> str:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            if state not in self.made:
                template = f"template_{uuid.uuid4().hex}"
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(template)))
                make(postgres.database_url(self.server, template))
                self.made[state] = template
            name = f"clone_{uuid.uuid4().hex}"
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(copy.format(sql.Identifier(name), sql.Identifier(self.made[state])))
        self.copies.append(name)
        return postgres.database_url(self.server, name)

    def drop(self) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            while self.copies:
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.copies.pop()))
                )
