"""Two curators at one queue, and a desk that dies: nothing is given to both, and no word is lost."""

import os
import re
import signal
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from asset_registry_pipeline.registry.decisions import Verdict
from tests.browser.conftest import House, address_of
from tests.integration.asset_registry_pipeline.desk.conftest import serving

LAYERS = {"S": 30, "L": 2, "W": 2, "M": 2, "G": 3, "C": 6}
ROUNDS = 6
AN_ITEM = re.compile("/queue/item")


@pytest.fixture(scope="module")
def house(make_house: Any) -> House:
    """Stars that wait for curators."""
    return make_house(LAYERS, "S")


@pytest.fixture
def cora(house: House) -> Page:
    return house.person("cora")


@pytest.fixture
def carl(house: House) -> Page:
    return house.person("carl")


def claim(page: Page, key: str) -> None:
    page.goto(address_of(key))
    page.get_by_role("button", name="Claim it").click()
    expect(page.get_by_role("heading", name="You have claimed it")).to_be_visible()
    page.wait_for_load_state()


def let_the_lease_run_out(house: House, key: str) -> None:
    """What a quarter of an hour does to it."""
    over = datetime.now(UTC) - timedelta(seconds=1)
    queue = house.world.development["migration_queue"]
    assert queue.update_one({"_id": key}, {"$set": {"lease_until": over}}).modified_count == 1


def test_two_who_take_the_next_one_at_once_never_get_the_same(house: House, cora: Page, carl: Page) -> None:
    decided: list[tuple[str, str]] = []
    for page in (cora, carl):
        page.goto("/queue?layer=S")
    button = "[data-key=n]"
    for _ in range(ROUNDS):
        for page in (cora, carl):
            # Nobody waits for the other's answer.
            page.evaluate("button => document.querySelector(button).click()", button)
        shown = []
        for name, page in (("cora", cora), ("carl", carl)):
            expect(page.locator("#item")).to_be_visible()
            here = page.get_attribute("#item", "data-item-key") or ""
            if decided and here in {key for key, _ in decided}:
                page.wait_for_function(
                    "key => document.querySelector('#item')?.dataset.itemKey !== key", arg=here
                )
                here = page.get_attribute("#item", "data-item-key") or ""
            expect(page.get_by_role("heading", name="You have claimed it")).to_be_visible()
            shown.append(here)
            decided.append((here, name))
        assert shown[0] != shown[1]
        button = "[data-approve]"
    assert len({key for key, _ in decided}) == 2 * ROUNDS
    standing = {key: house.decision(key).decided_by for key, _ in decided[: 2 * (ROUNDS - 1)]}
    assert standing == dict(decided[: 2 * (ROUNDS - 1)])


def test_what_one_has_taken_the_other_is_told_about(house: House, cora: Page, carl: Page) -> None:
    item = house.items("S")[-1]
    carl.goto(f"/queue?layer=S&text={item.name}")
    claim(cora, item.key)
    carl.get_by_role("button", name=f"Claim {item.label}").click()
    expect(carl.get_by_role("heading", name="Somebody was faster")).to_be_visible()
    expect(carl.get_by_role("main")).to_contain_text("cora")
    carl.goto(address_of(item.key))
    expect(carl.get_by_text("cora has claimed it until")).to_be_visible()
    expect(carl.get_by_role("button", name=re.compile("Claim"))).to_have_count(0)
    carl.goto("/queue?layer=S&state=claimed")
    expect(carl.locator("[data-item]", has_text=item.label)).to_contain_text("claimed by cora")


def test_whose_lease_ran_out_is_told_and_keeps_their_words_while_another_decides(
    house: House, cora: Page, carl: Page
) -> None:
    key = house.items("S")[-1].key
    cora.clock.install()
    claim(cora, key)
    cora.locator("#words").fill("Words of Cora, who was called away.")
    cora.clock.fast_forward("15:01")
    expect(cora.locator("[data-lease-told]")).to_contain_text("Your claim has run out")
    let_the_lease_run_out(house, key)
    claim(carl, key)

    cora.get_by_role("button", name="Approve with these words").click()
    expect(cora.locator("#refused")).to_be_focused()
    expect(cora.locator("#refused")).to_contain_text("Not stored")
    expect(cora.locator("#words")).to_have_value("Words of Cora, who was called away.")
    assert house.decision(key) is None
    carl.locator("#words").fill("Words of Carl.")
    carl.get_by_role("button", name="Approve with these words").click()
    expect(carl.locator("#settled")).to_be_visible()
    assert house.decision(key).words == "Words of Carl."
    cora.get_by_role("button", name="Claim it again").click()
    expect(cora.locator("#refused")).to_contain_text("carl")
    expect(cora.locator("#words")).to_have_value("Words of Cora, who was called away.")


def test_words_that_were_typed_outlive_the_desk_and_the_browsers_page(house: House, cora: Page) -> None:
    key = house.items("S")[-1].key
    claim(cora, key)
    words = "Typed while the desk was dying, é 🌟."
    cora.locator("#words").fill(words)
    cora.get_by_label("then take the next one").uncheck()
    port = house.served.url.rpartition(":")[2]
    os.kill(house.served.process.pid, signal.SIGKILL)
    house.served.process.wait()
    cora.get_by_role("button", name="Approve with these words").click()
    expect(cora.locator("#problem")).to_contain_text("The desk does not answer")
    expect(cora.locator("#words")).to_have_value(words)
    assert house.decision(key) is None

    with ExitStack() as stack:
        house.served = stack.enter_context(serving(house.world, port=int(port)))
        cora.reload()
        expect(cora.locator("#draft-told")).to_contain_text("it was not sent")
        expect(cora.locator("#words")).to_have_value(words)
        cora.get_by_role("button", name="Approve with these words").click()
        expect(cora.locator("#settled")).to_contain_text("Approved with your words")
        assert (house.decision(key).verdict, house.decision(key).words) == (Verdict.EDIT, words)
        cora.goto(address_of(key))
        cora.get_by_role("button", name="Take this decision back").click()
        expect(cora.get_by_role("heading", name="You have claimed it")).to_be_visible()
        expect(cora.locator("#draft-told")).to_be_hidden()
        house.leave()
