"""Looking songs up: who is asked, how often, what is kept; a service that may not be asked is no "no match"."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from pymongo import MongoClient

from asset_registry_pipeline.lookups import itunes, musicbrainz
from asset_registry_pipeline.lookups.cache import FOUND_FOR, LOOKUPS, NOT_FOUND_FOR
from asset_registry_pipeline.lookups.candidates import LookUps
from asset_registry_pipeline.lookups.fetching import fetch, policy_of
from asset_registry_pipeline.lookups.limiter import LOCKOUTS, Limiter, LockedOutError, Service
from asset_registry_pipeline.registry.song_titles import SongTitle, parse_song_line
from asset_registry_pipeline.stores.settings import Settings
from local_stack.music.catalogue import (
    BROKEN_PICTURE,
    BY_ANOTHER,
    NO_MATCH,
    ONLY_LIVE,
    ONLY_MUSICBRAINZ,
    SEED,
    SONGS,
    Song,
)
from local_stack.music.faults import Fault
from local_stack.sources.registry.documents import songs
from local_stack.sources.registry.texts import curator_words
from migration_kit.failures import PermanentError, TransientError


class Clock:
    """A clock that only a test moves."""

    def __init__(self):
        self.now = datetime.now(UTC)

    def __call__(self):
        return self.now

    def pass_by(self, **time_):
        self.now += timedelta(**time_)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(mongo_of_module):
    """The migration's database, empty: emptied it is sooner than dropped."""
    with MongoClient(mongo_of_module.uri, tz_aware=True) as client:
        database = client[mongo_of_module.development]
        for name in database.list_collection_names():
            database[name].delete_many({})
        yield database


@pytest.fixture
def settings(music):
    values = {name.lower(): value for name, value in music.environment.items()}
    return Settings("", "", "", "", album_art_bucket="covers", itunes_per_minute="1000", **values)


@pytest.fixture
def make(settings, database, clock, monkeypatch):
    """Open the look-ups; those that are opened again are another process, as far as the services can tell."""
    monkeypatch.setattr(musicbrainz, "SERVICE", Service("MusicBrainz", 1000, 1, musicbrainz.SERVICE.lockouts))
    opened = []

    def open_(**changes):
        values = {name: getattr(settings, name) for name in settings.__dataclass_fields__} | changes
        opened.append(
            LookUps(Settings(**values), database, clock=clock, sleep=lambda _: None, first_delay=0.0)
        )
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


ANXIETY = parse_song_line("Anxiety by Doechii. A smooth track.")
UNKNOWN = SongTitle("Confident Bright", None, "The Playful Rivers", "high", "")


def test_itunes_is_asked_first_and_what_fits_is_offered_in_full_size(make, music, settings):
    found = make().look_up(ANXIETY)
    assert (found.state, found.until) == ("strong", None)
    best = found.candidates[0]
    assert (best.song, best.artist, best.source, best.quality, best.strong) == (
        "Anxiety",
        "Doechii",
        "iTunes",
        "High",
        True,
    )
    assert best.artwork_url.endswith("/600x600bb.jpg")
    assert 150 <= best.duration < 240
    assert fetch(best.artwork_url, policy_of(settings)).content_type == "image/jpeg"
    assert music.control.asked() == {"search": 1, "image": 1}


def test_musicbrainz_is_asked_where_itunes_has_nothing_and_has_the_cover_of_the_release(
    make, music, settings
):
    found = make().look_up(SongTitle("Golden Soft", "Soft Days", "The Neon Echoes", "high", ""))
    assert found.state == "strong"
    assert (found.candidates[0].source, found.candidates[0].quality) == ("MusicBrainz", "High")
    assert found.candidates[0].duration == 150
    assert fetch(found.candidates[0].artwork_url, policy_of(settings)).content_type == "image/jpeg"
    assert music.control.asked()["search"] == 1
    assert music.control.asked()["ws"] == 1


def test_a_release_without_a_cover_is_no_candidate_and_no_failure(make, music):
    bare = Song("Confident Bright", "The Playful Rivers", "Confident", ("musicbrainz",), picture="none")
    music.control.add(bare)
    assert make().look_up(UNKNOWN).state == "none"
    music.control.add(Song("Confident Bright", "The Playful Rivers", "Confident - EP", ("musicbrainz",)))
    assert make().look_up(UNKNOWN, again=True).state == "strong"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(1, "malformed", path="/download/"),
        Fault(1, status=400, path="/release/"),
        Fault(1, "redirect", path="/release/", location="https://169.254.169.254/"),
    ],
)
def test_a_list_of_pictures_that_cannot_be_read_is_a_failure(make, music, fault):
    music.control.order(fault)
    found = make().look_up(SongTitle("Golden Soft", None, "The Neon Echoes", "high", ""))
    assert found.state == "failed"
    assert "Cover Art Archive" in found.why


def test_without_a_contact_musicbrainz_is_not_asked(make, music):
    found = make(musicbrainz_contact="").look_up(
        SongTitle("Golden Soft", None, "The Neon Echoes", "high", "")
    )
    assert found.state == "none"
    assert set(music.control.asked()) == {"search"}


def test_without_a_bucket_nobody_is_asked(make, music):
    assert make(album_art_bucket="").look_up(ANXIETY).state == "off"
    assert make().look_up(SongTitle(None, None, None, "low", "")).state == "none"
    assert music.control.asked() == {}


def test_every_song_of_the_registry_ends_as_its_kind(make):
    look_ups = make()
    states = {}
    for place, made in enumerate(songs(SEED, SONGS, dirt=True)):
        states[place] = look_ups.look_up(parse_song_line(curator_words(made.document["description"])))
    for place, found in states.items():
        expected = {NO_MATCH: "none", BY_ANOTHER: "weak", ONLY_LIVE: "weak"}.get(place, "strong")
        assert (place, found.state, found.why) == (place, expected, found.why)
    assert {states[place].candidates[0].source for place in ONLY_MUSICBRAINZ} == {"MusicBrainz"}
    assert "another artist" in states[BY_ANOTHER].why.replace("By", "by")
    assert "'live'" in states[ONLY_LIVE].why
    assert states[BROKEN_PICTURE].state == "strong"  # whether a picture is whole is not a look-up's to say


def test_a_bare_pair_is_found_in_whichever_order_it_was_written(make):
    for line in ("Anxiety - Doechii", "Doechii - Anxiety"):
        assert make().look_up(parse_song_line(line)).candidates[0].artist == "Doechii"
    only_there = parse_song_line("The Neon Echoes - Golden Soft")
    assert make().look_up(only_there).candidates[0].source == "MusicBrainz"


def test_an_answer_is_kept_whether_it_found_something_or_not(make, music, database):
    for title in (ANXIETY, UNKNOWN):
        first = make().look_up(title)
        asked = music.control.asked()
        assert make().look_up(title) == first
        assert music.control.asked() == asked
    rows = list(database[LOOKUPS].find())
    assert len(rows) == 3  # iTunes twice, MusicBrainz for what iTunes had not
    assert {row["asked"]["title"][0]["song"] for row in rows} == {"Anxiety", "Confident Bright"}
    assert database[LOOKUPS].index_information()["expires_at_1"]["expireAfterSeconds"] == 0


def test_what_found_nothing_is_asked_again_after_a_day_and_what_did_after_a_month(make, music, clock):
    look_ups = make()
    look_ups.look_up(ANXIETY)
    assert look_ups.look_up(UNKNOWN).state == "none"
    music.control.add(Song("Confident Bright", "The Playful Rivers", "Confident"))
    clock.now += NOT_FOUND_FOR - timedelta(seconds=1)
    assert look_ups.look_up(UNKNOWN).state == "none"
    clock.pass_by(seconds=2)
    assert look_ups.look_up(UNKNOWN).state == "strong"
    asked = music.control.asked()["search"]
    look_ups.look_up(ANXIETY)
    assert music.control.asked()["search"] == asked
    clock.now += FOUND_FOR
    look_ups.look_up(ANXIETY)
    assert music.control.asked()["search"] == asked + 1


@pytest.mark.parametrize(
    "other",
    [
        Song("Confident Bright (Live)", "The Playful Rivers", "On Tour"),
        Song("Confident Bright", "The Playful Rivers", "Confident", picture="none"),
    ],
    ids=["live", "without a picture"],
)
def test_what_does_not_fit_hides_for_no_more_than_a_day_what_comes_later(make, music, clock, other):
    music.control.add(other)
    look_ups = make()
    assert look_ups.look_up(UNKNOWN).state in ("weak", "none")
    music.control.add(Song("Confident Bright", "The Playful Rivers", "Confident"))
    clock.now += NOT_FOUND_FOR + timedelta(seconds=1)
    assert look_ups.look_up(UNKNOWN).state == "strong"


def test_a_curator_who_asks_again_gets_a_new_answer(make, music):
    look_ups = make()
    assert look_ups.look_up(UNKNOWN).state == "none"
    music.control.add(Song("Confident Bright", "The Playful Rivers", "Confident"))
    assert look_ups.look_up(UNKNOWN, again=True).state == "strong"
    assert look_ups.look_up(UNKNOWN).state == "strong"


@pytest.mark.parametrize("status", [403, 429])
def test_a_lock_out_is_no_missing_match_and_is_known_to_everybody(make, music, clock, status):
    music.control.order(Fault(1, path="/search", status=status, retry_after="120"))
    found = make(musicbrainz_contact="").look_up(ANXIETY)
    assert (found.state, found.candidates) == ("locked_out", ())
    assert f"answered {status}" in found.why
    assert found.until == clock.now + timedelta(seconds=120)
    assert make(musicbrainz_contact="").look_up(ANXIETY).state == "locked_out"
    assert music.control.asked() == {"search": 1}
    clock.pass_by(seconds=121)
    assert make(musicbrainz_contact="").look_up(ANXIETY).state == "strong"
    assert music.control.asked() == {"search": 2}


def test_while_itunes_is_locked_a_song_that_musicbrainz_knows_is_still_found(make, music):
    music.control.order(Fault(1, path="/search", status=403))
    assert make().look_up(ANXIETY).candidates[0].source == "MusicBrainz"
    assert make().look_up(UNKNOWN).state == "locked_out"


@pytest.mark.parametrize("path", ["/ws/2/recording", "/release/"])
def test_a_lock_out_of_musicbrainz_is_one_too_and_what_itunes_found_is_still_offered(
    make, music, clock, path
):
    title = SongTitle("Warm Bright", None, "The Calm Lights", "high", "")
    music.control.add(Song("Warm Bright", "The Calm Lights", "Bright", known_to=("musicbrainz",)))
    music.control.order(Fault(1, path=path, status=503, retry_after="30"))
    found = make().look_up(title)
    assert (found.state, found.until) == ("locked_out", clock.now + timedelta(seconds=30))
    assert [one.source for one in found.candidates] == ["iTunes"]
    clock.pass_by(seconds=31)
    assert make().look_up(title).state == "strong"


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120), ("0", 60), ("", 60), ("soon", 60), ("-5", 60), ("99999999999999", 86_400), ("\u0661", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1),
    ],
)  # fmt: skip
def test_how_long_a_service_is_left_alone_is_its_own_word_within_bounds(
    database, clock, retry_after, seconds
):
    limiter = Limiter(database, clock=clock)
    assert limiter.lock_out(itunes.service(), 429, retry_after).until == clock.now + timedelta(
        seconds=seconds
    )


def test_a_date_says_when_a_service_may_be_asked_again(database, clock):
    then = clock.now.replace(microsecond=0) + timedelta(minutes=7)
    told = then.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert Limiter(database, clock=clock).lock_out(itunes.service(), 403, told).until == then


def test_a_shorter_lock_out_does_not_end_a_longer_one(database, clock):
    limiter = Limiter(database, clock=clock)
    limiter.lock_out(itunes.service(), 403, "600")
    limiter.lock_out(itunes.service(), 429, "5")
    clock.pass_by(seconds=10)
    with pytest.raises(LockedOutError):
        limiter.refuse_locked_out(itunes.service())
    assert database[LOCKOUTS].count_documents({}) == 1


def test_no_more_than_the_limit_get_a_turn_of_all_who_ask_at_once(database, clock):
    service = Service("iTunes", 20, 60, {})

    def ask(_):
        with contextlib.suppress(LockedOutError):
            Limiter(database, clock=clock).take(service, patience=0)
            return 1
        return 0

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(60))) == 20
    with pytest.raises(LockedOutError) as busy:
        Limiter(database, clock=clock).take(service, patience=50)
    assert clock.now < busy.value.until <= clock.now + timedelta(seconds=61)
    assert all(name.startswith("migration_") for name in database.list_collection_names())


def test_who_is_patient_waits_for_the_next_turn(database, clock):
    service, waited = Service("iTunes", 2, 60, {}), []

    def sleep(seconds):
        waited.append(seconds)
        database["migration_lookup_windows"].delete_many({})  # as the minute has passed

    limiter = Limiter(database, clock=clock, sleep=sleep)
    for _ in range(3):
        limiter.take(service, patience=120)
    assert len(waited) == 1
    assert 50 < waited[0] <= 60


def test_the_database_stays_open_when_a_limiter_is_thrown_away(database, clock):
    import gc

    Limiter(database, clock=clock).take(Service("iTunes", 2, 60, {}), patience=0)
    gc.collect()
    assert database.client.admin.command("ping")


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(3, path="/search", status=500), "iTunes: it answers 500"),
        (Fault(3, "hang_up", path="/search"), "iTunes: it cannot be reached"),
        (Fault(1, "malformed", path="/search"), "no JSON"),
        (Fault(1, "html", path="/search"), "no JSON"),
        (Fault(1, "endless", path="/search"), "more than 4 MB"),
        (Fault(1, "compressed", path="/search"), "compressed"),
        (Fault(1, "redirect", path="/search", location="http://127.0.0.1/"), "answers 302"),
        (Fault(1, path="/search", status=400), "answers 400"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Fault) else None,
)
def test_a_failure_is_told_as_one_and_kept_by_nobody(make, music, database, fault, why):
    music.control.order(fault)
    found = make(musicbrainz_contact="").look_up(ANXIETY)
    assert (found.state, found.candidates) == ("failed", ())
    assert why in found.why
    assert database[LOOKUPS].count_documents({}) == 0
    assert make(musicbrainz_contact="").look_up(ANXIETY).state == "strong"


def test_a_failure_that_passes_is_not_noticed(make, music):
    music.control.order(Fault(2, path="/search", status=503))
    assert make().look_up(ANXIETY).state == "strong"


def test_a_service_that_is_not_there_is_a_failure(make):
    found = make(itunes_url="https://localhost:1", musicbrainz_contact="").look_up(ANXIETY)
    assert (found.state, "cannot be reached" in found.why) == ("failed", True)


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({"itunes_url": "http://itunes.example"}, "ITUNES_URL"),
        ({"itunes_url": "itunes.example"}, "ITUNES_URL"),
        ({"musicbrainz_url": "ftp://musicbrainz.example"}, "MUSICBRAINZ_URL"),
        ({"itunes_per_minute": "many"}, "ITUNES_PER_MINUTE"),
    ],
)
def test_a_setting_that_is_wrong_is_named(make, values, variable):
    with pytest.raises(PermanentError, match=variable):
        make(**values).look_up(ANXIETY)


def test_a_database_that_does_not_answer_is_no_failed_look_up(settings, clock):
    with MongoClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50) as client:
        look_ups = LookUps(settings, client["x"], clock=clock)
        with pytest.raises(TransientError, match="development"):
            look_ups.look_up(ANXIETY)
        look_ups.close()


@pytest.mark.parametrize(
    "song",
    [
        "=cmd|' /C calc'!A0",
        'Quote " and \\ slash',
        "\ud800 alone",
        "a" * 5_000,
        "\u0000null",
        "AND OR NOT",
        "*",
    ],
)
def test_odd_words_are_asked_for_without_harm(make, song):
    assert make().look_up(SongTitle(song, None, "Somebody", "low", "")).state in ("none", "weak", "failed")


def test_a_look_up_that_is_kept_costs_little(make):
    look_ups = make()
    look_ups.look_up(ANXIETY)
    begun = time.perf_counter()
    for _ in range(20):
        look_ups.look_up(ANXIETY)
    assert (time.perf_counter() - begun) / 20 < 0.1
