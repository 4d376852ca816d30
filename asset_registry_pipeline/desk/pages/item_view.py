"""What the page of one item shows, worked out from what the curation functions say; no requests, no stores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from asset_registry_pipeline.desk.pages.item_form import ItemForm
from asset_registry_pipeline.registry import differences
from asset_registry_pipeline.registry.decisions import Decision
from asset_registry_pipeline.registry.differences import FieldDifference, Piece
from asset_registry_pipeline.registry.roles import Actor, may
from asset_registry_pipeline.registry.shapes import is_text
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.foreseen import Foreseen
from asset_registry_pipeline.steps.curation.model import CLAIMED, DECIDED, OPEN, ItemView

Holding = Literal["mine", "free", "another", "decided", "gone"]
MediaKind = Literal["picture", "video", "sound", "other"]
_EXTENSIONS: Mapping[str, MediaKind] = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif"), "picture"),
    **dict.fromkeys(("mp4", "webm", "mov", "m4v"), "video"),
    **dict.fromkeys(("mp3", "wav", "m4a", "ogg", "aac", "flac"), "sound"),
}
_MOST_FIELDS = 200
"""Fields that are told one by one; a document may have thousands."""


@dataclass(frozen=True)
class Media:
    """A file of an asset: what a browser does with it, by the end of its address."""

    kind: MediaKind
    url: str


@dataclass(frozen=True)
class Sides:
    """A text before and after; `after` None where nothing is there yet."""

    before: str
    after: str | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Fields:
    """The fields of two documents: those that differ, are new, or stay; and how many more there are."""

    changed: tuple[FieldDifference, ...]
    new: tuple[FieldDifference, ...]
    same: tuple[FieldDifference, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Notice:
    """Why something was not done: nothing of it is stored, and all that was typed is in the form."""

    code: str
    text: str
    remedy: str
    changed: tuple[FieldDifference, ...] = ()


@dataclass(frozen=True)
class ItemPage:
    """Everything on the page of an item; `wrong` by field of the form, `kept`: what was typed is not stored."""

    view: ItemView
    form: ItemForm
    holding: Holding
    media: Media | None
    description: Sides
    fields: Fields | None
    development: Fields | None
    why_nothing: str
    may_decide: bool
    may_release: bool
    until: datetime | None
    now: datetime
    notice: Notice | None = None
    wrong: Mapping[str, str] = field(default_factory=dict)
    kept: bool = False

    @property
    def is_song(self) -> bool:
        """Whether it has a title, album art and facts to decide about."""
        return self.view.item.layer == "G"

    @property
    def open_form(self) -> bool:
        """Whether the form is there: one holds the item, or has typed something that must not be lost."""
        return self.may_decide and (self.holding == "mine" or self.kept)


def holding_of(view: ItemView, user: Actor, now: datetime) -> Holding:
    """Who has an item, as seen by somebody; a lease that ran out is nobody's."""
    item = view.item
    if item.state == CLAIMED and item.lease_until is not None and item.lease_until > now:
        return "mine" if item.claimed_by == user.name else "another"
    if item.state in (OPEN, CLAIMED):
        return "free"
    return "decided" if item.state == DECIDED else "gone"


def item_page(
    view: ItemView,
    form: ItemForm,
    foreseen: Foreseen,
    user: Actor,
    now: datetime,
    *,
    notice: Notice | None = None,
    wrong: Mapping[str, str] | None = None,
    kept: bool = False,
) -> ItemPage:
    """The page of an item."""
    holding = holding_of(view, user, now)
    source, after = view.source or {}, foreseen.document if foreseen.document is not None else view.after
    return ItemPage(
        view=view,
        form=form,
        holding=holding,
        media=media_of(source.get("gcpStorageUrl") or view.item.media_url),
        description=description(source, form.text or None),
        fields=fields_of(source, after) if after is not None else None,
        development=fields_of(view.before, after) if view.before is not None and after is not None else None,
        why_nothing="" if after is not None else foreseen.why,
        may_decide=may(user, "decide"),
        may_release=holding == "mine"
        or (holding == "another" and may(user, "release what another has claimed")),
        until=view.item.lease_until if holding in ("mine", "another") else None,
        now=now,
        notice=notice,
        wrong=wrong or {},
        kept=kept,
    )


def description(source: Mapping[str, Any], words: str | None) -> Sides:
    """The description as staging has it, and what stands in its place."""
    text = source.get("description")
    before = text if is_text(text) else ""
    if words is None:
        return Sides(before, None, (Piece("same", before),) if before else ())
    return Sides(before, words, visible(differences.of_texts(before, words)))


def fields_of(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Fields:
    """The fields of two documents; blanks that are a difference can be seen."""
    found = differences.of_documents(before or {}, after)
    shown = [_visible_field(one) for one in found[:_MOST_FIELDS]]
    return Fields(
        tuple(one for one in shown if one.kind in ("changed", "removed")),
        tuple(one for one in shown if one.kind == "added"),
        tuple(one for one in shown if one.kind == "same"),
        len(found) - len(shown),
    )


def visible(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same pieces with signs for blanks where blanks alone were removed or added."""
    return tuple(
        Piece(one.kind, one.text.replace(" ", "\u2423").replace("\n", "\u21b5\n").replace("\t", "\u21e5"))
        if one.kind != "same" and one.text.isspace()
        else one
        for one in pieces
    )


def media_of(url: object) -> Media | None:
    """What to show of an asset's file; None without an https address."""
    if not is_text(url) or not url.startswith("https://"):
        return None
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    return Media(_EXTENSIONS.get(path.rpartition(".")[2].lower(), "other"), url)


def notice_of(error: CurationError) -> Notice:
    """A refusal as the page tells it, with what changed in the source where that was the reason."""
    changed: Sequence[FieldDifference] = ()
    if error.new is not None:
        fields = fields_of(error.old, error.new) if error.old is not None else None
        changed = (*fields.changed, *fields.new) if fields is not None else ()
    return Notice(error.code, error.reason, error.remedy or "", tuple(changed))


def earlier_of(view: ItemView) -> Decision | None:
    """The decision whose values the form begins with: the standing one, else the last that was taken back."""
    if view.decision is not None:
        return view.decision
    undone = [one for one in view.history if one.how == "undone"]
    return undone[-1].decision if undone else None


def _visible_field(one: FieldDifference) -> FieldDifference:
    return FieldDifference(one.path, one.kind, one.before, one.after, visible(one.pieces), one.note)
