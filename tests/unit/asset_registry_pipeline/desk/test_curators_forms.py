"""Forms of the queue's pages: what was typed comes back whole; filters stand in addresses; pictures are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.desk.pages import item_form, song_form
from asset_registry_pipeline.desk.pages.item_form import ItemForm
from asset_registry_pipeline.desk.pages.item_view import media_of, visible
from asset_registry_pipeline.desk.pages.queue import address_of
from asset_registry_pipeline.desk.pages.queue_filters import ASKS, LAYERS, filters, from_query
from asset_registry_pipeline.desk.pages.song_pictures import Pictures
from asset_registry_pipeline.lookups.fetching import Fetched
from asset_registry_pipeline.registry.decisions import (
    ArtChoice,
    Decision,
    FactsGiven,
    SongTitleGiven,
    Verdict,
)
from asset_registry_pipeline.registry.differences import Piece
from asset_registry_pipeline.registry.song_titles import parse_song_line
from asset_registry_pipeline.steps.curation.model import STATES
from migration_kit.failures import PermanentError, TransientError

LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=400)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).filter(str.strip)


@given(LINES, LINES)
def test_own_words_are_stored_as_typed_and_offered_ones_never_as_somebodys_own(
    words: str, offered: str
) -> None:
    sent = ItemForm(source_hash="h", words=words.replace("\n", "\r\n"), offered=offered.replace("\n", "\r\n"))

    draft = item_form.read(sent, "S").draft

    assert draft is not None
    if words == offered or not words.strip():
        assert (draft.verdict, draft.words) == (Verdict.APPROVE, None)
    else:
        assert (draft.verdict, draft.words) == (Verdict.EDIT, words)


@given(LINES, LINES, LINES)
def test_a_new_offer_replaces_the_old_one_and_leaves_own_words(words: str, offered: str, new: str) -> None:
    form = ItemForm(words=words, offered=offered).offering(new, "h2")
    own = bool(words.strip()) and words != offered
    assert (form.text, form.offered, form.source_hash) == (words if own else new, new, "h2")


@given(LINES, NAMES, NAMES)
def test_the_title_follows_the_words_until_somebody_changes_it(words: str, song: str, artist: str) -> None:
    parsed = parse_song_line(words)
    form = song_form.with_parsed_title(ItemForm(words=words), parsed)
    assert not song_form.is_changed(form)
    assert song_form.parts(form, {}).title is None
    changed = form.model_copy(update={"song": song, "artist": artist})
    read_again = song_form.with_parsed_title(changed, parse_song_line("Other - Words - Here"))
    if song_form.is_changed(changed):
        assert (read_again.song, read_again.artist) == (song, artist)


ART = st.one_of(
    st.none(),
    st.just(ArtChoice("refuse")),
    st.builds(
        ArtChoice,
        st.just("accept"),
        st.just("https://a.example/x y".replace(" ", "%20")),
        st.sampled_from(["iTunes", "MusicBrainz"]),
    ),
    st.builds(
        ArtChoice,
        st.just("replace"),
        st.just("https://a.example/1.jpg"),
        st.sampled_from(["Manual", "AI Generated"]),
    ),
)
FACTS = st.one_of(
    st.none(), st.builds(FactsGiven, bpm=st.integers(20, 400), mood=st.none() | NAMES.map(str.strip))
)
TITLES = st.one_of(
    st.none(), st.builds(SongTitleGiven, NAMES.map(str.strip), st.none() | NAMES.map(str.strip))
)


@given(TITLES, ART, FACTS)
def test_what_was_decided_fills_the_form_that_makes_the_same_decision(
    title: SongTitleGiven | None, art: ArtChoice | None, facts: FactsGiven | None
) -> None:
    words = "Anxiety by Doechii"
    earlier = Decision(
        "G",
        "n",
        "a",
        "h",
        Verdict.EDIT,
        words,
        None,
        "cora",
        datetime(2026, 1, 1, tzinfo=UTC),
        title,
        art,
        facts,
    )

    form = song_form.with_parsed_title(
        item_form.filled(ItemForm(source_hash="h"), earlier), parse_song_line(words)
    )
    read = item_form.read(form, "G")

    assert not read.wrong
    assert read.draft is not None
    assert (read.draft.words, read.draft.album_art, read.draft.facts) == (words, art, facts)
    if title is None or (title.song, title.album, title.artist) != ("Anxiety", None, "Doechii"):
        assert read.draft.title == title


def test_a_song_without_words_is_no_approval() -> None:
    assert item_form.read(ItemForm(source_hash="h"), "G").wrong == {"words": "a song needs your words"}


@given(
    st.sampled_from(["", *LAYERS]),
    st.sampled_from(STATES),
    st.sampled_from(["", *ASKS]),
    LINES.map(lambda text: text[:200].strip()),
    st.sampled_from(["", "yes"]),
)
def test_filters_are_read_back_from_their_address(
    layer: str, state: str, asks: str, text: str, mine: str
) -> None:
    chosen = filters(layer, state, asks, text, mine)
    assert from_query(chosen.query()) == chosen


@given(st.text(max_size=60))
def test_no_query_leads_away_from_the_desk(query: str) -> None:
    assert from_query(query).address().startswith("/queue")
    assert address_of("S|a|b", query).startswith("/queue/item?key=S%7Ca%7Cb")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://x.example/a.PNG", "picture"), ("https://x.example/a.mp4?x=1", "video"),
        ("https://x.example/a.wav", "sound"), ("https://x.example/a", "other"), ("javascript:alert(1)", None),
        ("http://x.example/a.png", None), ("https://[x", None), (None, None), (7, None),
    ],
)  # fmt: skip
def test_files_are_shown_by_the_end_of_their_address_and_only_from_https(
    url: object, kind: str | None
) -> None:
    media = media_of(url)
    assert (media.kind if media else None) == kind


def test_blanks_that_are_a_difference_can_be_seen() -> None:
    pieces = (Piece("same", "a b"), Piece("removed", " \n"))
    assert visible(pieces) == (Piece("same", "a b"), Piece("removed", "\u2423\u21b5\n"))


def test_a_picture_is_fetched_once_and_the_oldest_go_when_there_are_too_many() -> None:
    asked: list[str] = []

    def fetch(url: str) -> Fetched:
        asked.append(url)
        return Fetched(b"x" * 40, "image/png", url)

    pictures = Pictures(fetch, most_bytes=100)
    for url in ("a", "b", "a", "c", "a", "b"):
        assert pictures.get(url).content_type == "image/png"
    assert asked == ["a", "b", "c", "b"]


def test_a_picture_that_was_refused_is_not_kept_as_one() -> None:
    def refuse(url: str) -> Fetched:
        raise PermanentError("not allowed", item=url)

    pictures = Pictures(refuse)
    for _ in range(2):
        with pytest.raises(PermanentError):
            pictures.get("https://x.example/a.png")


def test_a_slow_server_of_pictures_holds_no_more_threads_than_have_a_place() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(url: str) -> Fetched:
        begun.set()
        assert go_on.wait(20)
        return Fetched(b"picture", "image/png", url)

    pictures = Pictures(slow, at_once=1, waiting=0)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pictures.get, "https://a.example/1.png")
        try:
            assert begun.wait(20)
            with pytest.raises(TransientError, match="too many pictures"):
                pictures.get("https://a.example/2.png")
        finally:
            go_on.set()
        assert first.result().data == b"picture"
    assert pictures.get("https://a.example/2.png").data == b"picture"
