"""The pictures show every phase and every way between them, and are small enough to stand in metadata."""

import pytest

from artwork_pipeline.artworks.phases import LED_BY, TRANSITIONS, Phase
from artwork_pipeline.pages import pictures

PNG = b"\x89PNG"
MOST_BYTES = 60_000


def test_every_legal_transition_has_something_that_leads_there():
    assert set(LED_BY) == {
        (before, after) for before, following in TRANSITIONS.items() for after in following
    }


def test_every_phase_has_its_place_and_a_picture_of_its_own():
    assert set(pictures.PLACES) == set(Phase)
    drawn = {pictures.phases(phase) for phase in Phase}
    assert len(drawn) == len(Phase)
    assert all(one.startswith(PNG) and len(one) < MOST_BYTES for one in drawn)


@pytest.mark.parametrize("rates", [[], [0.0], [0.0, 1.0], [0.001] * 30])
def test_a_trend_of_any_length_is_drawn(rates):
    drawn = pictures.trend(rates, [f"{place}" for place in range(len(rates))])
    assert drawn.startswith(PNG)
    assert len(drawn) < MOST_BYTES


def test_a_picture_stands_in_markdown_with_what_it_shows():
    assert pictures.in_markdown(b"abc", "three letters") == "![three letters](data:image/png;base64,YWJj)"
