"""Tests of gistwire_indexer.sources.fetching."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx2
import pytest
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources import fetching
from gistwire_indexer.sources.fetching import MAX_REDIRECTS, fetch

PUBLIC = "93.184.215.14"


class Web:
    """Hosts with their addresses, and what they answer; records what was asked of whom."""

    def __init__(self, hosts: dict[str, list[str]], answer: Callable[[str], httpx2.Response]) -> None:
        self._hosts = hosts
        self._answer = answer
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        return fetch(url, resolve=self._resolve, transport=httpx2.MockTransport(self._handle))

    def _resolve(self, host: str, port: int) -> list[str]:
        if host not in self._hosts:
            raise OSError("no such host")
        return self._hosts[host]

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.host)
        if request.url.host == "192.0.0.9":
            raise httpx2.ConnectError("refused")
        assert request.headers["User-Agent"] == "Gistwire/0.1"
        return self._answer(
            f"{request.url.scheme}://{request.headers['Host']}{request.url.raw_path.decode()}"
        )


def always(body: bytes) -> Callable[[str], httpx2.Response]:
    return lambda url: httpx2.Response(200, content=iter([body]))


def test_the_checked_address_is_asked_for_the_named_host() -> None:
    urls: list[str] = []

    def answer(url: str) -> httpx2.Response:
        urls.append(url)
        return httpx2.Response(200, content=iter([b"feed"]))

    web = Web({"example.com": [PUBLIC]}, answer)
    assert web.fetch("https://example.com:8443/a?b=c") == b"feed"
    assert web.asked == [PUBLIC]
    assert urls == ["https://example.com:8443/a?b=c"]


def test_the_next_address_is_asked_if_one_refuses() -> None:
    web = Web({"example.com": ["192.0.0.9", PUBLIC]}, always(b"feed"))
    assert web.fetch("http://example.com/") == b"feed"
    assert web.asked == ["192.0.0.9", PUBLIC]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_refused_before_anything_is_sent(address: str) -> None:
    web = Web({"example.com": [PUBLIC, address]}, always(b"secret"))
    with pytest.raises(SourceError, match="private network"):
        web.fetch("http://example.com/")
    assert web.asked == []


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"]
)
def test_public_addresses_are_asked(address: str) -> None:
    assert Web({"example.com": [address]}, always(b"feed")).fetch("http://example.com/") == b"feed"


def test_redirects_are_followed_and_each_is_checked() -> None:
    def answer(url: str) -> httpx2.Response:
        targets = {"http://a.example/": "/next", "http://a.example/next": "http://inside.example/"}
        return httpx2.Response(302, headers={"Location": targets[url]})

    web = Web({"a.example": [PUBLIC], "inside.example": ["10.0.0.1"]}, answer)
    with pytest.raises(SourceError, match=r"inside\.example is in a private network"):
        web.fetch("http://a.example/")
    assert web.asked == [PUBLIC, PUBLIC]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.com/", "https:///x"])
def test_redirects_lead_to_the_web_only(location: str) -> None:
    web = Web({"example.com": [PUBLIC]}, lambda url: httpx2.Response(302, headers={"Location": location}))
    with pytest.raises(SourceError, match="not an http or https address"):
        web.fetch("http://example.com/")


def test_redirects_end() -> None:
    web = Web({"example.com": [PUBLIC]}, lambda url: httpx2.Response(302, headers={"Location": url}))
    with pytest.raises(SourceError, match="redirects"):
        web.fetch("http://example.com/")
    assert len(web.asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("status", [304, 404, 500])
def test_an_answer_that_is_no_success_is_an_error(status: int) -> None:
    web = Web({"example.com": [PUBLIC]}, lambda url: httpx2.Response(status))
    with pytest.raises(SourceError, match=str(status)):
        web.fetch("http://example.com/")


def test_a_document_over_the_limit_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_DOCUMENT_BYTES", 10)
    sent: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(100):
            sent.append(number)
            yield b"xxxx"

    web = Web({"example.com": [PUBLIC]}, lambda url: httpx2.Response(200, content=chunks()))
    with pytest.raises(SourceError, match="longer than"):
        web.fetch("http://example.com/")
    assert len(sent) == 3


def test_a_document_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_TOTAL_TIMEOUT_S", -1.0)
    with pytest.raises(SourceError, match="took longer"):
        Web({"example.com": [PUBLIC]}, always(b"feed")).fetch("http://example.com/")


@pytest.mark.parametrize(
    "url", ["http://nowhere.example/", "http://example.com:99999/", "ftp://example.com/", "x"]
)
def test_addresses_that_lead_nowhere_are_errors(url: str) -> None:
    with pytest.raises(SourceError):
        Web({"example.com": [PUBLIC]}, always(b"feed")).fetch(url)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keeps the output of the tests free of what the server logs."""


def test_a_real_server_on_the_loopback_address_if_allowed() -> None:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        Thread(target=server.handle_request).start()
        host = f"localhost:{server.server_port}"
        assert fetch(f"http://{host}/feed?x=1", allow_private_addresses=True) == f"{host} /feed?x=1".encode()
