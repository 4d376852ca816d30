"""What goes in and out at the curators' queue: plain values, no stores, no HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)

if TYPE_CHECKING:
    from asset_registry_pipeline.steps.curation.access import Looked

LEASE = timedelta(minutes=15)
"""For how long an item is claimed, unless it is renewed."""
MOST_ON_A_PAGE = 200
MOST_COUNTED = 10_000
"""Items are counted up to this: to count on costs more than to show a page."""
MOST_IN_A_BATCH = 500

OPEN, CLAIMED, DECIDED, WITHDRAWN = "open", "claimed", "decided", "withdrawn"
TAKEN_BACK = "taken_back"
"""Why an item is asked that nobody had asked about before a decision about it was taken back."""
STATES = (OPEN, CLAIMED, DECIDED, WITHDRAWN)
"""Of an item: to be claimed; claimed by somebody; decided; no longer asked by the plan."""


@dataclass(frozen=True)
class Where:
    """Which items of the queue: all conditions together.

    `asks`: one of the reasons why items are asked. `text`: words, or beginnings of words, of name, address, category,
    tags and description; all have to occur. `mine`: the name of somebody, for what they have claimed now.
    """

    layer: str | None = None
    state: str = OPEN
    asks: str | None = None
    text: str = ""
    mine: str | None = None


@dataclass(frozen=True)
class QueueItem:
    """One item as the queue shows it.

    `asks`: why it is asked (kinds of findings, or `required`, `source_changed`, `unusable_words`, `album_art`,
    `ai_metadata`). `error`: in words, where something went wrong with it. `blocks`: how many composites need it.
    `hint`: how its description begins. `media_url`: its file, as staging names it. `revision`: how often its decision
    was changed, 0 where there never was one.
    """

    key: str
    layer: str
    item: str
    label: str
    name: str
    nna_address: str
    source_hash: str
    asks: tuple[str, ...]
    state: str
    blocks: int
    error: str | None = None
    hint: str = ""
    media_url: str | None = None
    claimed_by: str | None = None
    claimed_at: datetime | None = None
    lease_until: datetime | None = None
    note: str | None = None
    verdict: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    revision: int = 0


@dataclass(frozen=True)
class Page:
    """Some items in the order of the queue. `next`: what to hand in as `after` for more, None at the end.

    `total_hint`: how many there are, counted up to `MOST_COUNTED`, and in a search up to 1,000.
    """

    items: tuple[QueueItem, ...]
    next: str | None
    total_hint: int


@dataclass(frozen=True)
class Revision:
    """An earlier or withdrawn decision: what it said, and who put it aside, when and how (`replaced`, `undone`)."""

    decision: Decision
    revision: int
    ended_by: str | None = None
    ended_at: datetime | None = None
    how: str = "replaced"


@dataclass(frozen=True)
class Found:
    """Something that the inventory found in the document, in its words."""

    kind: str
    effect: str
    words: str
    field: str
    detail: str


@dataclass(frozen=True)
class ItemView:
    """All that a curator needs to decide. Bodies have e-mail addresses masked.

    `source_hash` is of `source` as it is now: what a draft has to name. `source` None where staging no longer has it.
    `before`: what development holds, `after`: what the plan would write; `planned_from_now`: whether that plan was made
    from the source as it is now. `composites`: names of some that need it.
    `enrichment` for songs that have one. `looked`: what it was made from, unmasked, for what is worked out besides.
    """

    item: QueueItem
    source: Mapping[str, Any] | None
    source_hash: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    planned_from_now: bool
    disposition: str | None
    reason: str | None
    detail: Mapping[str, Any]
    findings: tuple[Found, ...]
    decision: Decision | None
    revision: int
    history: tuple[Revision, ...]
    composites: tuple[str, ...]
    looked: "Looked" = field(repr=False, compare=False)
    enrichment: Any | None = None


@dataclass(frozen=True)
class Settled:
    """An item and the decision that stands about it."""

    item: QueueItem
    decision: Decision
    revision: int


@dataclass(frozen=True)
class Claim:
    """An item that somebody has claimed, and until when."""

    item: QueueItem
    until: datetime


@dataclass(frozen=True)
class Draft:
    """What a curator has decided and not yet recorded.

    `source_hash` and `revision` as the item's view had them: the source that was looked at, the decision that stood.
    """

    verdict: Verdict
    source_hash: str
    revision: int = 0
    words: str | None = None
    reason: str | None = None
    title: SongTitleGiven | None = None
    album_art: ArtChoice | None = None
    facts: FactsGiven | None = None


@dataclass(frozen=True)
class Decided:
    """A decision that is stored. `repeated`: the very same one stood there already, as after a lost answer."""

    decision: Decision
    revision: int
    repeated: bool = False


@dataclass(frozen=True)
class Undone:
    """What stood there before it was taken back; its words stay in the history."""

    decision: Decision
    revision: int
    item: QueueItem


@dataclass(frozen=True)
class LeftOut:
    """An item that a batch leaves out, and why."""

    key: str
    label: str
    why: str


@dataclass(frozen=True)
class Preview:
    """A batch to be approved: exactly these items as they are now. `token` stands for them."""

    token: str
    items: tuple[QueueItem, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Approved:
    """What became of a batch: the keys that were approved, and what was left out since its preview."""

    approved: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class ImportedText:
    """What an import of CSV text did, or with a dry run would do; `refused` tells which row and why.

    `taken`: name and outcome (`added`, `replaced`, `unchanged`) of every other row.
    """

    dry_run: bool
    added: int
    replaced: int
    unchanged: int
    refused: tuple[Mapping[str, str], ...]
    taken: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did to a layer's queue: rows asked, written, and no longer asked."""

    asked: int
    written: int
    withdrawn: int
