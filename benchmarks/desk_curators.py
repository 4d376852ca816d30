"""A curator at work in a browser: the pages that one opens all day, each with the time that its answer took.

Forms are sent as the desk wrote them. What a click leads to counts as one answer, redirects included.
"""

import html
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

LAYERS = ("S", "L", "W", "M")
SEARCHES = ("upbeat", "look", "dress", "studio", "star 1", "dance", "city", "x")


@dataclass
class Day:
    """What one curator did: seconds of each answer by kind of page, and what was decided."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    decided: list[str] = field(default_factory=list)


class Curator:
    """A person who is logged in at the desk, and looks at each page for `pause` seconds on average."""

    def __init__(self, url: str, token: str, seed: int, *, pause: float) -> None:
        self.day = Day()
        self._pause = pause
        self._client = httpx.Client(base_url=url, follow_redirects=True, timeout=60)
        self._chance = random.Random(seed)
        form = _form(self._client.get("/login").text, "token")
        self._client.post("/login", data=form | {"token": token}).raise_for_status()

    def work(self, items: int) -> Day:
        """Look through the queue and decide about so many items, each taken from it."""
        with closing(self._client):
            for _ in range(items):
                layer = self._chance.choice(LAYERS)
                queue = self._get("queue", "/queue", layer=layer)
                self._look_around(queue, layer)
                self._decide(queue)
        return self.day

    def _look_around(self, page: str, layer: str) -> None:
        for _ in range(2):
            onward = re.search(r'"(/queue\?[^"]*after=[^"]*)"', page)
            if onward:
                page = self._get("next page", html.unescape(onward[1]))
        self._get("search", "/queue", layer=layer, text=self._chance.choice(SEARCHES))
        self._get("overview", "/")

    def _decide(self, queue: str) -> None:
        item = self._post("claim", "/queue/next", _form(queue, "back", action="/queue/next"))
        form = _form(item, "source_hash", action="/queue/item/decide")
        words = f"{form['words'] or 'Seen'} ({self._chance.random():.6f})"[-500:]
        self._post("decide", "/queue/item/decide", form | {"words": words, "act": "approve"})
        self.day.decided.append(form["key"])

    def _get(self, kind: str, path: str, **query: str) -> str:
        return self._timed(kind, self._client.build_request("GET", path, params=query or None))

    def _post(self, kind: str, path: str, form: Mapping[str, str]) -> str:
        return self._timed(kind, self._client.build_request("POST", path, data=form))

    def _timed(self, kind: str, request: httpx.Request) -> str:
        time.sleep(self._chance.uniform(0, 2 * self._pause))
        began = time.perf_counter()
        answer = self._client.send(request, follow_redirects=True)
        self.day.seconds.setdefault(kind, []).append(time.perf_counter() - began)
        answer.raise_for_status()
        return answer.text


@contextmanager
def looking_on(url: str, token: str, viewers: int) -> Iterator[Callable[[], int]]:
    """So many pages that show live progress; what is handed out tells how many have got a picture."""
    pictures = [threading.Event() for _ in range(viewers)]
    over = threading.Event()

    def look(picture: threading.Event) -> None:
        with (
            suppress(httpx.HTTPError),
            client.stream("GET", "/events/progress", timeout=httpx.Timeout(60)) as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("data"):
                    picture.set()
                if over.is_set():
                    return

    limits = httpx.Limits(max_connections=viewers + 1)
    with httpx.Client(base_url=url, follow_redirects=True, timeout=60, limits=limits) as client:
        form = _form(client.get("/login").text, "token")
        client.post("/login", data=form | {"token": token}).raise_for_status()
        threads = [threading.Thread(target=look, args=(picture,), daemon=True) for picture in pictures]
        for thread in threads:
            thread.start()
        for picture in pictures:
            picture.wait(30)
        try:
            yield lambda: sum(picture.is_set() for picture in pictures)
        finally:
            over.set()


class _Forms(HTMLParser):
    """The forms of a page: where each is sent to, and the fields that it carries."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif (
            tag == "input"
            and self.forms
            and "name" in given
            and given.get("type") not in ("checkbox", "radio")
        ):
            self.forms[-1][1][given["name"]] = given.get("value", "")
        self._area = given.get("name") if tag == "textarea" else None

    def handle_data(self, data: str) -> None:
        if self._area and self.forms:
            fields = self.forms[-1][1]
            fields[self._area] = fields.get(self._area, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None


def _form(page: str, having: str, *, action: str | None = None) -> dict[str, str]:
    """The fields of the form that has this one."""
    return next(fields for where, fields in _all_forms(page) if having in fields and action in (None, where))


def _all_forms(page: str) -> Iterator[tuple[str, dict[str, str]]]:
    parser = _Forms()
    parser.feed(page)
    yield from parser.forms
