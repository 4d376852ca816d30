"""Who may do what, asked of every route that there is: a new one cannot be forgotten here."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from asset_registry_pipeline.desk.app import create_app
from asset_registry_pipeline.desk.security.csrf import SAFE_METHODS
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, Person
from tests.integration.asset_registry_pipeline.desk.queue_world import Queue, queue_of, world_of_a_queue

FOR_ALL = {"/login", "/logout"}
LOOKS = {"/queue/item/difference", "/queue/song/read"}
"""They tell what stands in a form; nothing is stored, and no service is asked."""


@pytest.fixture(scope="module")
def queue(make_shared_world: Any) -> Iterator[Queue]:
    with queue_of(world_of_a_queue(make_shared_world), "G") as found:
        yield found


def _routes(place: DeskPlace) -> Iterator[tuple[str, str]]:
    """Method and path of every route that does more than tell something."""
    for one in iter_route_contexts(create_app(place.state).routes):
        for method in (getattr(one, "methods", None) or set()) - SAFE_METHODS:
            yield method, str(one.path)


def _filled_in(queue: Queue) -> dict[str, str]:
    key = queue.key("G")
    words = {"words": "Anti-Hero by Taylor Swift.", "act": "approve", "note": "as before"}
    return {"key": key, "keys": key, "about": "G", "token": "t", "upload": "u", "revision": "1", **words}


def _send(person: Person, path: str, fields: dict[str, str]) -> int:
    more = (
        {"files": {"file": ("decisions.csv", b"layer,name", "text/csv")}}
        if path == "/decisions/import"
        else {}
    )
    return int(person.post(path, fields, follow_redirects=False, **more).status_code)


def test_an_editor_is_refused_by_every_page_and_every_call_that_does_something(queue: Queue) -> None:
    fields, editor, program = _filled_in(queue), queue.place.person("eddi"), queue.place.api("eddi")
    answers = {
        (method, path): program.request(method, path, json={}).status_code
        if path.startswith("/api/")
        else _send(editor, path, fields)
        for method, path in _routes(queue.place)
        if path not in FOR_ALL
    }

    assert {path for (_, path), status in answers.items() if status != 403} == LOOKS
    assert len(answers) > 25
    assert queue.items("G", state="claimed") == []


def test_no_page_and_no_call_does_anything_for_who_is_not_logged_in(queue: Queue) -> None:
    fields, visitor = _filled_in(queue), queue.place.visitor()
    answers = {
        (method, path): visitor.client.request(method, path, data=fields).status_code
        for method, path in _routes(queue.place)
    }

    assert {path for (_, path), status in answers.items() if status != 401} == {"/login"}
    assert answers["POST", "/login"] == 403


def test_no_page_takes_a_form_of_somebody_elses_session(queue: Queue) -> None:
    fields, curator = _filled_in(queue), queue.place.person("cora")
    curator.csrf = queue.place.person("carl").csrf

    for _, path in _routes(queue.place):
        if not path.startswith("/api/"):
            assert _send(curator, path, fields) == 403, path
