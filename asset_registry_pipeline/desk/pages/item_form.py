"""What a curator sends about one item: the fields of its form, and the draft that they make; no stores.

Whatever is wrong is told beside its field, and all that was typed goes back into the form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field

from asset_registry_pipeline.desk.pages import song_form
from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.layers import SONG_LAYERS
from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT
from asset_registry_pipeline.steps.curation.model import Draft

APPROVE = "approve"
AGAINST: Mapping[str, str] = {
    "reject": "Reject: it is not good enough",
    "test": "A test: it was never meant to be an asset",
    "exclude": "Exclude: it shall not be migrated",
}
"""The verdicts that leave an item behind, as the form names them."""
_Text = Annotated[str, Field(max_length=20_000)]
_Short = Annotated[str, Field(max_length=4_000)]


class ItemForm(BaseModel):
    """All fields as they were typed; those of songs stay empty for other layers.

    `offered`: the words that an approval without any of one's own publishes, as they were filled in; only others are
    an edit. `act`: approve, or one of `AGAINST`. `onward`: whether the next item is taken at once. `back`: the filters
    of the queue. `parsed_*`: what the title fields held when they were filled in from the words, by which a curator's
    own changes are known. `art`: empty (leave it to the look-up), `accept SOURCE URL`, `replace` or `refuse`.
    """

    key: _Short = ""
    source_hash: _Short = ""
    revision: int = 0
    act: _Short = APPROVE
    onward: _Short = ""
    back: _Short = ""
    words: _Text = ""
    offered: _Text = ""
    reason: _Text = ""
    note: _Text = ""
    song: _Short = ""
    album: _Short = ""
    artist: _Short = ""
    parsed_song: _Short = ""
    parsed_album: _Short = ""
    parsed_artist: _Short = ""
    art: _Short = ""
    art_url: _Short = ""
    art_source: _Short = "Manual"
    bpm: _Short = ""
    music_key: _Short = ""
    mood: _Short = ""
    genre: _Short = ""
    tempo: _Short = ""
    provider: _Short = ""

    @property
    def text(self) -> str:
        """The words with the line ends that were typed: browsers send others."""
        return _as_typed(self.words)

    @property
    def own_words(self) -> str | None:
        """The curator's own words; None where they left what was offered."""
        return self.text if self.text.strip() and self.text != _as_typed(self.offered) else None

    def offering(self, words: str, source_hash: str) -> "ItemForm":
        """The form about a source that leads to these words; the curator's own stay."""
        text = self.own_words or words
        return self.model_copy(update={"words": text, "offered": words, "source_hash": source_hash})

    @property
    def accepted_picture(self) -> str:
        """The address of the candidate that is chosen; empty without one."""
        return song_form.accepted_url(self.art)


@dataclass(frozen=True)
class Read:
    """A draft, or what keeps the form from being one: messages by field."""

    draft: Draft | None
    wrong: Mapping[str, str]


def read(form: ItemForm, layer: str) -> Read:
    """The draft that a form about an item of this layer makes."""
    wrong: dict[str, str] = {}
    verdict = _verdict(form.act)
    if verdict is None:
        wrong["act"] = "choose one of the ways to leave it behind"
    own = form.own_words
    if verdict is Verdict.APPROVE and own is not None:
        verdict = Verdict.EDIT
    if len(form.text) > CREATOR_DESCRIPTION_LIMIT and own is not None:
        wrong["words"] = f"{len(form.text)} characters, {CREATOR_DESCRIPTION_LIMIT} at most"
    if form.act in AGAINST and not form.reason.strip():
        wrong["reason"] = "say why, for those who ask later"
    parts = song_form.parts(form, wrong) if layer in SONG_LAYERS else song_form.NOTHING
    if layer in SONG_LAYERS and verdict is Verdict.APPROVE:
        wrong["words"] = "a song needs your words"
    if wrong or verdict is None:
        return Read(None, wrong)
    draft = Draft(
        verdict=verdict,
        source_hash=form.source_hash,
        revision=form.revision,
        words=own,
        reason=_as_typed(form.reason).strip() or None if form.act in AGAINST else None,
        title=parts.title,
        album_art=parts.album_art,
        facts=parts.facts,
    )
    return Read(draft, {})


def filled(form: ItemForm, earlier: Decision | None) -> ItemForm:
    """A new form with what an earlier decision says."""
    if earlier is None:
        return form
    values = {"words": earlier.words or form.words, "reason": earlier.reason or ""}
    return form.model_copy(update=values | song_form.values(earlier))


def _as_typed(text: str) -> str:
    """A text with the line ends that were typed: browsers send others."""
    return text.replace("\r\n", "\n")


def _verdict(act: str) -> Verdict | None:
    if act == APPROVE:
        return Verdict.APPROVE
    return Verdict(act) if act in AGAINST else None
