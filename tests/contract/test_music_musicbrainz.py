"""What MusicBrainz and the Cover Art Archive answer, as far as a look-up reads it; see `music_services`."""

import json
import uuid

import pytest

from asset_registry_pipeline.lookups.fetching import UnfitContentError, fetch
from asset_registry_pipeline.lookups.musicbrainz import _largest
from tests.contract.music_services import kinds, service

VARIABLE = "CONTRACT_MUSICBRAINZ_URL"
QUERY = 'recording:"Anti-Hero" AND artist:"Taylor Swift"'


@pytest.fixture(params=kinds(VARIABLE))
def musicbrainz(request):
    return service(request.param, VARIABLE, request)


def test_a_recording_is_found_with_its_credit_and_its_releases(musicbrainz):
    answer = musicbrainz.get("/ws/2/recording", query=QUERY, fmt="json", limit="10")
    assert answer.status_code == 200
    body = answer.json()
    assert body["count"] >= len(body["recordings"]) > 0
    recording = body["recordings"][0]
    assert recording["title"].casefold().startswith("anti")
    assert recording["artist-credit"][0]["name"] == "Taylor Swift"
    release = recording["releases"][0]
    assert str(uuid.UUID(release["id"])) == release["id"]
    assert isinstance(release["title"], str)
    assert isinstance(release.get("status", ""), str)
    assert release["release-group"].get("secondary-types", []) is not None


def test_no_more_recordings_come_than_are_asked_for(musicbrainz):
    body = musicbrainz.get("/ws/2/recording", query='recording:"Anxiety"', fmt="json", limit="1").json()
    assert len(body["recordings"]) == 1
    assert body["count"] > 1


def test_words_that_nothing_has_find_nothing(musicbrainz):
    answer = musicbrainz.get("/ws/2/recording", query='recording:"qzxjv wpqkf zzyzxq"', fmt="json")
    assert (answer.json()["count"], answer.json()["recordings"]) == (0, [])


def test_quotes_and_backslashes_in_a_question_are_escaped_and_harmless(musicbrainz):
    answer = musicbrainz.get("/ws/2/recording", query='recording:"say \\"hi\\" \\\\ qzxjv"', fmt="json")
    assert answer.status_code == 200


def test_a_release_has_a_list_of_pictures_whose_front_comes_through_redirects(musicbrainz):
    body = musicbrainz.get("/ws/2/recording", query=QUERY, fmt="json", limit="10").json()
    releases = [release["id"] for recording in body["recordings"] for release in recording["releases"]]
    for mbid in releases[:5]:
        try:
            listed = fetch(f"{musicbrainz.cover_art_url}/release/{mbid}", musicbrainz.policy, types=None)
        except UnfitContentError as missing:
            if missing.status == 404:
                continue
            raise
        images = json.loads(listed.data)["images"]
        front = next(image for image in images if image["front"])
        assert front["approved"] is True
        assert {"250", "500", "1200"} <= front["thumbnails"].keys()
        address, quality = _largest(front)
        assert (quality, address.startswith("https://")) == ("High", True)
        assert fetch(address, musicbrainz.policy).content_type == "image/jpeg"
        return
    pytest.fail("none of the releases has a picture")


def test_a_release_that_is_not_there_has_no_list(musicbrainz):
    with pytest.raises(UnfitContentError) as missing:
        fetch(f"{musicbrainz.cover_art_url}/release/{uuid.uuid4()}", musicbrainz.policy, types=None)
    assert missing.value.status == 404
