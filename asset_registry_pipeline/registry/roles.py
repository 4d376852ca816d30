"""Who may do what at the curators' desk; how somebody proves to be who they are does not belong here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person is, each with all the rights of the ones before; compared by `includes`, for a text has no rank."""

    EDITOR = "editor"
    CURATOR = "curator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether it has all the rights of the other one."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True)
class Actor:
    """Somebody who acts: the name that is recorded, and what they are."""

    name: str
    role: Role


LEAST_ROLE: Mapping[str, Role] = {
    "look at the queue": Role.EDITOR,
    "claim": Role.CURATOR,
    "decide": Role.CURATOR,
    "take a decision back": Role.CURATOR,
    "approve in batches": Role.CURATOR,
    "export decisions": Role.CURATOR,
    "import decisions": Role.CURATOR,
    "ask for a retry": Role.CURATOR,
    "release what another has claimed": Role.ADMIN,
    "read the audit log": Role.ADMIN,
}
"""The least role that each act takes."""


def may(actor: Actor, act: str) -> bool:
    """Whether this person may do this; `act` is one of `LEAST_ROLE`."""
    return actor.role.includes(LEAST_ROLE[act])
