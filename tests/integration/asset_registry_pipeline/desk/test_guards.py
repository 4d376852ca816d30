"""What surrounds every request: headers, hosts, sizes, faults, and a log that tells no secrets."""

import logging
import re
from collections.abc import Iterator

import pytest

from asset_registry_pipeline.desk import rendering
from asset_registry_pipeline.desk.log import Redacted
from asset_registry_pipeline.desk.problems import Problem
from asset_registry_pipeline.desk.security.middleware import LARGEST_BODY
from asset_registry_pipeline.steps.curation.errors import CurationError
from migration_kit.failures import PermanentError, TransientError
from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace, Person

REQUESTS = "asset_registry_pipeline.desk.requests"


@pytest.fixture(scope="module")
def cora(shared_desk: DeskPlace) -> Person:
    return shared_desk.curator


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/login", 303),
        ("/no-such-page", 404),
        ("/static/desk.css", 200),
        ("/static/../app.py", 404),
    ],
)
def test_every_reply_tells_the_browser_what_no_page_ever_asks_for(
    cora: Person, path: str, status: int
) -> None:
    answer = cora.get(path, follow_redirects=False)

    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]
    assert re.fullmatch("[0-9a-f]{12}", answer.headers["x-request-id"])
    assert "server" not in answer.headers


def test_pages_are_kept_nowhere_and_static_files_until_they_change(cora: Person) -> None:
    page = cora.get("/")

    assert page.headers["cache-control"] == "no-store"
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        assert re.search(r"\?v=[0-9a-f]{12}$", path)
        assert "immutable" in cora.get(path).headers["cache-control"]


@pytest.mark.parametrize("template", sorted(path.name for path in rendering.HERE.glob("templates/*.html")))
def test_no_template_holds_a_script_a_style_or_a_handler_that_the_policy_would_refuse(template: str) -> None:
    text = (rendering.HERE / "templates" / template).read_text()

    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle\s*=|\son[a-z]+\s*=|hx-on|javascript:", text)
    assert "|safe" not in text.replace(" ", "")
    assert "autoescape" not in text


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "127.0.0.1.evil.example", ""])
def test_a_request_to_another_name_than_the_desks_is_refused(shared_desk: DeskPlace, host: str) -> None:
    assert shared_desk.visitor().get("/login", headers={"Host": host}).status_code == 400


class TestSizes:
    def test_a_request_that_says_it_is_too_large_is_not_read(self, cora: Person) -> None:
        answer = cora.client.post("/logout", content=b"", headers={"Content-Length": str(LARGEST_BODY + 1)})

        assert answer.status_code == 413
        assert "larger than 2 MB" in answer.text

    def test_a_request_that_does_not_say_it_is_cut_off_where_it_becomes_too_large(self, cora: Person) -> None:
        sent = 0

        def endless() -> Iterator[bytes]:
            nonlocal sent
            yield b"csrf_token="
            for _ in range(100):
                sent += 1
                yield b"a" * (LARGEST_BODY // 10)

        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = cora.client.post("/logout", content=endless(), headers=form)

        assert answer.status_code == 413

    def test_a_form_of_thousands_of_fields_is_refused(self, cora: Person) -> None:
        assert cora.post("/logout", {f"field{n}": "x" for n in range(2_000)}).status_code in (400, 413)
        assert cora.get("/").status_code == 200


@pytest.fixture(scope="module")
def failing_pages(shared_desk: DeskPlace) -> None:
    faults = {
        "unforeseen": RuntimeError("mongodb://me:hunter2@db.example lost ada@example.com"),
        "permanent": PermanentError(
            "it cannot be used", item="mongodb://me:hunter2@db.example", remedy="Correct it"
        ),
        "passing": TransientError("connection reset by mongodb://me:hunter2@db.example", item="development"),
        "claimed": CurationError("claimed_by_another", "carl has claimed it", item="S.POP.HPM.001"),
        "problem": Problem(
            422, "invalid", "A <b>word</b> is missing", "Write it", kept={"words": "<i>mine</i>"}
        ),
    }

    def page(name: str) -> None:
        raise faults[name]

    shared_desk.app.add_api_route("/api/fault/{name}", page)
    shared_desk.app.add_api_route("/fault/{name}", page)


@pytest.mark.usefixtures("failing_pages")
class TestFaults:
    @pytest.mark.parametrize("page", ["/fault/", "/api/fault/"])
    def test_a_fault_that_nobody_foresaw_is_told_by_a_number_that_the_log_has(
        self, cora: Person, page: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.handler.setFormatter(Redacted())

        with caplog.at_level(logging.INFO):
            answer = cora.get(page + "unforeseen")

        number = answer.headers["x-request-id"]
        assert answer.status_code == 500
        assert number in answer.text
        assert not re.search("Traceback|RuntimeError|hunter2|db.example", answer.text)
        assert number in caplog.text
        assert "RuntimeError" in caplog.text
        assert "hunter2" not in caplog.text
        assert "ada@example.com" not in caplog.text

    def test_what_the_migration_refuses_is_told_in_its_words_without_secrets(self, cora: Person) -> None:
        answer = cora.get("/fault/permanent")

        assert answer.status_code == 500
        assert "it cannot be used" in answer.text
        assert "Correct it." in answer.text
        assert "hunter2" not in answer.text

    def test_a_database_that_does_not_answer_is_told_as_that(self, cora: Person) -> None:
        answer = cora.get("/fault/passing")

        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "hunter2" not in answer.text

    def test_an_item_that_another_has_claimed_is_a_conflict_in_the_form_that_fits_who_asks(
        self, cora: Person
    ) -> None:
        page, fragment = (
            cora.get("/fault/claimed"),
            cora.get("/fault/claimed", headers={"HX-Request": "true"}),
        )
        program = cora.get("/api/fault/claimed")

        assert {page.status_code, fragment.status_code, program.status_code} == {409}
        assert "<html" in page.text
        assert "<html" not in fragment.text
        assert fragment.headers["hx-retarget"] == "#problem"
        assert program.json()["error"]["code"] == "claimed_by_another"
        assert program.json()["success"] is False

    def test_what_was_typed_comes_back_as_text(self, cora: Person) -> None:
        answer = cora.get("/fault/problem")

        assert "A &lt;b&gt;word&lt;/b&gt; is missing" in answer.text
        assert "&lt;i&gt;mine&lt;/i&gt;" in answer.text


def test_the_log_has_a_line_for_each_request_and_no_line_that_a_path_forged(
    cora: Person, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger=REQUESTS):
        cora.get("/")
        cora.get("/a%0AFORGED 200")

    lines = [record.getMessage() for record in caplog.records if record.name == REQUESTS]
    assert [bool(re.fullmatch(r"[0-9a-f]{12} GET /\S* 200 \d+ ms cora", line)) for line in lines] == [
        True,
        False,
    ]
    assert all("\n" not in line for line in lines)
