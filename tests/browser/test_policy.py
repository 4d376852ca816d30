"""Markup planted in every text of staging: in a browser none of it runs, and no page asks for what its policy refuses.

That no page is refused anything is watched in every test of this folder; here the watch itself is tried as well.
"""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from asset_registry_pipeline.registry.layers import MIGRATED_LAYERS
from asset_registry_pipeline.stores.progress import Progress, Status
from tests.browser.conftest import ASSETS, House, address_of

PLANTED = (
    """</script><script>planted()</script><img src=x onerror="planted()"><svg onload=planted()>"""
    """'" autofocus onfocus="planted()" x="{{7*7}}<a href="javascript:planted()">x</a><!--"""
)


@pytest.fixture(scope="module")
def house(make_house: Callable[..., House]) -> House:
    """Stars and songs in whose every text there is markup."""
    house = make_house({"S": 4, "L": 2, "W": 2, "M": 2, "G": 3, "C": 4}, "SG", _plant)
    house.registry.progress.save(Progress("S", 9, 1, 0, Status.IN_PROGRESS, PLANTED))
    return house


def _plant(world: Any) -> None:
    for layer in MIGRATED_LAYERS:
        for number, one in enumerate(list(world.staging["assets"].find({"layer": layer}))):
            changes: dict[str, Any] = {
                name: f"{PLANTED} {one.get(name)}" for name in ("description", "source", "registeredBy")
            }
            changes |= {"tags": [PLANTED, "pop"]}
            if number == 0:
                # Too much for a plan: it is told among what failed.
                changes |= {"rights": PLANTED, "category": PLANTED}
            if number == 1:
                changes |= {"gcpStorageUrl": f"javascript:planted()//{PLANTED}"}
            world.staging["assets"].update_one({"_id": one["_id"]}, {"$set": changes})


def test_planted_words_are_shown_and_never_run(house: House) -> None:
    page = house.person("ada")
    shown = 0
    pages = ["/", "/queue", "/held", "/decisions", "/audit", "/api/docs"]
    for address in (*pages, f"/queue?text={PLANTED}", f"/{PLANTED}"):
        shown += _shows(page, address)
    for layer in "SG":
        for item in house.items(layer):
            shown += _shows(page, address_of(item.key))
    assert shown > len(house.items("S")) + len(house.items("G"))


def _shows(page: Page, address: str) -> bool:
    page.goto(address, wait_until="networkidle" if "/item" in address else "load")
    return "planted()" in page.locator("body").inner_text()


def test_planted_words_that_come_in_parts_are_never_run_either(house: House) -> None:
    page = house.person("ada")
    for layer in "SG":
        page.goto(address_of(house.items(layer)[0].key))
        page.get_by_role("button", name="Claim it").click()
        expect(page.locator("#words")).to_be_visible()
        page.wait_for_load_state()
        page.locator("#words").fill(f"A song by Nobody. {PLANTED}")
        expect(page.locator("#difference ins").last).to_contain_text("A song by Nobody.")
        expect(page.locator("#difference")).to_contain_text("planted()")
        if layer == "G":
            page.locator("#art_url").fill(f"https://{PLANTED}")
            page.get_by_role("button", name="Check it").click()
            expect(page.locator("#picture-check")).to_contain_text("It cannot be taken")
        page.get_by_text("Return it to the queue").click()
        page.get_by_label("Note for who takes it next").fill(PLANTED)
        page.get_by_role("button", name="Return it").click()
        expect(page.get_by_text("The item is back in the queue.")).to_be_visible()
    page.goto("/queue")
    expect(page.get_by_text("Note:").first).to_contain_text("planted()")


def test_what_the_policy_refuses_is_refused_by_the_browser_and_seen_by_this_watch(house: House) -> None:
    page = house.person("ada")
    page.goto("/queue")
    page.evaluate(
        """(assets) => {
          const script = document.createElement("script");
          script.textContent = "planted()";
          document.body.append(script);
          const frame = document.createElement("iframe");
          frame.src = assets;
          document.body.append(frame);
          document.body.setAttribute("onclick", "planted()");
          document.body.click();
        }""",
        ASSETS,
    )
    refused = "refused by the policy"
    page.reload()
    assert sum(refused in one for one in house.problems) >= 3
    assert not any("were run" in one for one in house.problems)
    house.problems.clear()
