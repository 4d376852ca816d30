"""What a migration's logins must be allowed to do, and what one is; asking a server for it is a store's work.

The actions are MongoDB's own names of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ALL = ""
"""As a database or a collection: whichever."""
READ = ("find",)
WRITE = ("insert", "update", "remove")
CHANGES = (*WRITE, "createIndex", "dropCollection", "collMod")
"""What somebody who may only read is not allowed to do."""
_OWN = "migration_ledger"
_SCRATCH = "migration_scratch_S"
_SCRATCH_ACTIONS = (*READ, "insert", "createCollection", "dropCollection")


@dataclass(frozen=True)
class Grant:
    """Actions that are allowed on a collection, or on all (`ALL`) of a database or of every database."""

    database: str
    collection: str
    actions: frozenset[str]


@dataclass(frozen=True)
class Need:
    """Actions that a migration needs; `place`: what the variable's name says, `what`: the collections in words."""

    place: str
    what: str
    database: str
    collection: str
    actions: tuple[str, ...]


def needs(
    *, staging: str, development: str, backup: str | None, taxonomies: bool, in_place: bool
) -> tuple[Need, ...]:
    """What a migration needs, by the names of its databases (`backup`: None where backups are files)."""
    wanted = [
        Need("staging", "assets", staging, "assets", READ),
        *([Need("staging", "taxonomies", staging, "taxonomies", READ)] if taxonomies else []),
        Need("development", "assets", development, "assets", (*READ, *WRITE, "createIndex", "listIndexes")),
        Need("development", "the database", development, ALL, ("listCollections",)),
        Need(
            "development",
            "migration_*",
            development,
            _OWN,
            (*READ, *WRITE, "createIndex", "createCollection"),
        ),
        Need("development", "migration_scratch_*", development, _SCRATCH, _SCRATCH_ACTIONS),
    ]
    if backup is not None:
        actions = (*_SCRATCH_ACTIONS, "update", "renameCollectionSameDB")
        wanted.append(Need("backup", "all collections", backup, "assets_backup", actions))
        wanted.append(Need("backup", "the database", backup, ALL, ("listCollections",)))
    return tuple(need for need in wanted if not (in_place and need.place == "staging"))


def lacking(need: Need, grants: Iterable[Grant]) -> tuple[str, ...]:
    """Of the actions needed those that nothing allows."""
    allowed = _allowed(need.database, need.collection, grants)
    return tuple(action for action in need.actions if action not in allowed)


def changes_allowed(database: str, collection: str, grants: Sequence[Grant]) -> tuple[str, ...]:
    """What of a collection may be changed."""
    allowed = _allowed(database, collection, grants)
    return tuple(action for action in CHANGES if action in allowed)


def _allowed(database: str, collection: str, grants: Iterable[Grant]) -> frozenset[str]:
    fitting = (
        grant.actions
        for grant in grants
        if grant.database in (ALL, database) and grant.collection in (ALL, collection)
    )
    return frozenset[str]().union(*fitting)
