"""What overviews of the curation show: progress, what waits, what failed, who decided, what is logged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class LayerProgress:
    """A layer: how much is migrated (the plan's form), and how its queue stands."""

    layer: str
    status: str
    total: int
    migrated: int
    failed: int
    current: str | None
    open: int = 0
    claimed: int = 0
    decided: int = 0

    @property
    def asked(self) -> int:
        """All that the plan asks curators about, or has asked."""
        return self.open + self.claimed + self.decided


@dataclass(frozen=True)
class Held:
    """Composites that wait, by what they wait for: most first. `layer`, `key` and `state` of its queue item, if any."""

    component: str
    layer: str | None
    why: str
    composites: int
    key: str | None = None
    state: str | None = None


@dataclass(frozen=True)
class Failed:
    """A document that did not get into development, and why; `retry` is when it was asked to be tried again."""

    item: str
    layer: str
    label: str
    state: str
    reason: str
    detail: str
    retry: datetime | None = None


@dataclass(frozen=True)
class Decider:
    """Who decided how much, by verdict, and when last."""

    name: str
    decisions: int
    verdicts: Mapping[str, int]
    last: datetime


@dataclass(frozen=True)
class RetryRequest:
    """A layer that somebody asked to be run again; `about`: the layer, or the item that it was asked for."""

    layer: str
    about: str
    asked_by: str
    asked_at: datetime


@dataclass(frozen=True)
class AuditEntry:
    """Somebody did something, at what time, to what."""

    at: datetime
    actor: str
    role: str
    act: str
    layer: str | None
    key: str | None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditPage:
    """Entries, the newest first; `next` as of `Page`."""

    entries: Sequence[AuditEntry]
    next: str | None
