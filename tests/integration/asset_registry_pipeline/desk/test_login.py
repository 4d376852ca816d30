"""Coming in and going out: tokens, sessions, forged requests, and too many tries."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from asset_registry_pipeline.desk.security.login_limit import LoginLimit
from asset_registry_pipeline.desk.security.sessions import LASTS
from asset_registry_pipeline.desk.security.tokens import line_of
from asset_registry_pipeline.registry.roles import Role
from tests.integration.asset_registry_pipeline.conftest import World
from tests.integration.asset_registry_pipeline.desk.conftest import (
    TOKENS,
    DeskPlace,
    csrf_of,
    desk_over,
)


def test_a_curator_logs_in_sees_the_overview_and_logs_out(shared_desk: DeskPlace) -> None:
    cora = shared_desk.person("cora")
    page = cora.get("/")

    assert page.status_code == 200
    assert "cora" in page.text

    out = cora.post("/logout")
    assert out.url.path == "/login"
    assert cora.get("/", follow_redirects=False).status_code == 303


def test_nobody_sees_a_page_without_logging_in_and_is_led_back_to_it_afterwards(
    shared_desk: DeskPlace,
) -> None:
    visitor = shared_desk.visitor()

    sent = visitor.get("/?layer=S", follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=%2F%3Flayer%3DS")
    assert visitor.get("/events/progress", follow_redirects=False).status_code == 303

    form = visitor.get(sent.headers["location"]).text
    given = {"csrf_token": csrf_of(form), "token": TOKENS["cora"], "next": "/?layer=S"}
    back = visitor.client.post("/login", data=given, follow_redirects=False)
    assert back.headers["location"] == "/?layer=S"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "/login",
        "",
    ],
)
def test_the_login_leads_nowhere_but_to_the_desk(shared_desk: DeskPlace, elsewhere: str) -> None:
    visitor = shared_desk.visitor()
    given = {"csrf_token": csrf_of(visitor.get("/login").text), "token": TOKENS["cora"], "next": elsewhere}

    back = visitor.client.post("/login", data=given, follow_redirects=False)

    assert back.headers["location"] == "/"


@pytest.mark.parametrize(
    "token", ["", "wrong", TOKENS["cora"] + "x", "\ud800".encode("utf-8", "surrogatepass"), "ü" * 400]
)
def test_a_token_that_is_not_known_opens_nothing_and_is_in_no_answer(
    shared_desk: DeskPlace, token: str
) -> None:
    answer = shared_desk.visitor().log_in(token)

    assert answer.status_code in (401, 422)
    assert "desk=" not in ";".join(answer.headers.get_list("set-cookie"))
    assert "ü" * 400 not in answer.text


def test_the_session_is_kept_from_scripts_and_other_sites_and_only_its_hash_is_stored(world: World) -> None:
    with desk_over(world, DESK_URL="https://testserver") as desk:
        visitor = desk.visitor(base_url="https://testserver")
        cookies = visitor.log_in(TOKENS["cora"]).headers.get_list("set-cookie")

        session = next(one for one in cookies if one.startswith("__Host-desk="))
        assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(session.split("; "))
        stored = str(list(world.development["migration_desk_sessions"].find()))
        assert session.split("=")[1].split(";")[0] not in stored
        assert TOKENS["cora"] not in stored
        assert "max-age" in visitor.get("/").headers["strict-transport-security"]


def test_a_session_survives_a_restart_and_ends_after_half_a_day(world: World) -> None:
    with desk_over(world) as before:
        cookies = dict(before.curator.client.cookies)
    with desk_over(world) as after:
        visitor = after.visitor(cookies=cookies)
        assert "cora" in visitor.get("/").text

        later = after.state.clock() + LASTS + timedelta(seconds=1)
        object.__setattr__(after.state, "clock", lambda: later)
        assert visitor.get("/", follow_redirects=False).status_code == 303


def test_a_cookie_of_before_the_login_or_after_the_logout_proves_nothing(shared_desk: DeskPlace) -> None:
    visitor = shared_desk.visitor()
    visitor.client.cookies.set("desk", "planted-by-somebody", domain="testserver.local")
    visitor.log_in(TOKENS["cora"])
    mine = next(
        one.value
        for one in visitor.client.cookies.jar
        if one.name == "desk" and one.value != "planted-by-somebody"
    )

    visitor.post("/logout")

    assert (
        shared_desk.visitor(cookies={"desk": mine or ""}).get("/", follow_redirects=False).status_code == 303
    )


def test_who_is_taken_off_the_list_is_out_at_once_and_a_new_role_counts_at_once(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "curators"
    file.write_text(
        f"# the team\n{line_of('cora', Role.CURATOR, TOKENS['cora'])}\nbroken line\n".replace(
            "broken line\n", ""
        )
    )
    with desk_over(world, CURATOR_TOKENS="", CURATOR_TOKENS_FILE=str(file)) as desk:
        assert "curator" in desk.curator.get("/").text

        file.write_text(line_of("cora", Role.EDITOR, TOKENS["cora"]) + "\nthis line is broken\n")
        assert "editor" in desk.curator.get("/").text

        file.write_text("")
        assert desk.curator.get("/", follow_redirects=False).status_code == 303


def test_a_line_of_the_list_that_is_wrong_is_named_without_being_repeated(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "curators"
    file.write_text(line_of("cora", Role.CURATOR, TOKENS["cora"]))
    with (
        desk_over(world, CURATOR_TOKENS="", CURATOR_TOKENS_FILE=str(file)) as desk,
        caplog.at_level(logging.ERROR),
    ):
        file.write_text(file.read_text() + "\nada:admin:my-plain-token\n")

        assert desk.visitor().log_in(TOKENS["cora"]).status_code == 303

    assert "entry 2" in caplog.text
    assert "my-plain-token" not in caplog.text


def test_tries_to_log_in_are_counted_by_address_and_by_all_processes_together(world: World) -> None:
    with desk_over(world) as one, desk_over(world) as other:
        for desk in (one, other):
            object.__setattr__(desk.state, "login_limit", LoginLimit(world.development, tries_a_minute=3))
        here = ("192.0.2.1", 5000)
        tries = [desk.visitor(client=here).log_in("wrong").status_code for desk in (one, other, one, other)]
        elsewhere = other.visitor(client=("192.0.2.7", 5000)).log_in(TOKENS["cora"])
        late = other.visitor(client=here).log_in(TOKENS["cora"])

    assert tries == [401, 401, 401, 429]
    assert elsewhere.status_code == 303
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= 60


class TestForgedRequests:
    def test_a_form_without_the_sessions_own_secret_changes_nothing(self, shared_desk: DeskPlace) -> None:
        client = shared_desk.curator.client

        for token in ("", "x", shared_desk.other_curator.csrf):
            answer = client.post("/logout", data={"csrf_token": token})
            assert answer.status_code == 403
            assert "Nothing was saved" in answer.text
        assert client.get("/").status_code == 200

    def test_the_secret_may_come_in_a_header(self, shared_desk: DeskPlace) -> None:
        cora = shared_desk.person("cora")

        answer = cora.client.post("/logout", headers={"X-CSRF-Token": cora.csrf}, follow_redirects=False)

        assert answer.status_code == 303

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://testserver.evil.example"},
            {"Origin": "http://testserver:81"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_a_form_of_another_address_changes_nothing_even_with_the_secret(
        self, shared_desk: DeskPlace, headers: dict[str, str]
    ) -> None:
        answer = shared_desk.curator.post("/logout", headers=headers)

        assert answer.status_code == 403
        assert shared_desk.curator.get("/").status_code == 200

    def test_nobody_is_logged_in_by_a_form_that_their_browser_was_not_given(
        self, shared_desk: DeskPlace
    ) -> None:
        other = csrf_of(shared_desk.visitor().get("/login").text)
        visitor = shared_desk.visitor()
        visitor.get("/login")

        answer = visitor.client.post("/login", data={"csrf_token": other, "token": TOKENS["cora"]})

        assert answer.status_code == 403

    def test_a_bearer_token_opens_no_page_and_a_cookie_no_api(self, shared_desk: DeskPlace) -> None:
        program = shared_desk.api("cora")

        assert program.get("/", follow_redirects=False).status_code == 303


def test_what_somebody_typed_is_handed_back_where_their_session_has_ended(shared_desk: DeskPlace) -> None:
    cora = shared_desk.person("cora")
    shared_desk.state.sessions._sessions.delete_many({"name": "cora"})

    answer = cora.post("/logout", {"words": "An hour's <b>work</b>"})

    assert answer.status_code == 401
    assert "An hour&#39;s &lt;b&gt;work&lt;/b&gt;" in answer.text
    assert "was not saved" in answer.text
