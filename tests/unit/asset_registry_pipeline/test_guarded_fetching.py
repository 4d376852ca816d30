"""What may be fetched and what may not: of all the ways around the guard, none leads to a connection."""

import contextlib
import socket
import threading

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asset_registry_pipeline.lookups.addresses import is_of_a_stand_in, is_public
from asset_registry_pipeline.lookups.fetching import (
    FetchFailedError,
    RefusedUrlError,
    UnfitContentError,
    fetch,
    policy_of,
)
from asset_registry_pipeline.lookups.urls import APPLE, COVER_ART, Policy, Target, read, redirected
from asset_registry_pipeline.stores.settings import Settings
from migration_kit.failures import PermanentError

APPLES = "is1-ssl.mzstatic.com"
PICTURE = b"\xff\xd8\xff" + bytes(64)

# Each leads somewhere else than it seems to, if anybody reads it in another way than the guard does.
BYPASSES = (
    # other schemes
    "http://is1-ssl.mzstatic.com/a.jpg",
    "HtTp://is1-ssl.mzstatic.com/a.jpg",
    "ftp://is1-ssl.mzstatic.com/a.jpg",
    "file:///etc/passwd",
    "file://is1-ssl.mzstatic.com/etc/passwd",
    "gopher://is1-ssl.mzstatic.com:443/_GET",
    "dict://is1-ssl.mzstatic.com:443/info",
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "jar:https://is1-ssl.mzstatic.com!/a.jpg",
    "//is1-ssl.mzstatic.com/a.jpg",
    "is1-ssl.mzstatic.com/a.jpg",
    "https:is1-ssl.mzstatic.com/a.jpg",
    "https:/is1-ssl.mzstatic.com/a.jpg",
    "https:///is1-ssl.mzstatic.com/a.jpg",
    "https:////is1-ssl.mzstatic.com/a.jpg",
    " https://127.0.0.1/a.jpg",
    "view-source:https://is1-ssl.mzstatic.com/a.jpg",
    "",
    "https://",
    # addresses of IPv4 in all their spellings
    "https://127.0.0.1/a.jpg",
    "https://127.1/a.jpg",
    "https://127.0.1/a.jpg",
    "https://2130706433/a.jpg",
    "https://0x7f000001/a.jpg",
    "https://0x7f.0.0.1/a.jpg",
    "https://0177.0.0.1/a.jpg",
    "https://0177.0x0.1/a.jpg",
    "https://017700000001/a.jpg",
    "https://00000177.0.0.1/a.jpg",
    "https://4294967295/a.jpg",
    "https://0/a.jpg",
    "https://0.0.0.0/a.jpg",
    "https://10.0.0.1/a.jpg",
    "https://172.16.0.1/a.jpg",
    "https://192.168.1.1/a.jpg",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/latest/meta-data/",
    "https://0xa9fea9fe/latest/meta-data/",
    "https://0251.0376.0251.0376/latest/meta-data/",
    "https://100.64.0.1/a.jpg",
    "https://224.0.0.1/a.jpg",
    "https://255.255.255.255/a.jpg",
    "https://198.18.0.1/a.jpg",
    "https://127.0.0.1.nip.io/a.jpg",
    # addresses of IPv6
    "https://[::1]/a.jpg",
    "https://[::]/a.jpg",
    "https://[::ffff:127.0.0.1]/a.jpg",
    "https://[::ffff:7f00:1]/a.jpg",
    "https://[::127.0.0.1]/a.jpg",
    "https://[0:0:0:0:0:ffff:127.0.0.1]/a.jpg",
    "https://[fe80::1%25eth0]/a.jpg",
    "https://[fe80::1%eth0]/a.jpg",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[64:ff9b::7f00:1]/a.jpg",
    "https://[2002:7f00:1::]/a.jpg",
    "https://[2001:0:7f00:1::]/a.jpg",
    "https://[::1].is1-ssl.mzstatic.com/a.jpg",
    "https://[is1-ssl.mzstatic.com]/a.jpg",
    "https://[v1.fe80]/a.jpg",
    # names of this machine and of metadata
    "https://localhost/a.jpg",
    "https://LOCALHOST/a.jpg",
    "https://localhost.localdomain/a.jpg",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://kubernetes.default.svc/",
    # users, and what looks like one
    "https://is1-ssl.mzstatic.com@127.0.0.1/a.jpg",
    "https://is1-ssl.mzstatic.com:443@127.0.0.1/a.jpg",
    "https://user:password@is1-ssl.mzstatic.com/a.jpg",
    "https://@is1-ssl.mzstatic.com/a.jpg",
    "https://is1-ssl.mzstatic.com%40127.0.0.1/a.jpg",
    "https://127.0.0.1%2f@is1-ssl.mzstatic.com/a.jpg",
    "https://is1-ssl.mzstatic.com%00.evil.example/a.jpg",
    # backslashes, blanks and control characters
    "https://127.0.0.1\\@is1-ssl.mzstatic.com/a.jpg",
    "https:\\\\is1-ssl.mzstatic.com\\a.jpg",
    "https://is1-ssl.mzstatic.com\\.evil.example/a.jpg",
    "https://is1-ssl.mzstatic.com/a.jpg\r\nHost: 127.0.0.1",
    "https://is1-ssl.mzstatic.com\r\n.evil.example/a.jpg",
    "https://is1-ssl.mzstatic.com\t/a.jpg",
    "https://is1-ssl.mzstatic.com /a.jpg",
    "https://is1-ssl.mzstatic.com/a.jpg\x00",
    "ht\ntps://is1-ssl.mzstatic.com/a.jpg",
    "https://is1-ssl.mzstatic.com/a\x7f.jpg",
    # letters that become others
    "https://is1\uff0dssl.mzstatic.com/a.jpg",
    "https://\uff49s1-ssl.mzstatic.com/a.jpg",
    "https://is1-ssl\u3002mzstatic\u3002com/a.jpg",
    "https://127\uff0e0\uff0e0\uff0e1/a.jpg",
    "https://\u2460\u2461\u2466.0.0.1/a.jpg",
    "https://is1-ssl.mzst\u0430tic.com/a.jpg",
    "https://xn--is1-ssl-mzstatic.com/a.jpg",
    "https://is1-ssl.mzstatic.com\u2044.evil.example/a.jpg",
    "https://is1-ssl.mzstatic.com\u00ad/a.jpg",
    # names that only resemble an allowed one
    "https://is6-ssl.mzstatic.com/a.jpg",
    "https://mzstatic.com/a.jpg",
    "https://evil.is1-ssl.mzstatic.com/a.jpg",
    "https://is1-ssl.mzstatic.com.evil.example/a.jpg",
    "https://evilis1-ssl.mzstatic.com/a.jpg",
    "https://is1-ssl.mzstatic.com./a.jpg",
    "https://is1-ssl..mzstatic.com/a.jpg",
    "https://.is1-ssl.mzstatic.com/a.jpg",
    "https://archive.org/a.jpg",
    "https://ia800503.us.archive.org/a.jpg",
    "https://evil.coverartarchive.org/a.jpg",
    f"https://{'a' * 64}.mzstatic.com/a.jpg",
    f"https://{'a.' * 200}mzstatic.com/a.jpg",
    f"https://is1-ssl.mzstatic.com/{'a' * 3000}.jpg",
    # ports
    "https://is1-ssl.mzstatic.com:80/a.jpg",
    "https://is1-ssl.mzstatic.com:22/a.jpg",
    "https://is1-ssl.mzstatic.com:8443/a.jpg",
    "https://is1-ssl.mzstatic.com:443443/a.jpg",
    "https://is1-ssl.mzstatic.com:-443/a.jpg",
    "https://is1-ssl.mzstatic.com:443:443/a.jpg",
    "https://is1-ssl.mzstatic.com:\u0664\u0664\u0663/a.jpg",
    # what comes after the name
    "https://127.0.0.1#is1-ssl.mzstatic.com/a.jpg",
    "https://127.0.0.1?is1-ssl.mzstatic.com/a.jpg",
    "https://127.0.0.1;is1-ssl.mzstatic.com/a.jpg",
    "https://is1-ssl.mzstatic.com,127.0.0.1/a.jpg",
    "https://evil.example#@is1-ssl.mzstatic.com/a.jpg",
    "https://evil.example?@is1-ssl.mzstatic.com/a.jpg",
)

# What a resolver may say of a name, wherever it has it from, and where nobody may be led.
NOT_PUBLIC = (
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255"),
    *(
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
    ),
    *(
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.251",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
    ),
    *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1"),
    *(
        "64:ff9b::808:808",
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::1",
        "2001:0:7f00:1::1",
        "2001:10::1",
        "2001:20::1",
    ),
    *("2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "ff02::1", "2606:4700::5efe:7f00:1"),
    *("localhost", "", "127.1", "2130706433", "0x7f.1", "1.2.3", "::g", "8.8.8.8 "),
)
PUBLIC = (
    "8.8.8.8",
    "17.253.144.10",
    "207.241.224.2",
    "172.32.0.1",
    "100.63.255.255",
    "2606:4700::1111",
    "2a00:1450::1",
)


class Network(httpcore.NetworkBackend):
    """Counts connections; each gets this answer, without TLS."""

    def __init__(self, *answers: bytes):
        self.made: list[tuple[str, int]] = []
        self.answers = list(answers)
        self.asked: list[str] = []

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.made.append((host, port))
        return _Stream(self, self.answers.pop(0)) if self.answers else httpcore.MockStream([])


class _Stream(httpcore.MockStream):
    def __init__(self, network, answer):
        super().__init__([answer, b""])
        self.network = network

    def write(self, buffer, timeout=None):
        self.network.asked.append(buffer.decode("latin-1"))

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        assert ssl_context.check_hostname
        self.network.asked.append(f"TLS with {server_hostname}")
        return self


def answer(status=200, body=PICTURE, **headers):
    told = {
        "content-length": str(len(body)),
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    lines = "".join(f"{name}: {text}\r\n" for name, text in told.items())
    return f"HTTP/1.1 {status} Told\r\n{lines}\r\n".encode() + body


def to(location):
    return f"HTTP/1.1 302 Told\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode("latin-1")


def public(_host, _port):
    return ("17.253.144.10",)


def never(host, port):
    raise AssertionError(f"{host}:{port} was looked up")


def test_more_than_sixty_ways_around_the_guard_are_tried():
    assert len(set(BYPASSES)) == len(BYPASSES) >= 60


@pytest.mark.parametrize("url", BYPASSES, ids=ascii)
def test_a_url_that_is_not_allowed_makes_no_connection_and_looks_nothing_up(url):
    network = Network()
    with pytest.raises(RefusedUrlError) as refused:
        fetch(url, Policy(), resolve=never, network=network)
    assert network.made == []
    assert "\n" not in str(refused.value)
    assert "\r" not in str(refused.value)
    assert len(str(refused.value)) < 600


_RELATIVE = ("is1-ssl.mzstatic.com/a.jpg", "//is1-ssl.mzstatic.com/a.jpg", " https://127.0.0.1/a.jpg", "")
"""What a header cannot hold as it is, or what leads to the allowed host itself where it is a redirect."""


@pytest.mark.parametrize("url", [url for url in BYPASSES if url not in _RELATIVE], ids=ascii)
def test_the_same_in_a_redirect_makes_no_second_connection(url):
    with pytest.raises(RefusedUrlError):
        redirected(Target(APPLES, 443, "/a.jpg", local=False), url, Policy())
    if "\n" not in url:  # a header cannot hold it, what comes after it is another one
        network = Network(to(url.encode("utf-8").decode("latin-1")))
        with pytest.raises((RefusedUrlError, FetchFailedError)):
            fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=public, network=network)
        assert [host for host, _ in network.made] == ["17.253.144.10"]


@pytest.mark.parametrize(
    "host", ["2130706433", "127.1", "0177.0.0.1", "127.0.0.1", "localhost", "internal.example"]
)
def test_a_host_that_somebody_has_allowed_is_still_not_followed_to_a_private_address(host):
    network = Network()
    policy = Policy(hosts=frozenset({host}))
    with pytest.raises(RefusedUrlError, match="not a public address"):
        fetch(f"https://{host}/a.jpg", policy, resolve=lambda *_: ("127.0.0.1",), network=network)
    assert network.made == []


@pytest.mark.parametrize("spelling", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1", "localhost"])
def test_the_systems_own_resolver_is_not_believed_either(spelling):
    network = Network()
    with pytest.raises((RefusedUrlError, FetchFailedError)):
        fetch(f"https://{spelling}/", Policy(hosts=frozenset({spelling})), network=network)
    assert network.made == []


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_makes_no_connection(address):
    network = Network()
    with pytest.raises(RefusedUrlError):
        fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=lambda *_: (address,), network=network)
    assert network.made == []


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_private_address_among_public_ones_is_enough_to_refuse(address, place):
    network = Network()
    addresses = [*PUBLIC[:2]]
    addresses.insert(place, address)
    with pytest.raises(RefusedUrlError):
        fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=lambda *_: addresses, network=network)
    assert network.made == []


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_connected_to_under_the_servers_name(address):
    network = Network(answer())
    got = fetch(f"HTTPS://{APPLES.upper()}/a.jpg", Policy(), resolve=lambda *_: (address,), network=network)
    assert (got.data, got.content_type, got.final_url) == (PICTURE, "image/jpeg", f"https://{APPLES}/a.jpg")
    assert network.made == [(address, 443)]
    assert network.asked[0] == f"TLS with {APPLES}"
    assert f"Host: {APPLES}\r\n" in network.asked[1]
    assert "ookie" not in network.asked[1]
    assert "uthorization" not in network.asked[1]


def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_looked_at():
    told = iter([("17.253.144.10",), ("127.0.0.1",), ("127.0.0.1",)])
    network = Network(to("/b.jpg"), answer())
    got = fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=lambda *_: next(told), network=network)
    assert got.final_url == f"https://{APPLES}/b.jpg"
    assert network.made == [("17.253.144.10", 443)] * 2


def test_a_redirect_to_an_allowed_name_at_a_private_address_is_refused():
    network = Network(to("https://is2-ssl.mzstatic.com/b.jpg"))
    places = {APPLES: ("17.253.144.10",), "is2-ssl.mzstatic.com": ("10.0.0.1",)}
    with pytest.raises(RefusedUrlError, match=r"10\.0\.0\.1"):
        fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=lambda host, _: places[host], network=network)
    assert len(network.made) == 1


def test_the_cover_art_archive_may_lead_to_the_internet_archive_and_nobody_else_may():
    chain = [
        to("http://archive.org/download/mbid-1/index.json"),
        to("https://ia800503.us.archive.org/0/items/mbid-1/index.json"),
        answer(),
    ]
    network = Network(*chain)
    got = fetch(f"https://{COVER_ART}/release/1/front-500", Policy(), resolve=public, network=network)
    assert got.final_url == "https://ia800503.us.archive.org/0/items/mbid-1/index.json"
    with pytest.raises(RefusedUrlError):
        fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=public, network=Network(chain[0]))
    for near in (
        "archive.org.evil.example",
        "evilarchive.org",
        "127.0.0.1",
        "archive.org:8080",
        "u@archive.org",
    ):
        network = Network(to(f"https://{near}/a.jpg"))
        with pytest.raises(RefusedUrlError):
            fetch(f"https://{COVER_ART}/release/1/front-500", Policy(), resolve=public, network=network)
        assert len(network.made) == 1


def test_three_redirects_are_followed_and_a_fourth_is_not():
    steps = [to(f"/{number}.jpg") for number in range(3)]
    assert fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=public, network=Network(*steps, answer())).data
    network = Network(*steps, to("/4.jpg"), answer())
    with pytest.raises(RefusedUrlError, match="more than 3 times"):
        fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=public, network=network)
    assert len(network.made) == 4


@pytest.mark.parametrize(
    ("told", "error", "why"),
    [
        (answer(404), UnfitContentError, "404"),
        (answer(403), UnfitContentError, "403"),
        (answer(503, retry_after="7"), FetchFailedError, "503"),
        (answer(429), FetchFailedError, "429"),
        (answer(206), UnfitContentError, "206"),
        (
            answer(200, b"<!doctype html><title>x</title>", content_type="image/jpeg"),
            UnfitContentError,
            "by its content",
        ),
        (answer(200, b"<svg xmlns='http://www.w3.org/2000/svg'/>"), UnfitContentError, "by its content"),
        (answer(200, b""), UnfitContentError, "by its content"),
        (answer(200, content_encoding="gzip"), UnfitContentError, "compressed"),
        (answer(200, content_encoding="identity, br"), UnfitContentError, "compressed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", UnfitContentError, "more than 10 MB"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + PICTURE, FetchFailedError, "broken"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n" + PICTURE,
            FetchFailedError,
            "broken",
        ),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", FetchFailedError, "broken"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", FetchFailedError, "broken"),
        (b"", FetchFailedError, "broken"),
        (answer(302, b""), FetchFailedError, "nowhere"),
    ],
)
def test_an_answer_that_is_no_picture_says_what_is_wrong_with_it(told, error, why):
    with pytest.raises(error, match=why):
        fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=public, network=Network(told))


def test_more_bytes_than_allowed_are_not_read_though_the_server_says_there_are_fewer():
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    told = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 40
    with pytest.raises(UnfitContentError, match="more than 1 MB"):
        fetch(f"https://{APPLES}/a.jpg", Policy(most_bytes=1_000_000), resolve=public, network=Network(told))


def test_a_resolver_that_hangs_costs_no_more_than_the_time_of_a_fetch():
    hanging = threading.Event()
    with pytest.raises(FetchFailedError, match="no picture after"):
        fetch(
            f"https://{APPLES}/a.jpg",
            Policy(seconds=0.05),
            resolve=lambda *_: hanging.wait(30) or (),
            network=Network(),
        )
    hanging.set()


def test_a_name_without_an_address_is_tried_again_another_time():
    def unknown(_host, _port):
        raise FetchFailedError("the name cannot be resolved")

    for resolve in (unknown, lambda *_: ()):
        with pytest.raises(FetchFailedError):
            fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=resolve, network=Network())


def test_an_address_that_does_not_answer_is_followed_by_the_next_one():
    class Half(Network):
        def connect_tcp(self, host, port, *rest, **options):
            if host == "2606:4700::1111":
                self.made.append((host, port))
                raise httpcore.ConnectError("refused")
            return super().connect_tcp(host, port, *rest, **options)

    network = Half(answer())
    fetch(
        f"https://{APPLES}/a.jpg",
        Policy(),
        resolve=lambda *_: ("2606:4700::1111", "8.8.8.8"),
        network=network,
    )
    assert [host for host, _ in network.made] == ["2606:4700::1111", "8.8.8.8"]


def test_the_environment_names_no_proxy_no_password_and_no_certificates(monkeypatch, tmp_path):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy)
    (tmp_path / ".netrc").write_text(f"machine {APPLES} login a password b")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    network = Network(answer())
    fetch(f"https://{APPLES}/a.jpg", Policy(), resolve=public, network=network)
    assert network.made == [("17.253.144.10", 443)]
    assert "uthorization" not in network.asked[1]
    with pytest.raises(BlockingIOError):
        listener.accept()
    listener.close()


def test_the_exception_for_a_stand_in_is_one_host_at_one_port():
    policy = Policy(local=frozenset({("localhost", 8443)}))
    near = lambda *_: ("127.0.0.1",)  # noqa: E731
    network = Network(answer())
    assert fetch("https://localhost:8443/a.jpg", policy, resolve=near, network=network).data == PICTURE
    for url in (
        *(
            "http://localhost:8443/",
            "https://localhost/",
            "https://localhost:8444/",
            "https://127.0.0.1:8443/",
        ),
        *(
            "https://a@localhost:8443/",
            "https://localhost.:8443/",
            f"https://{APPLES}:8443/",
            "https://[::1]:8443/",
        ),
    ):
        with pytest.raises(RefusedUrlError):
            fetch(url, policy, resolve=near, network=network)
    with pytest.raises(RefusedUrlError):
        fetch(f"https://{APPLES}/", policy, resolve=near, network=network)
    assert network.made == [("127.0.0.1", 8443)]


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "100.64.0.1", "::ffff:127.0.0.1"]
)
def test_not_even_a_stand_in_may_be_where_metadata_or_crowds_are(address):
    network = Network()
    policy = Policy(local=frozenset({("localhost", 8443)}))
    with pytest.raises(RefusedUrlError):
        fetch("https://localhost:8443/a.jpg", policy, resolve=lambda *_: (address,), network=network)
    assert network.made == []
    assert not is_of_a_stand_in(address)


def settings(**values):
    return Settings("", "", "", "", **values)


def test_the_policy_of_the_environment_adds_hosts_and_exceptions(tmp_path):
    authority = tmp_path / "authority.pem"
    authority.write_text("")
    policy = policy_of(
        settings(
            album_art_hosts=" Pictures.example , cdn.example,",
            album_art_local="localhost:8443",
            album_art_ca=str(authority),
        )
    )
    assert policy.hosts == APPLE | {COVER_ART, "pictures.example", "cdn.example"}
    assert policy.local == {("localhost", 8443)}
    assert policy_of(settings()) == Policy()
    assert "covers.example" in policy_of(settings(coverart_url="https://covers.example/caa")).hosts
    assert policy_of(settings(coverart_url="https://localhost:8443")) == Policy()


@pytest.mark.parametrize(
    ("values", "variable"),
    [
        ({"album_art_hosts": "https://pictures.example"}, "ALBUM_ART_HOSTS"),
        ({"album_art_hosts": "*.example"}, "ALBUM_ART_HOSTS"),
        ({"album_art_hosts": "pictures.example:8443"}, "ALBUM_ART_HOSTS"),
        ({"album_art_local": "localhost"}, "ALBUM_ART_LOCAL"),
        ({"album_art_local": "localhost:0"}, "ALBUM_ART_LOCAL"),
        ({"album_art_local": "local host:1"}, "ALBUM_ART_LOCAL"),
        ({"album_art_ca": "/nowhere.pem"}, "ALBUM_ART_CA"),
        ({"coverart_url": "https://covers.example:port/"}, "COVERART_URL"),
        ({"coverart_url": "https://[covers/"}, "COVERART_URL"),
    ],
)
def test_a_setting_that_is_wrong_is_named(values, variable):
    with pytest.raises(PermanentError, match=variable):
        policy_of(settings(**values))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_through_ipv6(address):
    number = int(address)
    for written in (
        f"::ffff:{address}", f"::{address}", f"64:ff9b::{address}",
        f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1", f"2001:0:{number >> 16:x}:{number & 0xFFFF:x}::1",
    ):  # fmt: skip
        assert not is_public(written)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address):
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_link_local:
        assert not is_public(str(address))


@given(st.text(max_size=80))
def test_whatever_is_written_is_read_in_one_way_or_refused(text):
    for url in (text, f"https://{text}", f"https://{APPLES}{text}"):
        try:
            target = read(url, Policy())
        except RefusedUrlError:
            continue
        assert target.host in Policy().hosts
        assert target.port == 443
        assert read(target.url, Policy()) == target


@given(st.text(max_size=80))
def test_a_redirect_never_leads_to_a_host_that_is_not_allowed(text):
    before = Target(APPLES, 443, "/a/b.jpg", local=False)
    with contextlib.suppress(RefusedUrlError):
        assert redirected(before, text, Policy()).host in Policy().hosts
