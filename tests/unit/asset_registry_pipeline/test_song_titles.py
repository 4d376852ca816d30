"""Songs' lines as people write them: what is read, how sure that is, and that no text makes the parser fail."""

from time import perf_counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asset_registry_pipeline.registry.song_titles import (
    A_COVER,
    EITHER_WAY,
    SongTitle,
    first_sentence,
    parse_song_line,
)

IN, ON = (f"'{word}' may belong to the artist or the title" for word in ("in", "on"))
BY_TWICE = "' by ' occurs more than once"
BEHIND_DASH = "what stands behind the dash may be the album or the artist"
NO_ARTIST = "no artist is named"


def read(line: str) -> tuple[str | None, str | None, str | None]:
    title = parse_song_line(line)
    assert title.original == line
    return title.song, title.album, title.artist


# Every line that the contract names, whole where it is whole there.
SPEC = {
    "Anxiety by Doechii.  A smooth ...": ("Anxiety", None, "Doechii", "high", ()),
    "Anxiety by Doechii.  A smooth and introspective track ...": ("Anxiety", None, "Doechii", "high", ()),
    "What It Is (Block Boy) \u2013 Doechii ft. Kodak Black. ...":
        ("What It Is (Block Boy)", None, "Doechii ft. Kodak Black", "low", (EITHER_WAY,)),
    "Party in the U.S.A. by Miley Cyrus in The Time of Our Lives":
        ("Party in the U.S.A.", "The Time of Our Lives", "Miley Cyrus", "medium", (IN,)),
    "Anti-Hero - Midnights - Taylor Swift": ("Anti-Hero", "Midnights", "Taylor Swift", "high", ()),
    "Stand by Me by Ben E. King": ("Stand by Me", None, "Ben E. King", "medium", (BY_TWICE,)),
    "Pretty Little Baby by Connie Francis": ("Pretty Little Baby", None, "Connie Francis", "high", ()),
    "Anxiety by Doechii in Anxiety - Single": ("Anxiety", "Anxiety", "Doechii", "medium", (IN,)),
    "NOKIA by Drake in $ome $exy $ongs 4 U": ("NOKIA", "$ome $exy $ongs 4 U", "Drake", "medium", (IN,)),
    "Song Name - Album Name - Artist/Band": ("Song Name", "Album Name", "Artist/Band", "high", ()),
    "Song by Artist from Album": ("Song", "Album", "Artist", "high", ()),
}  # fmt: skip


@pytest.mark.parametrize("line", SPEC)
def test_each_line_of_the_contract_is_read_as_it_is_meant(line: str) -> None:
    title = parse_song_line(line)
    assert (title.song, title.album, title.artist, title.confidence, title.ambiguous) == SPEC[line]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Anxiety \u2014 Alligator \u2014 Doechii", ("Anxiety", "Alligator", "Doechii")),
        ("Anti-Hero-Midnights-Taylor Swift", ("Anti-Hero-Midnights-Taylor Swift", None, None)),
        ("Anxiety\t-  Alligator\u00a0- Doechii", ("Anxiety", "Alligator", "Doechii")),
        ("Halo - - Sasha - - Beyonce", ("Halo", "Sasha", "Beyonce")),
        ("Anxiety - by Doechii", ("Anxiety", None, "Doechii")),
        ("Anxiety - Alligator - by Doechii", ("Anxiety", "Alligator", "Doechii")),
        ("What It Is (Solo - Version) - Alligator - Doechii", ("What It Is (Solo - Version)", "Alligator", "Doechii")),
    ],
)  # fmt: skip
def test_a_dash_parts_a_line_only_with_blanks_around_it_and_outside_brackets(
    line: str, expected: tuple[str | None, ...]
) -> None:
    assert read(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Song by Artist from Album off Road in Town", ("Song", "Album off Road in Town", "Artist")),
        ("Song by Artist in Town from Album", ("Song", "Album", "Artist in Town")),
        ("Song by Artist off Album in Town", ("Song", "Album in Town", "Artist")),
        ("Song by Artist on Stage in Town", ("Song", "Town", "Artist on Stage")),
        ("Song by Artist on Album", ("Song", "Album", "Artist")),
        ("Song by Artist FROM Album", ("Song", "Album", "Artist")),
        ('Song by Artist from the album "Album"', ("Song", "Album", "Artist")),
        ("Song by Artist off her album Album", ("Song", "Album", "Artist")),
    ],
)
def test_the_album_stands_behind_the_first_of_from_off_in_and_on(
    line: str, expected: tuple[str, ...]
) -> None:
    assert read(line) == expected


@pytest.mark.parametrize("word", ["in", "on"])
def test_in_and_on_are_flagged_and_from_and_off_are_not(word: str) -> None:
    assert parse_song_line(f"Song by Artist {word} Album").confidence == "medium"
    for sure in ("from", "off"):
        assert parse_song_line(f"Song by Artist {sure} Album").ambiguous == ()


@pytest.mark.parametrize("album", ["Unknown Album", "unknown", "Single", "EP", "(Single)", "N/A", "-"])
def test_an_album_that_is_none_is_dropped_wherever_it_stands(album: str) -> None:
    assert read(f"Halo - {album} - Beyonc\u00e9") == ("Halo", None, "Beyonc\u00e9")
    assert read(f"Halo by Beyonc\u00e9 from {album}") == ("Halo", None, "Beyonc\u00e9")
    assert read(f"Halo by Beyonc\u00e9 - {album}") == ("Halo", None, "Beyonc\u00e9")


def test_of_a_bare_pair_both_orders_are_offered() -> None:
    title = parse_song_line("Halo \u2013 Beyonc\u00e9")
    assert (title.song, title.artist, title.confidence) == ("Halo", "Beyonc\u00e9", "low")
    assert title.ambiguous == (EITHER_WAY,)
    assert [(other.song, other.artist) for other in title.alternatives] == [("Beyonc\u00e9", "Halo")]
    assert parse_song_line("Anxiety - Doechii - Single").alternatives[0].song == "Doechii"


def test_behind_a_named_artist_a_dash_may_bring_the_album_or_the_artist_and_both_are_offered() -> None:
    title = parse_song_line("Anti-Hero by Taylor Swift - Midnights")
    assert (title.song, title.album, title.artist) == ("Anti-Hero", "Midnights", "Taylor Swift")
    assert title.ambiguous == (BEHIND_DASH,)
    assert [(other.song, other.artist) for other in title.alternatives] == [
        ("Anti-Hero by Taylor Swift", "Midnights")
    ]


def test_the_by_of_a_title_names_no_artist() -> None:
    assert read("Stand by Me") == ("Stand by Me", None, None)
    assert read("Stand by Me - Ben E. King") == ("Stand by Me", None, "Ben E. King")
    assert read('"Stand by Me" by Ben E. King') == ("Stand by Me", None, "Ben E. King")
    assert parse_song_line('"Stand by Me" by Ben E. King').confidence == "high"
    assert read("Anxiety (Live by the Sea)") == ("Anxiety (Live by the Sea)", None, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Anxiety by Doechii feat. Kodak Black", ("Anxiety", None, "Doechii feat. Kodak Black")),
        ("Anxiety by Doechii ft. J. T. from Album. A duet.", ("Anxiety", "Album", "Doechii ft. J. T.")),
        ("What It Is ft. Kodak Black by Doechii", ("What It Is", None, "Doechii ft. Kodak Black")),
        ("What It Is featuring Kodak Black - Alligator - Doechii",
         ("What It Is", "Alligator", "Doechii featuring Kodak Black")),
        ("What It Is (feat. Kodak Black) by Doechii", ("What It Is (feat. Kodak Black)", None, "Doechii")),
    ],
)  # fmt: skip
def test_a_guest_stays_with_the_artist_unless_in_brackets_of_the_title(
    line: str, expected: tuple[str | None, ...]
) -> None:
    assert read(line) == expected


def test_a_cover_names_whom_it_covers_and_a_person_has_to_say_who_plays_it() -> None:
    title = parse_song_line("Hallelujah (Jeff Buckley cover)")
    assert (title.song, title.artist, title.confidence) == ("Hallelujah", "Jeff Buckley", "low")
    assert title.ambiguous == (A_COVER,)
    played = parse_song_line("Hallelujah [Leonard Cohen Cover] by Jeff Buckley")
    assert (played.song, played.artist) == ("Hallelujah [Leonard Cohen Cover]", "Jeff Buckley")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n \n Anxiety by Doechii \nA smooth track.", "Anxiety by Doechii"),
        ("Help! by The Beatles. A hit.", "Help! by The Beatles"),
        ("What's Going On? \u2013 Marvin Gaye. A plea.", "What's Going On? \u2013 Marvin Gaye"),
        ("Mr. Brightside by The Killers. Loud.", "Mr. Brightside by The Killers"),
        ("Song by Jay Z. A smooth track.", "Song by Jay Z"),
        ("Stand by Me by Ben E. King. Old.", "Stand by Me by Ben E. King"),
        ("Party in the U.S.A.", "Party in the U.S.A."),
        ("P.I.M.P. by 50 Cent...", "P.I.M.P. by 50 Cent"),
        ("Don\u2019t Start Now by Dua Lipa\u2026", "Don't Start Now by Dua Lipa"),
        ("Song: Anxiety by Doechii", "Anxiety by Doechii"),
        ("3. Anxiety by Doechii", "Anxiety by Doechii"),
        ("\u200fHalo\u200b by\u2028Beyonc\u0065\u0301", "Halo by"),
        ("", ""),
        (" . \u2026 \n", ""),
    ],
)
def test_only_the_first_line_or_sentence_is_the_title(text: str, line: str) -> None:
    assert first_sentence(text) == line


@pytest.mark.parametrize(
    "line",
    [
        "Anxiety by Doechii, a smooth track",
        "Anxiety by Doechii - a smooth and honest track",
        "Anxiety by Doechii is a smooth track from the South",
        "Anxiety by Doechii \u2013 This track is smooth",
    ],
)
def test_a_description_behind_the_artist_is_no_part_of_the_title(line: str) -> None:
    assert read(line) == ("Anxiety", None, "Doechii")
    assert read("See You Again by Tyler, the Creator")[2] == "Tyler, the Creator"


def test_a_pair_that_is_written_small_loses_no_half_to_that() -> None:
    assert read("Timbaland - the way I are") == ("Timbaland", None, "the way I are")
    assert parse_song_line("Timbaland - the way I are").alternatives[0].song == "the way I are"
    assert read("Halo - Sasha - a smooth track") == ("Halo", None, "Sasha")


@pytest.mark.parametrize(
    "line", ["A smooth track by a young band", "One song by The Weeknd", "a hit by Drake"]
)
def test_what_may_be_a_description_is_told(line: str) -> None:
    title = parse_song_line(line)
    assert (title.confidence, title.ambiguous) == ("medium", ("it may be a description rather than a title",))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\u05d4\u05ea\u05e7\u05d5\u05d5\u05d4 by \u05e2\u05d5\u05e4\u05e8\u05d4 \u05d7\u05d6\u05d4",
         ("\u05d4\u05ea\u05e7\u05d5\u05d5\u05d4", None, "\u05e2\u05d5\u05e4\u05e8\u05d4 \u05d7\u05d6\u05d4")),
        ("\u200f\u0625\u0646\u062a - \u0639\u0645\u0631\u064a - \u0623\u0645 \u0643\u0644\u062b\u0648\u0645\u200f",
         ("\u0625\u0646\u062a", "\u0639\u0645\u0631\u064a", "\u0623\u0645 \u0643\u0644\u062b\u0648\u0645")),
        ("De\u0301ja\u0300 Vu by Beyonce\u0301", ("D\u00e9j\u00e0 Vu", None, "Beyonc\u00e9")),
        ("\u30a2\u30a4\u30c9\u30eb by YOASOBI", ("\u30a2\u30a4\u30c9\u30eb", None, "YOASOBI")),
        ("\U0001f525\U0001f525 by Migos \U0001f3a4", ("\U0001f525\U0001f525", None, "Migos \U0001f3a4")),
    ],
)  # fmt: skip
def test_any_script_is_read_and_marks_that_nobody_sees_are_gone(
    line: str, expected: tuple[str | None, ...]
) -> None:
    assert read(line) == expected


@pytest.mark.parametrize("line", ["Just words", "by Doechii", "Anxiety by", "Anxiety -", "Stand by Me"])
def test_a_line_that_names_no_artist_says_so(line: str) -> None:
    title = parse_song_line(line)
    assert (title.artist, title.confidence, title.ambiguous) == (None, "low", (NO_ARTIST,))


@pytest.mark.parametrize("line", ["- - -", "\u2013", "...", "\u200b", "   ", "()[]", "' ' by 0"])
def test_a_line_without_a_letter_has_no_song(line: str) -> None:
    title = parse_song_line(line)
    assert (title.song, title.confidence) == (None, "low")


def test_more_parts_than_three_are_told() -> None:
    title = parse_song_line("Song - Part 2 - Album - Artist")
    assert (title.song, title.album, title.artist) == ("Song", "Part 2 - Album", "Artist")
    assert (title.confidence, title.ambiguous) == ("medium", ("more than three parts",))


_UNITS = (
    ".", "a. ", " ", "- ", "by ", " by - ", "(", '"', "()", "in from off ", "...) ", '.")', "\u200f", "e\u0301",
    "\u0628 by ", "ft. ", "1. ", "song: ", "(a cover", "x ft. ", "\n", "is a b ", "A b ",
)  # fmt: skip


@pytest.mark.parametrize("unit", _UNITS)
def test_a_line_of_ten_thousand_characters_is_read_at_once_and_believed_by_nobody(unit: str) -> None:
    line = "Song " + unit * (10_000 // len(unit))
    began = perf_counter()
    title = parse_song_line(line)
    assert perf_counter() - began < 0.5
    assert title.confidence == "low" or len(first_sentence(line)) <= 300


_PIECES = st.sampled_from(
    [" by ", " - ", " \u2013 ", " from ", " off ", " in ", " on ", ". ", "\n", '"', "(", ")", "[", "]", " cover)",
     "ft. ", "by", "Single", "Me", "U.S.A.", "\u2019", "\u0301", "\u200f", "\U0001f600", "\ud800", "a", " "]
)  # fmt: skip
_LINES = st.text(max_size=200) | st.lists(_PIECES | st.text(max_size=5), max_size=25).map("".join)


@given(_LINES)
@example("by by by by")
@example(' by "')
@example("a - by ")
def test_no_text_makes_the_parser_fail_and_its_parts_are_trimmed_and_never_empty(text: str) -> None:
    title = parse_song_line(text)
    assert title.original == text
    for each in (title, *title.alternatives):
        assert each.confidence in ("high", "medium", "low")
        for part in (each.song, each.album, each.artist):
            assert part is None or (part and part == part.strip())
        assert (each.confidence == "high") == (each.ambiguous == ())


@given(_LINES)
@example("\u2018 \u2018 BY 0")
def test_what_is_certain_names_song_and_artist(text: str) -> None:
    title = parse_song_line(text)
    assert title.confidence == "low" or (title.song and title.artist)


_CUTTERS = {"by", "from", "off", "in", "on", "ft", "feat", "featuring", "a", "an", "the", "this", "with", "one", "is",
            "was", "that", "cover", "song", "track", "title", "album", "her", "his", "their", "it", "its"}  # fmt: skip
_word = st.text(
    st.characters(categories=["Lu", "Ll", "Lt", "Lo", "Nd"], exclude_characters="\u0345"),
    min_size=2,
    max_size=9,
).filter(lambda word: word.casefold() not in _CUTTERS and not word.isdigit())
_name = (
    st.lists(_word, min_size=1, max_size=4)
    .map(" ".join)
    .filter(
        lambda name: (
            name.casefold() not in ("single", "ep", "na", "none", "unknown", "me", "you", "us", "him")
        )
    )
)


@given(_name, st.none() | _name, _name)
@example("Anti-Hero", "Midnights", "Taylor Swift")
@example("Mr. Brightside", None, "Ben E. King")
@example("Party in the U.S.A.", "The Time of Our Lives", "Miley Cyrus")
def test_a_canonical_line_is_read_as_what_it_was_made_of(song: str, album: str | None, artist: str) -> None:
    line = SongTitle(song, album, artist, "high", "").canonical
    title = parse_song_line(line)
    expected = [part and first_sentence(part) for part in (song, album, artist)]
    assert [title.song, title.album, title.artist] == expected
    assert title.confidence == "high"
    assert title.canonical == (" - " if album else " by ").join(part for part in expected if part)
