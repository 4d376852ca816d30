"""A curator's day at the desk, from logging in to what the pipeline makes of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster._core.execution.backfill import BulkActionStatus
from playwright.sync_api import Page, expect

from asset_registry_pipeline.registry.decisions import ArtChoice, Decision, Verdict
from asset_registry_pipeline.registry.decisions_csv import read_csv, write_csv
from asset_registry_pipeline.sensors import decisions
from local_stack.music.catalogue import REAL
from tests.browser.conftest import House, address_of, away_from_the_browser, press
from tests.conftest import music_place, s3_place
from tests.integration.asset_registry_pipeline.conftest import covers_from
from tests.integration.asset_registry_pipeline.operating_world import launched, run_job, tick

LAYERS = {"S": 24, "L": 2, "W": 2, "M": 2, "G": 8, "C": 12}
ANXIETY = REAL[0]
WORDS = "Anxiety by Doechii. A smooth and introspective track in A minor at 128 BPM."


@pytest.fixture(scope="module")
def music(servers: Any) -> Iterator[Any]:
    with music_place(servers) as place:
        yield place


@pytest.fixture(scope="module")
def house(make_house: Any, servers: Any, music: Any) -> Iterator[House]:
    """Stars and songs that wait for curators; Dagster has migrated both once."""
    with s3_place(servers) as bucket:
        yield make_house(LAYERS, "", _migrated, **covers_from(music, bucket))


def _migrated(world: Any) -> None:
    for layer in ("S", "G"):
        assert away_from_the_browser(world.migrate_layer, layer).success


@pytest.fixture
def cora(house: House) -> Page:
    """Cora, a curator, at her desk."""
    return house.person("cora")


def claimed(house: House, page: Page, layer: str) -> str:
    """Claim the last open item of a layer through its page; its key."""
    key = house.items(layer)[-1].key
    page.goto(address_of(key))
    page.get_by_role("button", name="Claim it").click()
    expect(page.get_by_role("heading", name="You have claimed it")).to_be_visible()
    return key


def onward(page: Page, *, wanted: bool) -> None:
    page.get_by_label("then take the next one").set_checked(wanted)


def test_a_curator_logs_in_and_out_and_a_wrong_token_is_told(house: House) -> None:
    page = house.visitor()
    page.goto("/queue?layer=S")
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_label("Your token").fill("not a token")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This token is not known")).to_be_visible()
    house.log_in(page, "cora")
    expect(page.locator("header")).to_contain_text("cora curator")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto("/queue")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_queue_begins_with_what_blocks_most_and_is_searched_as_one_types(
    house: House, cora: Page
) -> None:
    cora.goto("/queue?layer=S")
    blocks = [int(text) for text in cora.locator(".blocks strong").all_inner_texts()]
    assert blocks == sorted(blocks, reverse=True)
    assert blocks[0] > blocks[-1]
    last = house.items("S")[-1]
    press(cora, "/")
    cora.keyboard.type(last.name)
    expect(cora.get_by_role("heading", name="1 item waiting")).to_be_visible()
    expect(cora.locator("[data-open]")).to_have_text(last.label)
    expect(cora).to_have_url(re.compile("text="))


def test_a_component_is_approved_with_the_keyboard_alone(house: House, cora: Page) -> None:
    first, second = house.items("S")[:2]
    cora.goto("/queue?layer=S")
    press(cora, "n")
    expect(cora.get_by_role("heading", level=1)).to_have_text(first.label)
    expect(cora.get_by_role("heading", name="In staging")).to_be_visible()
    press(cora, "a")
    expect(cora.get_by_role("heading", level=1)).to_have_text(second.label)
    expect(cora.locator("#settled")).to_contain_text(f"Approved: {first.label}")
    assert house.decision(first.key).verdict is Verdict.APPROVE
    assert house.decision(first.key).decided_by == "cora"
    press(cora, "b")
    expect(cora).to_have_url(re.compile("layer=S"))


def test_what_is_changed_is_marked_and_approved_with_the_curators_words(house: House, cora: Page) -> None:
    key = claimed(house, cora, "S")
    onward(cora, wanted=False)
    press(cora, "e")
    expect(cora.locator("#words")).to_be_focused()
    cora.keyboard.press("Control+End")
    cora.keyboard.type(" With a crown of light.")
    expect(cora.locator("#difference ins").last).to_contain_text("crown of light")
    expect(cora.get_by_role("button", name="Approve with these words")).to_be_visible()
    words = cora.locator("#words").input_value()
    cora.keyboard.press("Control+Enter")
    expect(cora.locator("#settled")).to_contain_text("Approved with your words")
    stored = house.decision(key)
    assert (stored.verdict, stored.words) == (Verdict.EDIT, words)


def test_a_rejection_needs_its_reason_and_is_taken_back_with_a_key(house: House, cora: Page) -> None:
    key = claimed(house, cora, "S")
    onward(cora, wanted=False)
    press(cora, "r")
    reason = cora.get_by_label("Reason")
    expect(reason).to_be_focused()
    cora.get_by_role("button", name="Reject").click()
    expect(cora.locator("#refused")).to_be_focused()
    expect(cora.locator("#refused")).to_contain_text("say why")
    reason.fill("The star is cut off.")
    cora.get_by_role("button", name="Reject").click()
    expect(cora.locator("#settled")).to_contain_text("Rejected")
    assert (house.decision(key).verdict, house.decision(key).reason) == (
        Verdict.REJECT,
        "The star is cut off.",
    )

    press(cora, "u")
    expect(cora.get_by_role("heading", name="You have claimed it")).to_be_visible()
    assert house.decision(key) is None
    cora.get_by_text("Earlier decisions (1)").click()
    expect(cora.get_by_text("Reason: The star is cut off.")).to_be_visible()
    cora.get_by_text("Return it to the queue").click()
    cora.get_by_label("Note for who takes it next").fill("Look at the left edge.")
    cora.get_by_role("button", name="Return it").click()
    expect(cora.get_by_text("The item is back in the queue.")).to_be_visible()
    expect(cora.get_by_text("Note: Look at the left edge.")).to_be_visible()


def test_a_songs_title_and_covers_follow_the_words_and_one_is_accepted(house: House, cora: Page) -> None:
    key = claimed(house, cora, "G")
    onward(cora, wanted=False)
    press(cora, "e")
    cora.keyboard.type(WORDS)
    expect(cora.get_by_label("Song", exact=True)).to_have_value("Anxiety")
    expect(cora.get_by_label("Artist", exact=True)).to_have_value("Doechii")
    expect(cora.locator("#found-bpm")).to_have_text("128")
    cover = cora.get_by_role("radio", name=ANXIETY.artist).first
    expect(cover).to_be_visible()
    expect(cora.locator("#words")).to_have_value(WORDS)
    picture = cora.locator(".choice", has=cover).get_by_role("img")
    picture.scroll_into_view_if_needed()
    cora.wait_for_function(
        "picture => picture.complete && picture.naturalWidth > 0", arg=picture.element_handle()
    )
    cover.check()
    cora.get_by_label("Mood").fill("tender")
    cora.get_by_role("button", name="Approve").click()
    expect(cora.locator("#settled")).to_contain_text("Approved with your words")
    stored = house.decision(key)
    assert (stored.words, stored.facts.mood, stored.title) == (WORDS, "tender", None)
    assert (stored.album_art.verdict, stored.album_art.source) == ("accept", "iTunes")


def test_a_songs_cover_is_refused(house: House, cora: Page) -> None:
    key = claimed(house, cora, "G")
    onward(cora, wanted=False)
    cora.locator("#words").fill("Zzyzx Qwrtp by Nobody Whatsoever")
    expect(cora.locator("#song-art")).to_contain_text("No match")
    cora.get_by_role("radio", name="No album art").check()
    cora.get_by_role("button", name="Approve").click()
    expect(cora.locator("#settled")).to_be_visible()
    assert house.decision(key).album_art == ArtChoice("refuse")


def test_a_songs_cover_is_replaced_by_a_picture_at_an_address(house: House, cora: Page, music: Any) -> None:
    key = claimed(house, cora, "G")
    onward(cora, wanted=False)
    cora.locator("#words").fill(WORDS)
    expect(cora.get_by_role("radio", name=ANXIETY.artist).first).to_be_visible()
    address = cora.get_by_label("Address of the picture")
    address.fill("https://169.254.169.254/latest")
    cora.get_by_role("button", name="Check it").click()
    expect(cora.locator("#picture-check")).to_contain_text("It cannot be taken")
    url = f"{music.url}/image/thumb/Music/v4/{ANXIETY.mark}/source/600x600bb.jpg"
    address.fill(url)
    expect(cora.get_by_role("radio", name="Another picture")).to_be_checked()
    cora.get_by_role("button", name="Check it").click()
    expect(cora.locator("#picture-check")).to_contain_text("It can be taken")
    cora.get_by_role("button", name="Approve").click()
    expect(cora.locator("#settled")).to_be_visible()
    assert house.decision(key).album_art == ArtChoice("replace", url, "Manual")


def test_a_batch_is_approved_after_its_preview_and_nothing_besides_it(house: House, cora: Page) -> None:
    chosen = house.items("S")[3:6]
    standing = house.registry.decisions.digest("S")
    decided = {item.key for item in house.items("S", state="decided")}
    cora.goto("/queue?layer=S")
    for item in chosen:
        cora.get_by_role("checkbox", name=item.label).check()
    expect(cora.locator("#chosen-count")).to_have_text("3 chosen")
    cora.get_by_role("button", name="Preview approving the chosen").click()
    expect(cora.get_by_role("heading", name="Approve 3 items?")).to_be_visible()
    assert house.registry.decisions.digest("S") == standing
    cora.get_by_role("button", name="Approve these 3").click()
    expect(cora.get_by_role("heading", name="3 items approved")).to_be_visible()
    assert {house.decision(item.key).verdict for item in chosen} == {Verdict.APPROVE}
    assert {item.key for item in house.items("S", state="decided")} == decided | {item.key for item in chosen}


def test_progress_moves_while_a_curator_looks_on(house: House, cora: Page) -> None:
    cora.goto("/")
    expect(cora.locator("#live-state")).to_have_text("Live")
    decided = cora.locator('tr[data-layer="Stars"] td').nth(6)
    before = len(house.items("S", state="decided"))
    expect(decided).to_have_text(str(before))
    carl = house.person("carl")
    claimed(house, carl, "S")
    onward(carl, wanted=False)
    carl.get_by_role("button", name="Approve").click()
    expect(decided).to_have_text(str(before + 1))


def test_decisions_go_out_as_csv_and_come_in_after_a_dry_run(
    house: House, cora: Page, tmp_path: Path
) -> None:
    cora.goto("/decisions")
    with cora.expect_download() as downloading:
        cora.get_by_role("button", name="Download").click()
    standing, refused = read_csv(Path(downloading.value.path()).read_text())
    assert refused == ()
    assert {(one.name, one.words) for one in standing} >= {
        (item.name, house.decision(item.key).words) for item in house.items("S", state="decided")
    }
    item = house.items("S")[-1]
    view = house.registry.queue.get(item.key)
    at = standing[0].decided_at
    stranger = Decision("S", "S.POP.NONE.001", "S.1.1.1", "0" * 64, Verdict.APPROVE, None, None, "x", at)
    about = ("S", item.name, item.nna_address, view["source_hash"])
    more = Decision(*about, Verdict.EDIT, "=Words from a file.", None, "dora", at)
    file = tmp_path / "decisions.csv"
    file.write_text(write_csv([*standing, stranger, more]))
    cora.get_by_label("File").set_input_files(file)
    cora.get_by_role("button", name="Show what it would do").click()
    expect(cora.get_by_role("heading", name="What the import would do")).to_be_visible()
    expect(cora.get_by_role("row", name=item.name)).to_contain_text("added")
    expect(cora.get_by_role("row", name="S.POP.NONE.001")).to_contain_text("refused")
    assert house.decision(item.key) is None
    cora.get_by_role("button", name="Import 1 decision").click()
    expect(cora.get_by_text("Stored. The pipeline plans the layers anew by itself.")).to_be_visible()
    assert house.decision(item.key).words == "=Words from a file."


def test_what_was_decided_is_asked_for_by_the_sensor_and_published_in_the_curators_words(
    house: House, cora: Page
) -> None:
    """The runs that are asked for are executed in this process, as Dagster would by its ticks of 30 seconds."""
    song = claimed(house, cora, "G")
    onward(cora, wanted=False)
    cora.locator("#words").fill(WORDS)
    cover = cora.get_by_role("radio", name=ANXIETY.artist).first
    cover.check()
    cora.get_by_role("button", name="Approve").click()
    expect(cora.locator("#settled")).to_be_visible()
    star = claimed(house, cora, "S")
    onward(cora, wanted=False)
    cora.locator("#words").fill("A star with a crown of light.")
    cora.get_by_role("button", name="Approve with these words").click()
    expect(cora.locator("#settled")).to_be_visible()

    away_from_the_browser(_as_dagster_would, house.world)

    assets = house.world.development["assets"]
    described = {key: assets.find_one({"name": key.split("|")[1]}) for key in (song, star)}
    assert described[star]["creatorDescription"] == "A star with a crown of light."
    assert described[song]["creatorDescription"] == WORDS
    assert described[song]["albumArt"]["source"] == "iTunes"
    assert described[song]["aiMetadata"]["bpm"] == 128
    cora.goto(address_of(song))
    expect(cora.get_by_role("heading", name="It is decided")).to_be_visible()


def _as_dagster_would(world: Any) -> None:
    """The sensor's tick, the job that it asks for, and the partitions of the backfill that this launches."""
    (request,) = tick(world, decisions).run_requests
    assert request.run_key.startswith("registry:decided:")
    run_job(world, "registry_decided")
    (backfill,) = launched(world)
    parts = {(name, layer) for name, layer in backfill if layer}
    for last in (False, True):
        for layer in [one for one in "SGC" if one in {layer for _, layer in parts}]:
            # Dagster runs the reconciliation, which has other partitions, in a run of its own.
            names = {name for name, of in parts if of == layer and (name == "reconciliation") is last}
            result = world.materialise(*names, layer=layer)
            assert result.success, world.failure(result)
    for launch in world.instance.get_backfills():
        world.instance.update_backfill(launch.with_status(BulkActionStatus.COMPLETED_SUCCESS))
    assert "know all" in tick(world, decisions).skip_message
