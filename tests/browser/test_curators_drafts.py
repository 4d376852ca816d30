"""What a curator has typed and not yet sent, in the browser: reloads and lost connections lose nothing."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import House, address_of

WORDS = "naruexbc/? words that are keys elsewhere"


@pytest.fixture(scope="module")
def house(make_house: Callable[..., House]) -> House:
    """Stars and songs to decide about."""
    return make_house({"S": 6, "L": 1, "W": 1, "M": 1, "G": 3, "C": 2}, "SG")


def _claim(house: House, page: Page, layer: str) -> str:
    key = house.items(layer)[-1].key
    page.goto(address_of(key))
    page.keyboard.press("c")
    expect(page.locator("#words")).to_be_visible()
    page.wait_for_load_state()
    return key


def _kept(page: Page) -> list[str]:
    names: list[str] = json.loads(page.evaluate("JSON.stringify(Object.keys(localStorage))"))
    return names


def test_typed_words_survive_a_reload_and_a_lost_connection_until_they_are_stored(house: House) -> None:
    page = house.person("cora")
    key = _claim(house, page, "S")
    page.locator("#words").fill("")
    page.locator("#words").press_sequentially(WORDS)
    page.reload()
    expect(page.locator("#words")).to_have_value(WORDS)
    expect(page.locator("#draft-told")).to_contain_text("it was not sent")

    page.context.set_offline(True)
    page.keyboard.press("a")
    expect(page.locator("#problem")).to_contain_text("What you typed is still here")
    expect(page.locator("#words")).to_have_value(WORDS)
    assert house.decision(key) is None
    # htmx tells of each request that had no connection, and that is how it is meant.
    house.problems[:] = [problem for problem in house.problems if "htmx:afterRequest" not in problem]

    page.context.set_offline(False)
    page.keyboard.press("a")
    expect(page.locator("#settled")).to_contain_text("Approved with your words")
    assert house.decision(key).words == WORDS
    assert _kept(page) == []


def test_a_songs_whole_form_comes_back_and_can_be_discarded(house: House) -> None:
    page = house.person("cora")
    _claim(house, page, "G")
    page.locator("#words").fill("Anxiety by Doechii. A smooth track.")
    expect(page.locator("#artist")).to_have_value("Doechii")
    page.locator("#album").fill("An album of my own")
    page.locator("#mood").fill("tender")
    page.locator("input[name=art][value=refuse]").check()
    page.reload()
    for field, text in (
        ("words", "Anxiety by Doechii. A smooth track."),
        ("album", "An album of my own"),
        ("mood", "tender"),
    ):
        expect(page.locator(f"#{field}")).to_have_value(text)
    expect(page.locator("input[name=art][value=refuse]")).to_be_checked()

    page.get_by_role("button", name="Discard it").click()
    expect(page.locator("#words")).to_have_value("")
    expect(page.locator("#album")).to_have_value("")
    assert _kept(page) == []


def test_a_draft_is_for_the_person_who_typed_it(house: House) -> None:
    page = house.visitor()
    house.log_in(page, "cora")
    key = _claim(house, page, "S")
    page.locator("#words").fill("Cora's draft.")
    page.reload()
    expect(page.locator("#words")).to_have_value("Cora's draft.")
    page.get_by_text("Return it to the queue").click()
    page.get_by_role("button", name="Return it").click()
    expect(page.get_by_text("back in the queue")).to_be_visible()
    page.get_by_role("button", name="Log out").click()

    house.log_in(page, "carl")
    page.goto(address_of(key))
    page.keyboard.press("c")
    expect(page.locator("#words")).to_be_visible()
    expect(page.locator("#words")).not_to_have_value("Cora's draft.")
    expect(page.locator("#draft-told")).to_be_hidden()


def test_a_choice_made_while_covers_are_looked_up_stays(house: House) -> None:
    page = house.person("cora")
    _claim(house, page, "G")
    page.locator("#words").fill("Anxiety by Doechii. A smooth track.")
    expect(page.locator("#artist")).to_have_value("Doechii")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/queue/song/art*", hold)
    with page.expect_request("**/queue/song/art*"):
        page.get_by_role("button", name=re.compile("Look it up")).click()
    page.locator("input[name=art][value=refuse]").check()
    page.locator("#art_source").select_option("AI Generated")
    with page.expect_response("**/queue/song/art*"):
        for route in held:
            route.continue_()
    expect(page.locator(".art-state")).to_contain_text("Looked up: Anxiety by Doechii")
    expect(page.locator("input[name=art][value=refuse]")).to_be_checked()
    expect(page.locator("#art_source")).to_have_value("AI Generated")
