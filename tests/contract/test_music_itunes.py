"""What iTunes' search answers, as far as a look-up reads it; see `music_services` for asking the real one."""

import io
import re

import pytest
from PIL import Image

from asset_registry_pipeline.lookups.fetching import fetch
from asset_registry_pipeline.registry.song_matches import Found, candidates, sized
from asset_registry_pipeline.registry.song_titles import parse_song_line
from tests.contract.music_services import kinds, service

VARIABLE = "CONTRACT_ITUNES_URL"
SONGS = {"media": "music", "entity": "song", "country": "US"}


@pytest.fixture(params=kinds(VARIABLE))
def itunes(request):
    return service(request.param, VARIABLE, request)


def test_a_song_is_found_by_its_words_with_names_and_a_picture_that_says_its_size(itunes):
    answer = itunes.get("/search", term="Anxiety Doechii", limit="10", **SONGS)
    assert answer.status_code == 200
    assert "javascript" in answer.headers["content-type"]  # JSON that does not say so
    body = answer.json()
    assert body["resultCount"] == len(body["results"]) > 0
    for track in body["results"]:
        assert (track["wrapperType"], track["kind"]) == ("track", "song")
        assert all(isinstance(track[name], str) for name in ("trackName", "artistName", "primaryGenreName"))
        assert isinstance(track["trackTimeMillis"], int)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", track["releaseDate"])
        assert sized(track["artworkUrl100"])[1] == "High"
    found = [
        Found(
            track["trackName"], track["artistName"], track["collectionName"], track["artworkUrl100"], "iTunes"
        )
        for track in body["results"]
    ]
    assert candidates(parse_song_line("Anxiety by Doechii"), found)[0].strong


def test_no_more_results_come_than_are_asked_for(itunes):
    body = itunes.get("/search", term="Anxiety", limit="1", **SONGS).json()
    assert (body["resultCount"], len(body["results"])) == (1, 1)


def test_words_that_nothing_has_find_nothing(itunes):
    body = itunes.get("/search", term="qzxjv wpqkf zzyzxq", limit="10", **SONGS).json()
    assert body == {"resultCount": 0, "results": []}


def test_a_picture_comes_in_the_size_that_its_address_is_given(itunes):
    body = itunes.get("/search", term="Anti-Hero Taylor Swift", limit="1", **SONGS).json()
    got = fetch(sized(body["results"][0]["artworkUrl100"])[0], itunes.policy)
    assert got.content_type == "image/jpeg"
    assert Image.open(io.BytesIO(got.data)).size == (600, 600)
