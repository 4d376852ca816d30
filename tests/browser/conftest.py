"""The desk as people meet it: a process over a filled registry, and people with a real browser.

Every page that is opened is watched: what its policy refuses, what a script of it fails at, and every request that
leaves the desk fail the test in which it happens.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect, sync_playwright

from asset_registry_pipeline.steps import curation
from asset_registry_pipeline.steps.curation.model import QueueItem, Where
from asset_registry_pipeline.stores.connections import Registry
from tests.integration.asset_registry_pipeline.conftest import Steps, World, making_worlds
from tests.integration.asset_registry_pipeline.desk.conftest import TOKENS, Served, serving
from tests.integration.asset_registry_pipeline.desk.queue_world import plan

T = TypeVar("T")
CHROMIUM = "/usr/bin/chromium"
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE = 30_000
"""Milliseconds: what is waited for comes within a second, unless the machine has much else to do."""
ASSETS = "https://storage.googleapis.com/"
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200"><rect width="300" height="200"/></svg>'
)
_WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by the policy: ${event.violatedDirective} ${event.blockedURI}`));
window.planted = () => console.error("planted words were run");
"""
_FORESEEN = re.compile(r"Failed to load resource|Response Status Error Code 4|htmx:(sendError|afterRequest)")
"""What a browser tells of an answer that a test has asked for."""

expect.set_options(timeout=PATIENCE)


@dataclass
class House:
    """A world, its desk, and the browser in which people sit down at it."""

    world: World
    steps: Steps
    served: Served
    browser: Browser
    problems: list[str] = field(default_factory=list)
    _known: dict[str, Any] = field(default_factory=dict)
    _open: list[BrowserContext] = field(default_factory=list)

    @property
    def registry(self) -> Registry:
        return self.steps.registry

    def visitor(self, **options: Any) -> Page:
        """A browser of its own, that nobody is logged in with."""
        options = {"viewport": WIDE, "reduced_motion": "reduce", "locale": "en-GB", **options}
        context = self.browser.new_context(base_url=self.served.url, **options)
        self._open.append(context)
        context.set_default_timeout(PATIENCE)
        context.add_init_script(_WATCH)
        context.route(re.compile(f"^(?!{re.escape(self.served.url)}/)"), self._elsewhere)
        context.on("console", self._heard)
        context.on("weberror", lambda told: self.problems.append(str(told.error)))
        return context.new_page()

    def person(self, name: str, **options: Any) -> Page:
        """One of `TOKENS`, logged in, in a browser of their own."""
        if name not in self._known:
            page = self.visitor()
            self.log_in(page, name)
            self._known[name] = page.context.storage_state()
        return self.visitor(storage_state=self._known[name], **options)

    @staticmethod
    def log_in(page: Page, name: str) -> None:
        """Fill in the form of the login."""
        page.goto("/login")
        page.get_by_label("Your token").fill(TOKENS[name])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()

    def items(self, layer: str, **where: Any) -> list[QueueItem]:
        """What is in the queue, in its order."""
        return list(curation.page(self.registry, Where(layer, **where), None, 200).items)

    def decision(self, key: str) -> Any:
        """What stands about an item; None where nothing does."""
        return curation.item(self.registry, key).decision

    def leave(self) -> None:
        """Close all that people have opened."""
        for context in self._open:
            context.close()
        self._open.clear()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _FORESEEN.search(message.text):
            self.problems.append(f"{message.page and message.page.url}: {message.text}")

    def _elsewhere(self, route: Route) -> None:
        if not route.request.url.startswith(ASSETS):
            self.problems.append(f"the page asked for {route.request.url}")
        if route.request.resource_type == "image":
            route.fulfill(body=PICTURE, content_type="image/svg+xml")
        else:
            route.abort()


def address_of(key: str) -> str:
    """The page of an item."""
    return f"/queue/item?key={quote(key, safe='')}"


def press(page: Page, key: str) -> None:
    """Press a key of the page's own, which it hears once it is loaded."""
    page.wait_for_load_state()
    page.keyboard.press(key)


def away_from_the_browser(do: Callable[..., T], *given: Any) -> T:
    """Do something in a thread of its own: Dagster runs event loops, and this thread has the browser's."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(do, *given).result()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; with the module it ends, and so does the event loop that drives it."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def houses() -> list[House]:
    """Those that the module has made."""
    return []


@pytest.fixture(scope="module")
def make_house(
    browser: Browser, houses: list[House], mongo_of_module: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., House]]:
    """Make the house of a module: `layers` are its documents, `planned` those that curators are asked about.

    `prepared` is called with the world before anything is planned.
    """
    folder = tmp_path_factory.mktemp("house")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPORTS_PATH", str(folder / "reports"))
        make_world = stack.enter_context(making_worlds(mongo_of_module, folder))

        def make(
            layers: dict[str, int],
            planned: str,
            prepared: Callable[[World], None] = lambda _: None,
            **environment: str,
        ) -> House:
            world = make_world(layers=layers, dirt=False)
            world.environment |= {"REGISTRY_DECISIONS": "", **environment}
            asked = {"components": "required", "songs": "required", "composites": "none"}
            world.use_profile(expected=layers, curation=asked)
            prepared(world)
            steps = stack.enter_context(world.steps())
            curation.install(steps.registry)
            plan(steps, *planned)
            served = stack.enter_context(serving(world))
            houses.append(House(world, steps, served, browser))
            return houses[-1]

        yield make


@pytest.fixture(autouse=True)
def well_behaved(houses: list[House]) -> Iterator[None]:
    """Nobody stays after a test, and no page did what it may not."""
    yield
    for house in houses:
        house.leave()
        problems = house.problems.copy()
        house.problems.clear()
        assert problems == []
