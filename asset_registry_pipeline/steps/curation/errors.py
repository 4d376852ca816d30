"""What a curator is told when something cannot be done: a code, the reason, what to do, and their own words back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from migration_kit.failures import MigrationError

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.curation.model import Draft

Code = Literal[
    "not_found",
    "claimed_by_another",
    "lease_over",
    "source_changed",
    "already_decided",
    "invalid",
    "forbidden",
    "too_late",
]


class CurationError(MigrationError):
    """An act at the queue that was refused; nothing of it was done.

    `code` says which kind. `draft` is what the curator had sent, whole, so that no word of it is lost. Where the source
    changed, `old` and `new` are its bodies, e-mail addresses masked (`old` None where it was not kept), and `new_hash`
    is the hash that a decision about the new one has to name.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        *,
        item: str | None = None,
        remedy: str | None = None,
        draft: "Draft | None" = None,
        old: Mapping[str, Any] | None = None,
        new: Mapping[str, Any] | None = None,
        new_hash: str | None = None,
    ) -> None:
        super().__init__(reason, item=item, remedy=remedy)
        self.code: Code = code
        self.draft = draft
        self.old = old
        self.new = new
        self.new_hash = new_hash

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (dict(vars(self)),)


def _rebuilt(said: Mapping[str, Any]) -> CurationError:
    names = ("item", "remedy", "draft", "old", "new", "new_hash")
    return CurationError(cast("Code", said["code"]), said["reason"], **{name: said[name] for name in names})


def forbidden(actor: str, role: str, act: str, needed: str) -> CurationError:
    """Somebody may not do this."""
    return CurationError(
        "forbidden",
        f"{actor} is {role}, and it takes {needed} to {act}",
        item=act,
        remedy=f"Ask somebody who is {needed}",
    )
