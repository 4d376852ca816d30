"""Tokens, the desk's address, and the origins of pictures: what is read from the environment."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.desk.security.access import safe_path
from asset_registry_pipeline.desk.security.address import read_address
from asset_registry_pipeline.desk.security.headers import origins, security_headers
from asset_registry_pipeline.desk.security.tokens import Tokens, digest_of, line_of, new_token, read_lines
from asset_registry_pipeline.registry.roles import Role
from migration_kit.failures import PermanentError

CORA = line_of("cora", Role.CURATOR, "a token")


def test_the_holder_of_a_token_is_known_by_its_hash_alone():
    tokens = Tokens(f"{CORA}\n# somebody who left\n{line_of('ada', Role.ADMIN, 'another')}")

    assert tokens.holder_of("a token").actor.name == "cora"
    assert tokens.holder_of("another").role is Role.ADMIN
    assert tokens.holder_of(digest_of("a token")) is None
    assert "a token" not in CORA


@pytest.mark.parametrize(
    "line",
    [
        "cora:curator",
        "cora:curator:plain-token",
        f"cora:owner:{'a' * 64}",
        f":curator:{'a' * 64}",
        f"cora:curator:{'a' * 63}",
        f"cora:curator:{'g' * 64}",
        f"cora:curator:{'a' * 64}:more",
        "just words",
    ],
)
def test_a_line_that_is_none_is_refused_without_being_repeated(line):
    holders, wrong = read_lines(f"{CORA},{line}")

    assert [holder.name for holder in holders] == ["cora"]
    assert len(wrong) == 1
    assert "plain-token" not in wrong[0]
    with pytest.raises(PermanentError, match="CURATOR_TOKENS"):
        Tokens(f"{CORA},{line}")


def test_one_token_is_one_persons():
    holders, wrong = read_lines(f"{CORA},{line_of('carl', Role.ADMIN, 'a token')}")

    assert [holder.name for holder in holders] == ["cora"]
    assert "another person's" in wrong[0]


@pytest.mark.parametrize("given_text", ["", "  \n# nobody\n"])
def test_a_desk_that_nobody_could_use_does_not_open(given_text):
    with pytest.raises(PermanentError, match="nobody could log in"):
        Tokens(given_text)


def test_a_file_that_is_not_there_is_named_by_its_variable(tmp_path: Path):
    with pytest.raises(PermanentError, match="CURATOR_TOKENS_FILE"):
        Tokens(CORA, tmp_path / "nowhere")


@given(st.text(), st.sampled_from(Role))
def test_every_name_that_is_taken_comes_back_from_its_line(name, role):
    try:
        line = line_of(name, role, "secret")
    except PermanentError:
        return
    assert [(one.name, one.role) for one in read_lines(line)[0]] == [(name.strip(), role)]


@given(st.text(max_size=300))
def test_whatever_a_list_holds_it_is_read_without_a_fault(text):
    holders, wrong = read_lines(text)
    assert len(holders) + len(wrong) <= text.count("\n") + text.count(",") + len(text.splitlines()) + 1


def test_a_token_is_made_once_and_only_its_hash_goes_into_a_file():
    made = subprocess.run(
        [sys.executable, "-m", "asset_registry_pipeline.desk", "token", "cora", "curator"],
        capture_output=True,
        text=True,
        check=True,
    )

    told, line = made.stderr.strip(), made.stdout.strip()
    assert Tokens(line).holder_of(told.rpartition(" ")[2]).name == "cora"
    assert told.rpartition(" ")[2] not in line
    assert len({new_token() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("url", "origin", "secure"),
    [
        ("", "", False),
        ("https://desk.example", "https://desk.example", True),
        ("https://desk.example:443/", "https://desk.example", True),
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090", False),
        ("https://DESK.example:8443", "https://desk.example:8443", True),
        ("http://[::1]:80", "http://[::1]", False),
    ],
)
def test_the_desks_address_gives_its_origin(url, origin, secure):
    address = read_address(url)

    assert (address.origin, address.secure) == (origin, secure)
    assert address.cookie.startswith("__Host-") is secure


@pytest.mark.parametrize(
    "url", ["desk.example", "ftp://desk.example", "https://", "https://desk.example/below", "https://me@desk.example",
            "https://desk.example?x=1", "https://desk.example:port"]
)  # fmt: skip
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(PermanentError, match="DESK_URL"):
        read_address(url)


@given(st.text())
def test_the_way_back_after_a_login_never_leaves_the_desk(path):
    way = safe_path(path)

    assert way.startswith("/")
    assert not way.startswith(("//", "/\\"))
    assert way.isprintable()


def test_pictures_may_come_from_the_configured_places_only():
    places = origins(
        [
            "http://127.0.0.1:58333/art",
            "pictures.example",
            "",
            "javascript:x",
            "https://a@b.example",
            "x:8443",
            "a.example; script-src *",
        ]
    )

    assert places == ("http://127.0.0.1:58333", "https://pictures.example", "https://x:8443")
    policy = security_headers(places, https=True)["Content-Security-Policy"]
    assert policy.count("https://pictures.example") == 1
    assert "default-src 'none'" in policy
