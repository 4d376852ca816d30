"""One item: looking at it, claiming it, deciding about it, taking that back. What is typed is never lost on the way."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import Response

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.errors import as_problem
from asset_registry_pipeline.desk.pages import item_form, item_view, song
from asset_registry_pipeline.desk.pages.item_form import ItemForm
from asset_registry_pipeline.desk.pages.item_view import Notice
from asset_registry_pipeline.desk.pages.queue import address_of, go, go_to_next
from asset_registry_pipeline.desk.pages.queue_filters import ASKS, from_query
from asset_registry_pipeline.desk.security.access import Curator, User, page_user
from asset_registry_pipeline.desk.state import desk_of
from asset_registry_pipeline.registry.decisions import Verdict
from asset_registry_pipeline.registry.texts import CREATOR_DESCRIPTION_LIMIT
from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.errors import CurationError
from asset_registry_pipeline.steps.curation.foreseen import Foreseen, foresee
from asset_registry_pipeline.steps.curation.model import Draft, ItemView, Settled

router = APIRouter(prefix="/queue/item")
Person = Annotated[User, Depends(page_user)]
Typed = Annotated[ItemForm, Form()]
_WITH_WORDS = ("lease_over", "claimed_by_another", "source_changed", "already_decided", "too_late", "invalid")
"""Refusals that are told on the item's own page, with everything that was typed."""


@router.get("")
def look(request: Request, user: Person, key: str, back: str = "", done: str = "") -> Response:
    """The page of an item; `done` is what was decided just before."""
    view = curation.item(desk_of(request).registry, key)
    return _shown(request, user, view, back=back, done=done)


@router.post("/claim")
def claim(request: Request, user: Person, form: Typed) -> Response:
    """Claim the item again with what was typed in the form."""
    desk = desk_of(request)
    try:
        curation.claim(desk.registry, user, form.key, desk.clock())
    except CurationError as refused:
        return _refused(request, user, form, refused)
    # The hash that was looked at stays in the form: only a look at the difference makes it the new one.
    return _shown(request, user, curation.item(desk.registry, form.key), form=form)


@router.post("/renew")
def renew(request: Request, user: Person, key: Annotated[str, Form(max_length=9_000)]) -> Response:
    """A new lease; htmx gets the countdown alone."""
    desk = desk_of(request)
    now = desk.clock()
    claimed = curation.renew(desk.registry, user, key, now)
    if not rendering.is_fragment(request):
        return go(request, address_of(key))
    return rendering.page(request, "_lease.html", key=key, until=claimed.until, now=now, renewed=True)


@router.post("/release")
def release(request: Request, user: Person, form: Typed) -> Response:
    """Give the item back to the queue, with a note for who takes it next."""
    desk = desk_of(request)
    try:
        curation.release(desk.registry, user, form.key, form.note.strip() or None, desk.clock())
    except CurationError as refused:
        return _refused(request, user, form, refused)
    rendering.tell(request, "The item is back in the queue.")
    return go(request, from_query(form.back).address())


@router.post("/decide")
def decide(request: Request, user: Curator, form: Typed) -> Response:
    """Store a decision; then the next item, or the same page with what was stored."""
    desk = desk_of(request)
    read = item_form.read(form, curation.queued(desk.registry, form.key).layer)
    wrong = dict(read.wrong)
    if form.art == "replace" and not wrong and form.act == item_form.APPROVE:
        wrong |= song.wrong_with_picture(request, form.art_url.strip())
    if read.draft is None or wrong:
        view = curation.item(desk.registry, form.key)
        return _shown(request, user, view, form=form, wrong=wrong, status=422)
    try:
        curation.decide(desk.registry, user, form.key, read.draft, desk.clock())
    except CurationError as refused:
        return _refused(request, user, form, refused)
    if form.onward:
        return go_to_next(request, user, from_query(form.back), done=form.key)
    return go(request, address_of(form.key, form.back, done=form.key))


@router.post("/undo")
def undo(
    request: Request,
    user: Person,
    key: Annotated[str, Form(max_length=9_000)],
    revision: Annotated[int, Form()],
    back: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Take a decision back, and take the item up again."""
    desk = desk_of(request)
    curation.undo(desk.registry, user, key, revision, desk.clock())
    try:
        curation.claim(desk.registry, user, key, desk.clock())
        rendering.tell(
            request, "The decision was taken back. The item is yours again, with the words as they were."
        )
    except CurationError as refused:
        rendering.tell(request, f"The decision was taken back; {refused.reason}.", kind="problem")
    return go(request, address_of(key, back))


@router.post("/difference")
def difference(request: Request, user: Person, form: Typed) -> Response:  # noqa: ARG001 - a page needs its user
    """How the words in the form differ from the description in staging."""
    view = curation.item(desk_of(request).registry, form.key)
    return rendering.page(
        request, "_words_difference.html", sides=item_view.description(view.source or {}, form.text or None)
    )


def _planned_words(request: Request, user: User, view: ItemView) -> str:
    """The words that an approval as it is would publish."""
    words = (_foreseen(request, user, view, "").document or {}).get("creatorDescription")
    return words if isinstance(words, str) else ""


def _foreseen(request: Request, user: User, view: ItemView, words: str) -> Foreseen:
    desk = desk_of(request)
    verdict = Verdict.EDIT if words.strip() else Verdict.APPROVE
    draft = Draft(verdict, view.source_hash or "", view.revision, words or None)
    return foresee(desk.registry, user, view.looked, draft, desk.clock())


def _refused(request: Request, user: User, form: ItemForm, refused: CurationError) -> Response:
    """The item's page with what was typed, and why it was not stored."""
    if refused.code not in _WITH_WORDS:
        raise refused
    view = curation.item(desk_of(request).registry, form.key)
    if refused.code == "source_changed" and refused.new_hash:
        # What changed is shown above the form; sent again, it is a decision about the new version.
        form = form.offering(_planned_words(request, user, view), refused.new_hash)
    notice = item_view.notice_of(refused)
    return _shown(request, user, view, form=form, notice=notice, status=as_problem(request, refused).status)


def _shown(
    request: Request,
    user: User,
    view: ItemView,
    *,
    form: ItemForm | None = None,
    notice: Notice | None = None,
    wrong: dict[str, str] | None = None,
    back: str = "",
    done: str = "",
    status: int = 200,
) -> Response:
    kept = form is not None
    if form is None:
        form = item_form.filled(
            ItemForm(key=view.item.key, revision=view.revision, back=from_query(back).query()).offering(
                _planned_words(request, user, view), view.source_hash or ""
            ),
            item_view.earlier_of(view),
        )
    foreseen = _foreseen(request, user, view, form.text)
    page = item_view.item_page(
        view, form, foreseen, user, desk_of(request).clock(), notice=notice, wrong=wrong, kept=kept
    )
    return rendering.page(
        request,
        "_item.html" if rendering.is_fragment(request) else "item.html",
        status,
        page=page,
        song=song.panel(request, page) if page.is_song else None,
        settled=_settled(request, user, done) if done else None,
        asks=ASKS,
        against=item_form.AGAINST,
        limit=CREATOR_DESCRIPTION_LIMIT,
        chosen=from_query(form.back),
        address_of=address_of,
        picture=song.picture_address,
    )


def _settled(request: Request, user: User, key: str) -> Settled | None:
    """What was decided just before, as it is stored; nothing where that was somebody else, or nothing stands."""
    found = curation.settled(desk_of(request).registry, key)
    return found if found is not None and found.decision.decided_by == user.name else None
