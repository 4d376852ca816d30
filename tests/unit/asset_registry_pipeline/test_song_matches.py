"""How well what a music service found fits a song: what is taken unattended, what a curator is shown, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.song_matches import (
    MOST_OFFERED,
    STRONG,
    Found,
    best_first,
    candidates,
    orders,
    other_versions,
    search_words,
    sized,
)
from asset_registry_pipeline.registry.song_names import (
    ARTIST_FLOOR,
    artist_likeness,
    title_likeness,
    without_credit,
)
from asset_registry_pipeline.registry.song_titles import EITHER_WAY, SongTitle, parse_song_line


def title(song, artist=None, album=None, *ambiguous):
    return SongTitle(song, album, artist, "high", "", tuple(ambiguous))


def found(song, artist, album="", picture="https://is1-ssl.mzstatic.com/{}/600x600bb.jpg"):
    return Found(song, artist, album, picture.format(hash((song, artist, album))), "iTunes", "High")


def only(asked, *things):
    offered = candidates(asked, things)
    assert len(offered) == 1
    return offered[0]


REAL = {
    "Anxiety by Doechii.  A smooth and introspective track": ("Anxiety", "Doechii", "Anxiety - Single"),
    "What It Is (Block Boy) \u2013 Doechii ft. Kodak Black. A playful R&B duet": (
        "What It Is (Block Boy) [feat. Kodak Black]",
        "Doechii",
        "What It Is (Block Boy) [feat. Kodak Black] - Single",
    ),
    "Party in the U.S.A. by Miley Cyrus in The Time of Our Lives": (
        "Party In the U.S.A.",
        "Miley Cyrus",
        "The Time of Our Lives (International Version) - EP",
    ),
    "Anti-Hero - Midnights - Taylor Swift": ("Anti-Hero", "Taylor Swift", "Midnights (3am Edition)"),
    "Stand by Me by Ben E. King": ("Stand By Me", "Ben E King", "The Very Best of Ben E. King"),
    "Pretty Little Baby by Connie Francis": ("Pretty Little Baby", "Connie Francis", "Second Hand Love"),
    "Anxiety by Doechii in Anxiety - Single": ("Anxiety", "Doechii", "Anxiety - Single"),
    "NOKIA by Drake in $ome $exy $ongs 4 U": ("NOKIA", "Drake", "$ome $exy $ongs 4 U"),
}


@pytest.mark.parametrize("line", REAL)
def test_a_real_line_takes_its_song_unattended(line):
    assert only(parse_song_line(line), found(*REAL[line])).strong


@pytest.mark.parametrize("line", REAL)
def test_a_real_line_never_takes_the_same_title_by_another_artist(line):
    offered = only(parse_song_line(line), found(REAL[line][0], "Sing King", REAL[line][2]))
    assert not offered.strong
    assert "another artist: 'Sing King'" in offered.why.replace("By", "by")
    assert offered.score < 0.5


@pytest.mark.parametrize(
    ("asked", "credited", "same"),
    [
        ("Taylor Swift", "taylor swift", True),
        ("Beyonce", "Beyonc\u00e9", True),
        ("Weeknd", "The Weeknd", True),
        ("BB King", "B.B. King", True),
        ("A$AP Rocky", "ASAP Rocky", True),
        ("Simon & Garfunkel", "Simon and Garfunkel", True),
        ("Doechii ft. Kodak Black", "Doechii", True),
        ("Lady Gaga & Bruno Mars", "Bruno Mars, Lady Gaga", True),
        ("Kings of Leon", "Kings of Leone", True),
        ("Queen", "Queens", False),
        ("Drake", "Drakes", False),
        ("Blink-182", "Blink-183", False),
        ("Earth", "Earth, Wind & Fire", False),
        ("Earth, Wind & Fire", "Earth", False),
        ("Lady Gaga & Bruno Mars", "Lady Gaga", False),
        ("Doechii", "Sleepy Hallow", False),
        ("The Beatles", "The Beatles Revival Band", False),
        ("!!!", "???", False),
        ("\ubc29\ud0c4\uc18c\ub144\ub2e8", "BTS", False),
    ],
)
def test_an_artist_is_the_same_or_another_one(asked, credited, same):
    likeness, told = artist_likeness(asked, credited)
    assert (likeness >= ARTIST_FLOOR) is same
    assert same or told


def test_who_is_featured_may_stand_in_the_title_or_in_the_credit():
    asked = title("Die With A Smile", "Lady Gaga & Bruno Mars")
    assert only(asked, found("Die With A Smile (feat. Bruno Mars)", "Lady Gaga")).strong
    assert only(asked, found("Die With A Smile (with Bruno Mars)", "Lady Gaga")).strong
    assert not only(asked, found("Die With A Smile", "Lady Gaga")).strong


@pytest.mark.parametrize(
    ("version", "word"),
    [
        ("{} (Live)", "live"),
        ("{} - Live at Wembley", "live"),
        ("{} (ILLENIUM Remix)", "remix"),
        ("{} (Karaoke Version)", "karaoke"),
        ("{} (A Tribute to Taylor Swift)", "tribute"),
        ("{} [Cover]", "cover"),
        ("{} (Sped Up)", "sped up"),
        ("{} (Acoustic)", "acoustic"),
    ],
)
def test_another_recording_of_the_song_is_for_the_curator(version, word):
    offered = candidates(
        title("Anti-Hero", "Taylor Swift"), [found(version.format("Anti-Hero"), "Taylor Swift")]
    )
    assert not any(one.strong for one in offered)
    assert all(f"'{word}'" in one.why for one in offered)


@pytest.mark.parametrize(
    "said",
    ["Piano", "8D Audio", "Demo", "Originally Performed by Taylor Swift", "In the Style of Taylor Swift"],
)
def test_brackets_that_tell_of_another_version_are_for_the_curator(said):
    offered = only(title("Anti-Hero", "Taylor Swift"), found(f"Anti-Hero ({said})", "Taylor Swift"))
    assert not offered.strong
    assert said in offered.why


def test_an_artist_who_may_be_the_same_one_is_not_called_another():
    assert artist_likeness("P!nk", "Pink")[1] == "perhaps by another artist: 'Pink', not 'P!nk'"
    assert artist_likeness("Adele", "Drake")[1] == "by another artist: 'Drake', not 'Adele'"


@pytest.mark.parametrize(
    "name", ["Live Forever", "Alive", "Undercover", "Coverdale", "Deliver", "Remixology"]
)
def test_only_whole_words_that_one_side_alone_has_make_another_recording(name):
    assert other_versions(title(name, "Oasis"), found(name, "Oasis")) == ()
    assert only(title(name, "Oasis"), found(name, "Oasis")).strong


def test_who_asks_for_the_live_recording_gets_that_one():
    asked = title("Anti-Hero (Live)", "Taylor Swift")
    offered = candidates(
        asked, [found("Anti-Hero", "Taylor Swift"), found("Anti-Hero (Live)", "Taylor Swift")]
    )
    assert [(one.song, one.strong) for one in offered] == [("Anti-Hero (Live)", True), ("Anti-Hero", False)]


def test_a_live_album_is_another_cover_than_the_one_that_is_asked_for():
    assert not only(
        title("Anti-Hero", "Taylor Swift"), found("Anti-Hero", "Taylor Swift", "Live in Paris")
    ).strong
    asked = title("Anti-Hero", "Taylor Swift", "Live in Paris")
    assert only(asked, found("Anti-Hero (Live)", "Taylor Swift", "Live in Paris")).strong


def test_a_song_of_another_album_than_the_named_one_is_for_the_curator():
    offered = only(
        title("Anti-Hero", "Taylor Swift", "Midnights"), found("Anti-Hero", "Taylor Swift", "Pop Hits 2022")
    )
    assert not offered.strong
    assert "'Pop Hits 2022', not 'Midnights'" in offered.why


def test_a_bare_pair_is_looked_at_in_both_orders():
    line = parse_song_line("Doechii - Anxiety")
    assert EITHER_WAY in line.ambiguous
    assert [one.song for one in orders(line)] == ["Doechii", "Anxiety"]
    assert only(line, found("Anxiety", "Doechii")).strong


def test_a_pair_that_is_a_song_in_both_orders_is_for_the_curator():
    offered = candidates(
        parse_song_line("Doechii - Anxiety"), [found("Anxiety", "Doechii"), found("Doechii", "Anxiety")]
    )
    assert [one.strong for one in offered] == [False, False]
    assert all("another song, which is there as well" in one.why for one in offered)


def test_without_an_artist_nothing_is_taken_unattended():
    offered = only(title("Anxiety"), found("Anxiety", "Doechii"))
    assert not offered.strong
    assert "no artist is asked for" in offered.why.lower()


def test_what_has_no_picture_is_no_candidate_but_is_still_known():
    bare = found("Anxiety", "Doechii", picture="")
    assert candidates(title("Anxiety", "Doechii"), [bare]) == ()
    assert best_first(title("Anxiety", "Doechii"), [bare]) == (bare,)


def test_another_song_is_not_shown_at_all():
    assert candidates(title("Anxiety", "Doechii"), [found("Denial Is a River", "Doechii")]) == ()


def test_the_words_to_search_for_leave_out_who_is_featured():
    assert (
        search_words(title("What It Is (feat. Kodak Black)", "Doechii ft. Kodak Black"))
        == "What It Is Doechii"
    )
    assert search_words(title("Anxiety", None, "Anxiety")) == "Anxiety Anxiety"
    assert without_credit("Doechii featuring Kodak Black") == "Doechii"


@pytest.mark.parametrize(
    ("url", "becomes", "quality"),
    [
        ("https://a.example/x/100x100bb.jpg", "https://a.example/x/600x600bb.jpg", "High"),
        ("https://a.example/x/60x60.png", "https://a.example/x/600x600bb.jpg", "High"),
        ("https://a.example/x/100x100bb-85.jpg", "https://a.example/x/600x600bb.jpg", "High"),
        ("https://a.example/x/1200x630cw.webp", "https://a.example/x/600x600bb.jpg", "High"),
        ("https://a.example/x/100x100bbc.jpg", None, "Medium"),
        ("https://a.example/x/cover.jpg", None, "Medium"),
        ("https://a.example/x/100x100bb.gif", None, "Medium"),
        ("https://a.example/100x100bb.jpg?v=1", None, "Medium"),
        ("", None, "Medium"),
    ],
)
def test_a_picture_is_asked_for_in_600_by_600_where_its_address_says_a_size(url, becomes, quality):
    assert sized(url) == (becomes or url, quality)


_words = st.text(max_size=40)
_titles = st.builds(
    title, st.none() | _words, st.none() | _words, st.none() | _words, *[st.sampled_from(["", EITHER_WAY])]
)
_found = st.builds(found, _words, _words, _words)


@given(_titles, st.lists(_found, max_size=10))
def test_nothing_is_strong_whose_artist_is_another_one(asked, things):
    offered = candidates(asked, things)
    assert len(offered) <= MOST_OFFERED
    for one in offered:
        assert 0.0 <= one.score <= 1.0
        assert one.why
        if one.strong:
            credited = max(
                artist_likeness(each.artist or "", one.artist, featured=one.song)[0] for each in orders(asked)
            )
            assert credited >= ARTIST_FLOOR
            assert one.score >= STRONG
            assert "another recording" not in one.why
    assert list(offered) == sorted(offered, key=lambda one: (not one.strong, -one.score))


@given(_words, _words)
def test_likeness_does_not_depend_on_who_is_asked_first(one, other):
    assert title_likeness(one, other) == title_likeness(other, one)
    assert 0.0 <= title_likeness(one, other) <= 1.0


@given(st.text("abcdefghij ", min_size=1, max_size=30), st.text("klmnopqrst ", min_size=1, max_size=30))
def test_a_song_fits_itself_unless_it_says_nothing(song, artist):
    asked = title(song.strip() or "a", artist.strip() or "k")
    assert only(asked, found(asked.song, asked.artist)).strong
    assert not any(one.strong for one in candidates(asked, [found(asked.song, asked.song)]))


@given(st.lists(_found, max_size=8), _titles)
def test_the_order_in_which_songs_are_found_changes_no_verdict(things, asked):
    forth, back = candidates(asked, things), candidates(asked, things[::-1])
    assert sorted((one.score, one.strong) for one in forth) == sorted((one.score, one.strong) for one in back)


def test_another_way_of_reading_a_line_is_looked_up_too():
    line = parse_song_line("Anti-Hero by Taylor Swift - Midnights")
    assert [one.artist for one in orders(line)] == ["Taylor Swift", "Midnights"]
    assert only(line, found("Anti-Hero", "Taylor Swift", "Midnights")).strong


def test_of_a_cover_the_picture_of_whom_it_covers_is_never_taken_unattended():
    offered = only(parse_song_line("Hallelujah (Jeff Buckley cover)"), found("Hallelujah", "Jeff Buckley"))
    assert not offered.strong
    assert "who plays it is not said" in offered.why
