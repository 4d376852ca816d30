"""Answers of music services as they should not be: what can be read is read, what cannot is named, nothing breaks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.lookups import itunes, musicbrainz
from asset_registry_pipeline.lookups.answers import UnreadableAnswerError, seconds_of, text_of
from asset_registry_pipeline.lookups.urls import Policy
from asset_registry_pipeline.registry.song_matches import Found
from asset_registry_pipeline.registry.song_titles import SongTitle

ANXIETY = SongTitle("Anxiety", None, "Doechii", "high", "")
MBID = "76df3287-6cda-33eb-8e9a-044b5e15ffdd"
_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_tracks = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("trackName", "artistName", "collectionName", "artworkUrl100", "trackTimeMillis"), _json
    ),
)
_recordings = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("title", "artist-credit", "releases", "length"), _json)
)


class Answering:
    """Asks nobody: gives this answer, and keeps what was asked."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []

    def json(self, service, url, params, *, patience, agent=None):
        self.asked.append((url, params, agent))
        return self.answer


def tracks(*results):
    return itunes.search(
        Answering({"results": list(results)}), itunes.service(), "https://x", ANXIETY, patience=0
    )


def track(**changes):
    return {
        "trackName": "Anxiety", "artistName": "Doechii", "collectionName": "Anxiety - Single",
        "artworkUrl100": "https://is1-ssl.mzstatic.com/a/100x100bb.jpg", "trackTimeMillis": 249_000,
    } | changes  # fmt: skip


def test_a_track_is_read_with_its_picture_in_full_size_and_its_length():
    assert tracks(track()) == (
        Found(
            *("Anxiety", "Doechii", "Anxiety - Single", "https://is1-ssl.mzstatic.com/a/600x600bb.jpg"),
            *("iTunes", "High", 249.0),
        ),
    )


def test_itunes_is_asked_for_songs_by_song_and_artist():
    asking = Answering({"results": []})
    itunes.search(asking, itunes.service(), "https://itunes.apple.com", ANXIETY, patience=0)
    assert asking.asked == [
        (
            "https://itunes.apple.com/search",
            {"term": "Anxiety Doechii", "media": "music", "entity": "song", "limit": "10", "country": "US"},
            None,
        )
    ]


def test_the_largest_picture_that_is_named_is_taken_and_none_is_invented():
    smaller = track(artworkUrl100=None, artworkUrl60="https://is1-ssl.mzstatic.com/a/60x60bb.jpg")
    assert tracks(smaller)[0].artwork_url.endswith("/600x600bb.jpg")
    assert tracks(track(artworkUrl100=7))[0].artwork_url == ""


@pytest.mark.parametrize(
    "result", [None, 5, "x", [], {}, track(trackName=None), track(artistName=["Doechii"])]
)
def test_a_result_that_names_no_song_is_left_out_and_its_neighbours_are_not(result):
    assert len(tracks(result, track())) == 1


@pytest.mark.parametrize("answer", [None, [], "x", 5, {}, {"results": None}, {"results": {"0": {}}}])
def test_an_answer_without_results_is_named_and_is_no_empty_one(answer):
    with pytest.raises(UnreadableAnswerError, match="iTunes: its answer has no list of results"):
        itunes.search(Answering(answer), itunes.service(), "https://x", ANXIETY, patience=0)


def releases(recording):
    return list(musicbrainz._releases(recording))


def test_a_recording_is_read_on_each_release_with_collections_last():
    recording = {
        "title": "Anxiety",
        "length": 249_000,
        "artist-credit": [{"name": "Doechii", "joinphrase": " feat. "}, {"name": "Kodak Black"}],
        "releases": [
            {
                "id": MBID,
                "title": "Hits",
                "status": "Official",
                "release-group": {"secondary-types": ["Compilation"]},
            },
            {
                "id": MBID.upper(),
                "title": "Anxiety",
                "status": "Official",
                "release-group": {"primary-type": "Single"},
            },
            {"id": "../../etc/passwd", "title": "No identifier"},
            "no release",
        ],
    }
    found = releases(recording)
    assert [(one.album, one.artist, one.duration, mbid) for one, mbid in found] == [
        ("Anxiety", "Doechii feat. Kodak Black", 249.0, MBID),
        ("Hits", "Doechii feat. Kodak Black", 249.0, MBID),
    ]


def test_what_is_asked_of_musicbrainz_holds_no_operators_of_its_language():
    title = SongTitle('Say "hi" \\ AND (x)', None, 'A" OR artist:"B', "low", "")
    assert musicbrainz._query(title) == r'recording:"Say \"hi\" \\ AND (x)" AND artist:"A\" OR artist:\"B"'


def test_musicbrainz_is_told_whom_to_write_to():
    asking = Answering({"recordings": []})
    places = musicbrainz.Addresses("https://mb", "https://caa", "me@registry.example", Policy())
    assert musicbrainz.search(asking, musicbrainz.SERVICE, places, ANXIETY, patience=0) == ()
    assert asking.asked[0][2] == "asset-registry-migration/1 ( me@registry.example )"


@pytest.mark.parametrize(
    ("image", "address"),
    [
        (
            {"thumbnails": {"1200": "http://caa/1200.jpg", "500": "http://caa/500.jpg"}},
            ("https://caa/1200.jpg", "High"),
        ),
        ({"thumbnails": {"large": "https://caa/500.jpg"}}, ("https://caa/500.jpg", "Medium")),
        ({"thumbnails": {"small": "https://caa/250.jpg"}}, ("https://caa/250.jpg", "Low")),
        ({"thumbnails": None, "image": "http://caa/1.jpg"}, ("https://caa/1.jpg", "Medium")),
        ({"thumbnails": {"500": 5}}, ("", "Medium")),
    ],
)
def test_the_largest_front_is_taken_over_a_secure_address(image, address):
    assert musicbrainz._largest(image) == address


@given(st.lists(_json | _tracks, max_size=4))
def test_whatever_itunes_answers_is_read_without_breaking(results):
    for one in tracks(*results):
        assert one.song
        assert one.artist
        one.song.encode("utf-8")


@given(_json | _recordings)
def test_whatever_musicbrainz_answers_is_read_without_breaking(recording):
    if isinstance(recording, dict):
        for one, mbid in releases(recording):
            assert one.song
            assert one.artist
            assert len(mbid) == 36


@given(st.text() | st.integers())
def test_a_text_of_an_answer_can_be_stored_and_shown_in_one_line(value):
    text = text_of(value)
    assert text.isprintable()
    assert text == text.strip()
    text.encode("utf-8")


@pytest.mark.parametrize("length", [None, True, "249000", 0, -1, float("nan"), float("inf"), 10**12, []])
def test_a_length_that_no_song_has_is_none(length):
    assert seconds_of(length) is None
