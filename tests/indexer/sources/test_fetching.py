"""Tests of gistwire_indexer.sources.fetching."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx2
import pytest
from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources.fetching import FetchedDocument, Fetcher, FetchLimits, fetch

PUBLIC = "93.184.215.14"
LIMITS = FetchLimits()


class Web:
    """Hosts with their addresses, and what they answer; records what was asked of whom."""

    def __init__(
        self,
        hosts: dict[str, list[str]],
        answer: Callable[[str], httpx2.Response],
        limits: FetchLimits = LIMITS,
    ) -> None:
        self._hosts = hosts
        self._answer = answer
        self._limits = limits
        self.asked: list[str] = []
        self.requests: list[httpx2.Request] = []

    async def get(self, url: str, *, max_bytes: int | None = None, cut: bool = False) -> FetchedDocument:
        transport = httpx2.MockTransport(self._handle)
        async with Fetcher(self._limits, resolve=self._resolve, transport=transport) as fetcher:
            return await fetcher.get(url, headers={"If-None-Match": '"1"'}, max_bytes=max_bytes, cut=cut)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        if host not in self._hosts:
            raise OSError("no such host")
        return self._hosts[host]

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.host)
        self.requests.append(request)
        if request.url.host == "192.0.0.9":
            raise httpx2.ConnectError("refused")
        return self._answer(
            f"{request.url.scheme}://{request.headers['Host']}{request.url.raw_path.decode()}"
        )


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def always(body: bytes, **headers: str) -> Callable[[str], httpx2.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda url: httpx2.Response(200, content=pieces(body), headers=named)


def redirecting(targets: dict[str, str], status: int = 302) -> Callable[[str], httpx2.Response]:
    def answer(url: str) -> httpx2.Response:
        if url in targets:
            return httpx2.Response(status, headers={"Location": targets[url]})
        return httpx2.Response(200, content=pieces(b"feed"))

    return answer


async def test_the_checked_address_is_asked_for_the_named_host() -> None:
    urls: list[str] = []

    def answer(url: str) -> httpx2.Response:
        urls.append(url)
        return httpx2.Response(200, content=pieces(b"feed"), headers={"ETag": '"2"'})

    web = Web({"example.com": [PUBLIC]}, answer)
    document = await web.get("https://example.com:8443/a?b=c")
    assert (document.url, document.permanent_url) == ("https://example.com:8443/a?b=c",) * 2
    assert (document.status, document.headers["etag"], document.body) == (200, '"2"', b"feed")
    assert web.asked == [PUBLIC]
    assert urls == ["https://example.com:8443/a?b=c"]
    (request,) = web.requests
    assert request.headers["User-Agent"] == "Gistwire/0.1"
    assert request.headers["If-None-Match"] == '"1"'
    assert request.extensions["sni_hostname"] == "example.com"


async def test_the_next_address_is_asked_if_one_refuses() -> None:
    web = Web({"example.com": ["192.0.0.9", PUBLIC]}, always(b"feed"))
    assert (await web.get("http://example.com/")).body == b"feed"
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
async def test_private_addresses_are_refused_before_anything_is_sent(address: str) -> None:
    web = Web({"example.com": [PUBLIC, address]}, always(b"secret"))
    with pytest.raises(SourceError, match="private network"):
        await web.get("http://example.com/")
    assert web.asked == []


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14"]
)
async def test_public_addresses_are_asked(address: str) -> None:
    assert (await Web({"example.com": [address]}, always(b"feed")).get("http://example.com/")).is_success


async def test_redirects_are_followed_and_each_is_checked() -> None:
    targets = {"http://a.example/": "/next", "http://a.example/next": "http://inside.example/"}
    web = Web({"a.example": [PUBLIC], "inside.example": ["10.0.0.1"]}, redirecting(targets))
    with pytest.raises(SourceError, match=r"inside\.example is in a private network"):
        await web.get("http://a.example/")
    assert web.asked == [PUBLIC, PUBLIC]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.com/", "https:///x", "http://[x/"])
async def test_redirects_lead_to_the_web_only(location: str) -> None:
    web = Web({"example.com": [PUBLIC]}, redirecting({"http://example.com/": location}))
    with pytest.raises(SourceError, match=r"not an http or https address|no address"):
        await web.get("http://example.com/")


async def test_redirects_end() -> None:
    web = Web({"example.com": [PUBLIC]}, redirecting({"http://example.com/": "/"}))
    with pytest.raises(SourceError, match="redirects"):
        await web.get("http://example.com/")
    assert len(web.asked) == LIMITS.max_redirects + 1


async def test_permanent_redirects_lead_as_far_as_the_first_temporary_one() -> None:
    hosts = {"a.example": [PUBLIC]}
    permanent = redirecting({"http://a.example/1": "/2", "http://a.example/2": "/3"}, 301)
    document = await Web(hosts, permanent).get("http://a.example/1")
    assert (document.url, document.permanent_url) == ("http://a.example/3", "http://a.example/3")

    def mixed(url: str) -> httpx2.Response:
        steps = {"/1": (308, "/2"), "/2": (307, "/3"), "/3": (301, "/4")}
        status, target = steps.get(url.removeprefix("http://a.example"), (200, ""))
        return httpx2.Response(status, headers={"Location": target} if target else {}, content=pieces(b""))

    document = await Web(hosts, mixed).get("http://a.example/1")
    assert (document.url, document.permanent_url) == ("http://a.example/4", "http://a.example/2")


async def test_cookies_are_sent_to_no_server() -> None:
    def answer(url: str) -> httpx2.Response:
        headers = {"Set-Cookie": "a=b", **({"Location": "/2"} if url.endswith("/1") else {})}
        return httpx2.Response(302 if url.endswith("/1") else 200, headers=headers, content=pieces(b""))

    web = Web({"a.example": [PUBLIC]}, answer)
    await web.get("http://a.example/1")
    assert [request.headers.get("Cookie") for request in web.requests] == [None, None]


@pytest.mark.parametrize("status", [304, 404, 500])
async def test_an_answer_that_is_no_success_has_a_status_and_no_body(status: int) -> None:
    answer = httpx2.Response(status, content=pieces(b"an error page"))
    document = await Web({"example.com": [PUBLIC]}, lambda url: answer).get("http://example.com/")
    assert (document.status, document.is_success, document.body) == (status, False, b"")


async def test_a_document_over_the_limit_is_not_read_to_its_end() -> None:
    sent: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(100):
            sent.append(number)
            yield b"xxxx"

    hosts = {"example.com": [PUBLIC]}
    limits = FetchLimits(max_bytes=10)
    with pytest.raises(SourceError, match="longer than 10 bytes"):
        await Web(hosts, lambda url: httpx2.Response(200, content=chunks()), limits).get(
            "http://example.com/"
        )
    assert len(sent) == 3
    cut = await Web(hosts, lambda url: httpx2.Response(200, content=chunks())).get(
        "http://example.com/", max_bytes=6, cut=True
    )
    assert cut.body == b"xxxxxx"


async def test_what_was_compressed_on_the_way_is_decompressed() -> None:
    compressed = gzip.compress(b"feed " * 100_000)
    web = Web({"example.com": [PUBLIC]}, always(compressed, Content_Encoding="gzip"))
    assert (await web.get("http://example.com/")).body == b"feed " * 100_000
    kept = Web({"example.com": [PUBLIC]}, always(compressed, Content_Type="application/gzip"))
    assert (await kept.get("http://example.com/")).body == compressed


async def test_a_document_that_decompresses_beyond_the_limit_is_refused() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    web = Web(
        {"example.com": [PUBLIC]}, always(bomb, Content_Encoding="gzip"), FetchLimits(max_bytes=100_000)
    )
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="longer than 100000 bytes"):
            await web.get("http://example.com/")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (b"no gzip", "gzip", "decompressed"),
        (gzip.compress(b"x" * 1_000)[:-9], "gzip", "ends early"),
        (b"?", "br", "not asked for"),
    ],
)
async def test_what_cannot_be_decompressed_is_refused(body: bytes, encoding: str, reason: str) -> None:
    web = Web({"example.com": [PUBLIC]}, always(body, Content_Encoding=encoding))
    with pytest.raises(SourceError, match=reason):
        await web.get("http://example.com/")


async def test_a_document_that_never_ends_is_given_up() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    web = Web(
        {"example.com": [PUBLIC]},
        lambda url: httpx2.Response(200, content=endless()),
        FetchLimits(total_timeout_s=0.01),
    )
    with pytest.raises(SourceError, match=r"took longer than 0\.01 seconds"):
        await web.get("http://example.com/")


async def test_the_gate_is_entered_for_each_address_and_held_until_its_answer_was_read() -> None:
    steps: list[str] = []

    @asynccontextmanager
    async def gate(url: str) -> AsyncIterator[None]:
        steps.append(f"enter {url}")
        yield
        steps.append(f"leave {url}")

    def handle(request: httpx2.Request) -> httpx2.Response:
        async def body() -> AsyncIterator[bytes]:
            steps.append("read")
            yield b"feed"

        if request.url.path == "/1":
            return httpx2.Response(302, headers={"Location": "/2"}, content=pieces(b""))
        return httpx2.Response(200, content=body())

    async def resolve(host: str, port: int) -> Sequence[str]:
        return [PUBLIC]

    async with Fetcher(LIMITS, gate=gate, resolve=resolve, transport=httpx2.MockTransport(handle)) as fetcher:
        await fetcher.get("http://a.example/1")
    assert steps == [
        *("enter http://a.example/1", "leave http://a.example/1"),
        *("enter http://a.example/2", "read", "leave http://a.example/2"),
    ]


@pytest.mark.parametrize(
    "url", ["http://nowhere.example/", "http://example.com:99999/", "ftp://example.com/", "x"]
)
async def test_addresses_that_lead_nowhere_are_errors(url: str) -> None:
    with pytest.raises(SourceError):
        await Web({"example.com": [PUBLIC]}, always(b"feed")).get(url)


async def test_no_connection_serves_two_requests() -> None:
    connections: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfeed")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Fetcher(FetchLimits(allow_private_addresses=True)) as fetcher:
            for _ in range(3):
                assert (await fetcher.get(f"http://127.0.0.1:{port}/")).body == b"feed"
        await asyncio.gather(*connections)
    assert len(connections) == 3


async def test_the_time_for_a_document_is_that_of_all_its_redirects(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float | None] = []
    timeout = asyncio.timeout

    def recorded(delay: float | None) -> asyncio.Timeout:
        given.append(delay)
        return timeout(delay)

    web = Web({"a.example": [PUBLIC]}, redirecting({"http://a.example/1": "/2", "http://a.example/2": "/3"}))
    monkeypatch.setattr(asyncio, "timeout", recorded)
    await web.get("http://a.example/1")
    assert given[0] == LIMITS.total_timeout_s
    left = [delay for delay in given if delay is not None]
    assert left[0] > left[1] > left[2]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200 if self.path.startswith("/feed") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keeps the output of the tests free of what the server logs."""


def test_a_real_server_on_the_loopback_address_if_allowed() -> None:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
        host = f"localhost:{server.server_port}"
        Thread(target=server.handle_request).start()
        assert fetch(f"http://{host}/feed?x=1", allow_private_addresses=True) == f"{host} /feed?x=1".encode()
        Thread(target=server.handle_request).start()
        with pytest.raises(SourceError, match="answers 404"):
            fetch(f"http://{host}/none", allow_private_addresses=True)
        with pytest.raises(SourceError, match="private network"):
            fetch(f"http://{host}/feed")
