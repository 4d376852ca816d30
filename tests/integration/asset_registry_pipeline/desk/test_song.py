"""The form about a song: its title as the words say it, album art from the services, facts, and what is stored."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from asset_registry_pipeline.registry.decisions import ArtChoice, FactsGiven, SongTitleGiven
from local_stack.music.catalogue import REAL
from local_stack.music.faults import Fault
from local_stack.servers import openai_api
from tests.integration.asset_registry_pipeline.desk.queue_world import (
    Queue,
    form_of,
    queue_of,
    world_of_a_queue,
)

HTMX = {"HX-Request": "true"}
ANXIETY = REAL[0]
WORDS = "Anxiety by Doechii. A smooth and introspective track in A minor at 128 BPM."


@pytest.fixture
def queue(make_world: Any, music: Any) -> Iterator[Queue]:
    """A desk with songs to decide about, and the stand-in for the music services."""
    world = world_of_a_queue(make_world, ALBUM_ART_BUCKET="covers", **music.environment)
    with queue_of(world, "G") as opened:
        yield opened


@pytest.fixture(scope="module")
def alone(make_shared_world: Any) -> Iterator[Queue]:
    """A desk with songs, and nobody to be asked about them; each test takes one that nobody has touched."""
    with queue_of(world_of_a_queue(make_shared_world), "G") as opened:
        yield opened


def _read(queue: Queue, form: dict[str, str], **typed: str) -> dict[str, str]:
    """What the form holds after the words were typed."""
    part = queue.place.curator.post("/queue/song/read", {**form, **typed}, headers=HTMX).text
    found = re.findall(r'name="([a-z_]+)" value="([^"]*)"', part)
    return {**form, **typed, **{name: unescape(value) for name, value in found}}


def _art(queue: Queue, form: dict[str, str], **typed: str) -> str:
    return str(queue.place.curator.post("/queue/song/art", {**form, **typed}, headers=HTMX).text)


def test_the_title_is_read_from_the_words_as_they_are_typed(alone: Queue) -> None:
    form = form_of(alone.claimed(alone.a_fresh("G")))
    assert form["words"] == ""

    form = _read(alone, form, words="NOKIA by Drake in $ome $exy $ongs 4 U")
    assert (form["song"], form["artist"], form["album"]) == ("NOKIA", "Drake", "$ome $exy $ongs 4 U")

    form = _read(alone, form, words="Anti-Hero - Midnights - Taylor Swift")
    assert (form["song"], form["artist"], form["album"]) == ("Anti-Hero", "Taylor Swift", "Midnights")

    form = _read(alone, form, artist="T. Swift", words="Anti-Hero - Midnights - Taylor Swift. More words.")
    assert form["artist"] == "T. Swift"
    assert form["parsed_artist"] == "Taylor Swift"


def test_confidence_and_doubts_are_shown(alone: Queue) -> None:
    form = form_of(alone.claimed(alone.a_fresh("G")))
    part = alone.place.curator.post(
        "/queue/song/read", {**form, "words": "Stand by Me by Ben E. King in Paris"}, headers=HTMX
    ).text
    assert "medium confidence" in part
    assert "&#39; by &#39; occurs more than once" in part


def test_a_title_that_nobody_changed_is_left_to_the_words(alone: Queue) -> None:
    key = alone.a_fresh("G")
    form = form_of(alone.claimed(key))
    typed = _read(alone, form, words="Anxie")

    # The last letters were typed and sent before the title was read again.
    alone.place.curator.post("/queue/item/decide", {**typed, "words": WORDS})

    assert alone.decision(key).words == WORDS
    assert alone.decision(key).title is None


def test_a_changed_title_and_single_facts_are_the_curators(alone: Queue) -> None:
    key = alone.a_fresh("G")
    form = _read(alone, form_of(alone.claimed(key)), words=WORDS)

    page = alone.place.curator.post(
        "/queue/item/decide",
        {**form, "album": "Alligator Bites", "bpm": "129", "mood": "tender", "art": "refuse"},
    ).text

    decision = alone.decision(key)
    assert decision.title == SongTitleGiven("Anxiety", "Alligator Bites", "Doechii")
    assert decision.facts == FactsGiven(bpm=129, mood="tender")
    assert decision.album_art == ArtChoice("refuse")
    assert "Anxiety - Alligator Bites - Doechii" in page


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("bpm", "fast", "a whole number of beats per minute"),
        ("bpm", "9999", "is not a whole number from 20 to 400"),
        ("song", " ", "a title needs the name of the song"),
        ("art", "accept Nobody https://x.example/a.jpg", "expects iTunes, MusicBrainz"),
        ("art", "accept", "choose one of the ways"),
        ("words", " ", "a song needs your words"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field(alone: Queue, field: str, typed: str, told: str) -> None:
    key = alone.a_fresh("G")
    form = _read(alone, form_of(alone.claimed(key)), words=WORDS)

    refused = alone.place.curator.post("/queue/item/decide", {**form, field: typed})

    assert refused.status_code == 422
    assert told in refused.text
    assert f'id="{field}-wrong"' in refused.text
    assert alone.decision(key) is None
    assert form_of(refused.text)["artist"] == "Doechii"
    alone.place.curator.post("/queue/item/release", {"key": key})


def test_facts_are_read_from_the_words_and_an_estimate_is_called_one(alone: Queue) -> None:
    form = form_of(alone.claimed(alone.a_fresh("G")))
    part = alone.place.curator.post("/queue/song/read", {**form, "words": WORDS}, headers=HTMX).text
    facts = dict(re.findall(r'id="found-(\w+)"[^>]*>([^<]*)</p>', part))
    assert facts["bpm"] == "128"
    assert facts["key"] == "A minor"
    assert facts["mood"] == "smooth"


def test_candidates_are_offered_and_their_pictures_come_from_the_desk_alone(queue: Queue) -> None:
    key = queue.a_fresh("G")
    form = _read(queue, form_of(queue.claimed(key)), words=WORDS)

    part = _art(queue, form)

    assert ANXIETY.artist in part
    sources = [unescape(source) for source in re.findall(r'<img src="([^"]+)"', part)]
    assert sources
    assert all(source.startswith("/queue/song/picture?url=") for source in sources)
    picture = queue.place.curator.get(sources[0])
    assert picture.status_code == 200
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert queue.place.visitor().get(sources[0], follow_redirects=False).status_code == 303

    choice = next(value for value in re.findall(r'name="art" value="(accept [^"]+)"', part))
    queue.place.curator.post("/queue/item/decide", {**form, "art": unescape(choice)})
    stored = queue.decision(key).album_art
    assert (stored.verdict, stored.source) == ("accept", "iTunes")
    assert quote(stored.url, safe="") in sources[0]


def test_a_picture_that_was_fetched_is_not_fetched_again(queue: Queue, music: Any) -> None:
    part = _art(queue, form_of(queue.claimed(queue.a_fresh("G"))), words=WORDS)
    source = unescape(re.findall(r'<img src="([^"]+)"', part)[0])
    first = queue.place.curator.get(source).content
    music.control.order(Fault(times=5, kind="fail", status=500, path="/image"))
    assert queue.place.curator.get(source).content == first


def test_a_lock_out_is_told_and_never_called_no_match(queue: Queue, music: Any) -> None:
    music.control.order(Fault(times=9, kind="fail", status=403, path="/search"))
    music.control.order(Fault(times=9, kind="fail", status=503, path="/ws"))
    form = form_of(queue.claimed(queue.a_fresh("G")))

    for _ in range(2):
        part = _art(queue, form, words="A Song Nobody Has Kept by Someone")
        assert "The music service asked us to wait</strong>, until <time" in part
        assert "No match" not in part


def test_no_match_is_told_as_that(queue: Queue) -> None:
    form = form_of(queue.claimed(queue.a_fresh("G")))
    assert "No match" in _art(queue, form, words="Zzyzx Qwrtp by Nobody Whatsoever")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.jpg", "https://169.254.169.254/latest", "https://[::1]/a.jpg", "https://example.com/a.jpg",
        "https://is1-ssl.mzstatic.com@127.0.0.1/a.jpg", "http://is1-ssl.mzstatic.com/a.jpg", "file:///etc/passwd",
    ],
)  # fmt: skip
def test_a_picture_from_where_nothing_may_be_fetched_is_refused_with_the_words_kept(
    alone: Queue, url: str
) -> None:
    key = alone.a_fresh("G")
    form = _read(alone, form_of(alone.claimed(key)), words=WORDS)

    refused = alone.place.curator.post("/queue/item/decide", {**form, "art": "replace", "art_url": url})

    assert refused.status_code == 422
    assert 'id="art_url-wrong"' in refused.text
    assert form_of(refused.text)["words"] == WORDS
    assert alone.decision(key) is None
    checked = alone.place.curator.post("/queue/song/picture", {**form, "art_url": url}, headers=HTMX)
    assert "It cannot be taken" in checked.text
    assert alone.place.curator.get(f"/queue/song/picture?url={quote(url, safe='')}").status_code == 422
    alone.place.curator.post("/queue/item/release", {"key": key})


def test_another_picture_is_looked_at_before_it_is_taken(queue: Queue, music: Any) -> None:
    key = queue.a_fresh("G")
    form = _read(queue, form_of(queue.claimed(key)), words=WORDS)
    url = f"{music.url}/image/thumb/Music/v4/{ANXIETY.mark}/source/600x600bb.jpg"
    typed = {**form, "art": "replace", "art_url": url, "art_source": "Manual"}

    music.control.order(Fault(times=1, kind="html", path="/image"))
    refused = queue.place.curator.post("/queue/item/decide", typed)
    assert refused.status_code == 422
    assert "by its content" in refused.text
    assert queue.decision(key) is None

    assert "It can be taken" in queue.place.curator.post("/queue/song/picture", typed, headers=HTMX).text
    queue.place.curator.post("/queue/item/decide", typed)
    assert queue.decision(key).album_art == ArtChoice("replace", url, "Manual")


def test_the_form_begins_with_what_was_decided_and_taken_back(alone: Queue) -> None:
    key = alone.a_fresh("G")
    form = _read(alone, form_of(alone.claimed(key)), words=WORDS)
    typed = {**form, "artist": "Doechii (Jaylah)", "art": "refuse", "genre": "hip-hop"}
    alone.place.curator.post("/queue/item/decide", typed)

    page = alone.place.curator.post("/queue/item/undo", {"key": key, "revision": "1"}).text

    again = form_of(page)
    for name in ("words", "song", "album", "artist", "art", "genre"):
        assert again[name] == typed[name], name


def test_the_model_is_asked_only_when_somebody_asks_and_its_failure_is_told(
    alone: Queue, tmp_path: Path
) -> None:
    server = openai_api.start(tmp_path, key="sk-of-the-test")
    variables = {name.lower(): value for name, value in openai_api.environment(server).items()}
    state = alone.place.state
    registry = replace(state.registry, settings=replace(state.registry.settings, **variables))
    alone.place.app.state.desk = replace(state, registry=registry)
    try:
        page = alone.claimed(alone.a_fresh("G"))
        form = {**form_of(page), "words": WORDS}
        assert "Ask the model what it makes of your words" in page
        assert "Made by" not in page

        made = alone.place.curator.post("/queue/song/metadata", form, headers=HTMX).text
        assert "Made by" in made
        assert variables["openai_model"] in made
    finally:
        server.stop()
    try:
        gone = alone.place.curator.post("/queue/song/metadata", form, headers=HTMX).text
        assert "There is no metadata" in gone
        assert "sk-of-the-test" not in gone
    finally:
        alone.place.app.state.desk = state
