"""The desk for everybody: by axe-core, by keyboard alone, on a phone, in the dark, without JavaScript."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT as AXE
from playwright.sync_api import Page, expect

from asset_registry_pipeline.registry.decisions import Decision, Verdict
from asset_registry_pipeline.registry.decisions_csv import write_csv
from asset_registry_pipeline.stores.progress import Progress, Status
from local_stack.music.catalogue import REAL
from tests.browser.conftest import PHONE, WIDE, House, address_of, press
from tests.conftest import music_place
from tests.integration.asset_registry_pipeline.desk.queue_world import plan

LAYERS = {"S": 54, "L": 3, "W": 2, "M": 2, "G": 6, "C": 8}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
WORDS = "Anxiety by Doechii. A smooth and introspective track in A minor at 128 BPM."
ARTIST = REAL[0].artist
FOCUSABLE = (
    "a[href], button, input:not([type=hidden]), select, textarea, summary, audio, video, [tabindex='0']"
)


@pytest.fixture(scope="module")
def house(make_house: Any, servers: Any) -> Iterator[House]:
    """Everything that a page can show: what waits, what failed, what is held."""
    with music_place(servers) as music:
        house = make_house(
            LAYERS, "SLG", ALBUM_ART_BUCKET="covers", **{**music.environment, "MUSICBRAINZ_CONTACT": ""}
        )
        plan(house.steps, "W", "M", "C")
        house.registry.progress.save(Progress("S", 54, 12, 1, Status.IN_PROGRESS, "S.POP.HPM.001"))
        yield house


def judged(page: Page, name: str) -> None:
    """No violation on this page, wide and narrow, light and dark; a phone is never scrolled sideways."""
    found: list[str] = []
    page.wait_for_load_state()
    page.evaluate(AXE)
    for viewport in (WIDE, PHONE):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for one in page.evaluate("rules => axe.run(rules)", RULES)["violations"]:
                where = [node["target"] for node in one["nodes"]]
                found.append(f"{name}, {viewport['width']} px, {scheme}: {one['id']} at {where}")
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            found.append(f"{name}, {viewport['width']} px: {wider} px wider than the screen")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="light")
    assert found == []


def claim(page: Page, key: str) -> None:
    page.goto(address_of(key))
    page.get_by_role("button", name="Claim it").click()
    expect(page.get_by_role("heading", name="You have claimed it")).to_be_visible()
    page.wait_for_load_state()


def test_no_page_that_is_only_read_violates_what_axe_knows_of_wcag_2_1_aa(house: House) -> None:
    page = house.visitor(bypass_csp=True)
    page.goto("/login")
    page.get_by_label("Your token").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This token is not known")).to_be_visible()
    judged(page, "login")

    ada = house.person("ada", bypass_csp=True)
    item = house.items("L")[0]
    pages = {
        "overview": "/", "held": "/held", "deciders": "/deciders", "queue": "/queue?layer=L", "audit": "/audit",
        "nothing found": "/queue?text=zzyzx", "decisions": "/decisions", "API": "/api/docs", "no page": "/none",
        "item": address_of(item.key),
    }  # fmt: skip
    for name, address in pages.items():
        ada.goto(address)
        judged(ada, name)
    ada.goto("/queue?layer=L")
    press(ada, "?")
    expect(ada.get_by_role("dialog")).to_be_visible()
    judged(ada, "keys")


def test_no_page_on_which_something_is_decided_violates_it_either(house: House) -> None:
    ada = house.person("ada", bypass_csp=True)
    star = house.items("S")[-1]
    claim(ada, star.key)
    ada.locator("#words").fill("A star with a crown of light.")
    expect(ada.locator("#difference ins").first).to_be_visible()
    judged(ada, "claimed")
    press(ada, "Escape")
    press(ada, "r")
    ada.get_by_role("button", name="Reject").click()
    expect(ada.locator("#refused")).to_be_focused()
    judged(ada, "refused")
    ada.get_by_label("then take the next one").uncheck()
    ada.get_by_role("button", name="Approve with these words").click()
    expect(ada.locator("#settled")).to_be_visible()
    judged(ada, "decided")

    ada.goto("/queue?layer=L")
    for box in ada.get_by_role("checkbox", name="Choose").all():
        box.check()
    ada.get_by_role("button", name="Preview approving the chosen").click()
    expect(ada.get_by_role("button", name="Approve these")).to_be_visible()
    judged(ada, "batch preview")

    item = house.items("S")[0]
    now = house.decision(star.key).decided_at
    rows = [
        Decision("S", item.name, item.nna_address, item.source_hash, Verdict.APPROVE, None, None, "x", now),
        Decision("S", "S.POP.NONE.001", "S.1.1.1", "0" * 64, Verdict.APPROVE, None, None, "x", now),
    ]
    ada.goto("/decisions")
    file = {"name": "decisions.csv", "mimeType": "text/csv", "buffer": write_csv(rows).encode()}
    ada.get_by_label("File").set_input_files(file)  # type: ignore[arg-type]
    ada.get_by_role("button", name="Show what it would do").click()
    expect(ada.get_by_role("heading", name="What the import would do")).to_be_visible()
    judged(ada, "dry run")


def test_the_form_of_a_song_violates_nothing_while_covers_are_offered(house: House) -> None:
    ada = house.person("ada", bypass_csp=True)
    claim(ada, house.items("G")[-1].key)
    ada.locator("#words").fill(WORDS)
    expect(ada.get_by_role("radio", name=ARTIST).first).to_be_visible()
    judged(ada, "song")


@pytest.mark.parametrize("kind", ["queue", "item", "song", "overview", "decisions"])
def test_everything_is_reached_by_the_tab_key_and_seen_to_have_the_focus(house: House, kind: str) -> None:
    page = house.person("carl")
    if kind in ("item", "song"):
        claim(page, house.items("S" if kind == "item" else "G")[0].key)
    else:
        page.goto({"queue": "/queue?layer=L", "overview": "/", "decisions": "/decisions"}[kind])
    if kind == "song":
        page.locator("#words").fill(WORDS)
        expect(page.get_by_role("radio", name=ARTIST).first).to_be_visible()
    if kind == "overview":
        expect(page.get_by_role("link", name="Show who made the decisions")).to_have_count(0)
        expect(page.locator("#live-state")).to_have_text("Live")
    wanted = page.evaluate(_MARK, FOCUSABLE)
    reached: set[str] = set()
    hidden: list[str] = []
    page.evaluate(
        "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex')"
    )
    for _ in range(2 * len(wanted) + 10):
        page.keyboard.press("Tab")
        here = page.evaluate(_HERE)
        if here is None or (here["mark"] in reached and len(reached) >= len(wanted)):
            break
        reached.add(here["mark"])
        if not here["seen"]:
            hidden.append(here["told"])
    assert {told for mark, told in wanted if mark not in reached} == set()
    assert hidden == []


_MARK = """(focusable) => {
  const found = [...document.querySelectorAll(focusable)]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0)
    // Of the choices of one group the keyboard reaches one, the arrows the others.
    .filter((one) => one.type !== "radio" || one.checked);
  return found.map((one, number) => [one.dataset.mark = String(number), one.outerHTML.slice(0, 120)]);
}"""
_HERE = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const x = Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 2);
  const y = Math.min(Math.max(box.top + Math.min(box.height, 40) / 2, 1), innerHeight - 2);
  const top = document.elementFromPoint(x, y);
  const within = box.bottom > 0 && box.top < innerHeight && (one.contains(top) || top?.contains(one));
  return {
    mark: one.dataset.mark ?? one.outerHTML.slice(0, 80),
    seen: within && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    told: one.outerHTML.slice(0, 120),
  };
}"""


def test_the_focus_goes_where_a_reply_leads_and_stays_where_somebody_works(house: House) -> None:
    page = house.person("carl")
    page.goto("/queue?layer=S")
    press(page, "/")
    page.keyboard.type("S.")
    page.wait_for_url("**/queue?*text=S.*")
    expect(page.locator("#text")).to_be_focused()

    page.goto("/queue?layer=S")
    more = page.get_by_role("link", name="Show more")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-item]")).to_have_count(len(house.items("S")))
    expect(page.locator("[data-item] [data-open]").nth(50)).to_be_focused()

    claim(page, house.items("S")[1].key)
    page.get_by_role("button", name="Renew").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-lease-told]")).to_have_text("The claim was renewed.")
    expect(page.get_by_role("button", name="Renew")).to_be_focused()

    claim(page, house.items("G")[1].key)
    page.locator("#words").fill(WORDS)
    cover = page.get_by_role("radio", name=ARTIST).first
    expect(cover).to_be_visible()
    cover.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Look it up again").focus()
    with page.expect_response("**/queue/song/art?again=yes"):
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Look it up again")).to_be_focused()
    expect(page.get_by_role("radio", name=ARTIST).first).to_be_checked()
    # A look-up that comes by itself leaves whoever is choosing where they are.
    page.locator("#song").fill("Anxiety!")
    cover = page.get_by_role("radio", name="No album art")
    with page.expect_response("**/queue/song/art"):
        cover.focus()
        page.keyboard.press("Space")
    expect(page.locator("#song-art")).to_contain_text("Looked up: Anxiety!")
    expect(page.get_by_role("radio", name="No album art")).to_be_focused()
    expect(page.get_by_role("radio", name="No album art")).to_be_checked()


def test_without_javascript_a_curator_logs_in_claims_and_decides(house: House) -> None:
    page = house.visitor(java_script_enabled=False)
    house.log_in(page, "carl")
    page.get_by_role("link", name="Queue").click()
    page.get_by_role("link", name="Songs").click()
    page.get_by_label("Search").fill("G.")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("button", name="Take the next one").click()
    expect(page.get_by_role("heading", name="You have claimed it")).to_be_visible()
    key = page.get_attribute("#item", "data-item-key") or ""
    page.locator("#words").fill("Zzyzx Qwrtp by Nobody Whatsoever")
    page.get_by_label("No album art").check()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved with your words")).to_be_visible()
    assert house.decision(key).words == "Zzyzx Qwrtp by Nobody Whatsoever"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("The decision was taken back.")).to_be_visible()
    assert house.decision(key) is None
    page.locator("#behind summary").click()
    page.get_by_role("button", name="Exclude").click()
    expect(page.locator("#refused")).to_contain_text("say why")
    expect(page.locator("#words")).to_have_value("Zzyzx Qwrtp by Nobody Whatsoever")
    page.get_by_label("Reason").fill("Nobody knows it.")
    page.get_by_role("button", name="Exclude").click()
    expect(page.get_by_text("Excluded:")).to_be_visible()
    assert house.decision(key).reason == "Nobody knows it."
