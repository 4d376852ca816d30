"""Coming in and going out: tokens, sessions, forged requests, and too many tries."""

from tests.integration.asset_registry_pipeline.desk.conftest import DeskPlace


def test_a_curator_logs_in_sees_the_overview_and_logs_out(desk: DeskPlace) -> None:
    page = desk.curator.get("/")

    assert page.status_code == 200
    assert "cora" in page.text

    out = desk.curator.post("/logout")
    assert out.url.path == "/login"
    assert desk.curator.get("/", follow_redirects=False).status_code == 303
