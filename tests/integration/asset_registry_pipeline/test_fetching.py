"""Fetching pictures over TLS: what a server does wrong costs no more than the time and bytes of a fetch."""

import socket
import ssl
import threading
import time
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace

import httpcore
import pytest

from asset_registry_pipeline.lookups.fetching import (
    PICTURES,
    FetchFailedError,
    Policy,
    RefusedUrlError,
    UnfitContentError,
    fetch,
    policy_of,
)
from asset_registry_pipeline.stores.settings import Settings
from local_stack.music.catalogue import REAL
from local_stack.music.certificates import certificates
from local_stack.music.faults import Fault

SOON = 0.5
"""Seconds that a fetch may take here."""


@pytest.fixture
def policy(music) -> Policy:
    names = {"album_art_local": "ALBUM_ART_LOCAL", "album_art_ca": "ALBUM_ART_CA"}
    return policy_of(
        Settings("", "", "", "", **{field: music.environment[name] for field, name in names.items()})
    )


@pytest.fixture
def picture(music) -> str:
    return f"{music.url}/image/thumb/Music/v4/{REAL[0].mark}/source/600x600bb.jpg"


def test_a_picture_comes_with_its_type_and_size(policy, picture):
    got = fetch(picture, policy)
    assert (got.content_type, got.final_url) == ("image/jpeg", picture)
    assert len(got.data) > 5_000


def test_a_cover_comes_through_the_archives_redirects(policy, music):
    got = fetch(f"{music.url}/release/{REAL[0].mbid}/1-500.jpg", policy)
    assert got.content_type == "image/jpeg"
    assert "/download/mbid-" in got.final_url


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault(1, "html"), (UnfitContentError, "text/html by its content")),
        (Fault(1, "endless"), (UnfitContentError, "more than 1 MB")),
        (Fault(1, "compressed"), (UnfitContentError, "compressed")),
        (Fault(1, "drip"), (FetchFailedError, "no picture after")),
        (Fault(1, "stall", seconds=2), (FetchFailedError, "no picture after")),
        (Fault(1, "hang_up"), (FetchFailedError, "broken|connection")),
        (Fault(1, status=404), (UnfitContentError, "404")),
        (Fault(1, status=503, retry_after="9"), (FetchFailedError, "503")),
        (
            Fault(1, "redirect", location="https://127.0.0.1/a.jpg"),
            (RefusedUrlError, "127.0.0.1 is not allowed"),
        ),
        (Fault(1, "redirect", location="http://169.254.169.254/"), (RefusedUrlError, "no https address")),
        (Fault(9, "redirect", location="/again.jpg"), (RefusedUrlError, "more than 3 times")),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_what_a_server_does_wrong_is_said_and_costs_no_more_than_allowed(policy, picture, music, fault, told):
    error, why = told
    music.control.order(fault)
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(error, match=why):
        fetch(picture, replace(policy, seconds=SOON, most_bytes=1_000_000))
    assert time.monotonic() - begun < 4 * SOON
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_redirect_to_a_listener_on_this_machine_reaches_nobody(policy, picture, music):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        for scheme in ("https", "http"):
            music.control.order(
                Fault(1, "redirect", location=f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/")
            )
            with pytest.raises(RefusedUrlError):
                fetch(picture, policy)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_server_whose_certificate_nobody_vouches_for_is_not_believed(policy, picture):
    with pytest.raises(FetchFailedError, match="certificate"):
        fetch(picture, replace(policy, authority=""))


def test_a_server_whose_certificate_is_for_another_name_is_not_believed(policy, picture):
    elsewhere = picture.replace("localhost", "registry.example")
    port = int(picture.split(":")[2].split("/")[0])
    allowed = replace(policy, local=frozenset({("registry.example", port)}))
    with pytest.raises(FetchFailedError, match="certificate"):
        fetch(elsewhere, allowed, resolve=lambda *_: ("127.0.0.1",))


def test_the_authority_of_stand_ins_vouches_for_nobody_else(policy, picture):
    class Here(httpcore.SyncBackend):
        def connect_tcp(self, host, port, *rest, **options):
            return super().connect_tcp(
                "127.0.0.1", int(picture.split(":")[2].split("/")[0]), *rest, **options
            )

    allowed = replace(policy, hosts=frozenset({"localhost"}))
    with pytest.raises(FetchFailedError, match="certificate"):
        fetch("https://localhost/a.jpg", allowed, resolve=lambda *_: ("17.253.144.10",), network=Here())


@contextmanager
def serving(folder, talk):
    """A TLS server that answers each connection with `talk(connection)`."""
    made = certificates(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.server)
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(raw,), daemon=True).start()

    def serve(raw):
        with raw:
            try:
                talk(context.wrap_socket(raw, server_side=True) if talk is not silent else raw)
            except OSError:
                return

    threading.Thread(target=run, daemon=True).start()
    port = listener.getsockname()[1]
    policy = Policy(local=frozenset({("localhost", port)}), authority=str(made.authority), seconds=SOON)
    try:
        yield f"https://localhost:{port}/a.jpg", policy
    finally:
        listener.close()


def silent(connection):
    """Never says anything, not even a handshake."""
    connection.recv(1)
    threading.Event().wait(4 * SOON)


def drips_headers(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-drip: a\r\n")
        threading.Event().wait(0.02)


def says_continue(connection):
    connection.recv(4096)
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        threading.Event().wait(0.01)


def has_endless_headers(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"a" * 2_000_000)


def says_less_than_it_sends(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + b"\xff\xd8\xff" + bytes(100_000))


def says_more_than_it_sends(connection):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (silent, "no picture after|handshake"),
        (drips_headers, "no picture after|broken"),
        (says_continue, "no picture after"),
        (has_endless_headers, "broken|no picture after"),
        (says_more_than_it_sends, "broken"),
    ],
)
def test_a_server_that_plays_for_time_gets_no_more_than_the_time_of_a_fetch(tmp_path, talk, why):
    with serving(tmp_path, talk) as (url, policy):
        begun = time.monotonic()
        with pytest.raises(FetchFailedError, match=why):
            fetch(url, policy)
        assert time.monotonic() - begun < 4 * SOON


def test_no_more_is_read_than_a_server_said_it_would_send(tmp_path):
    with serving(tmp_path, says_less_than_it_sends) as (url, policy):
        assert len(fetch(url, policy, types=PICTURES).data) == 10
