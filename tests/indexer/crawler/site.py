"""A web server on the loopback address that answers as a test tells it, for any number of host names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

HEADLINE = "Harbour crane collapses"
PARAGRAPH = (
    "A crane fell at the Ellery harbour on Monday morning, the port authority said. Nobody was hurt, and work"
    " stopped for two days while engineers looked for the cause of the collapse."
)


@dataclass(frozen=True)
class Request:
    """What was asked: host and path as in "news.example/feed", and headers with names in lower case."""

    target: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What is answered; a validator makes it 304 where the request has it."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def to(self, request: Request) -> "Answer":
        etag = self.headers.get("ETag")
        if etag and request.headers.get("if-none-match") == etag:
            return Answer(status=304, headers=self.headers)
        return self


Reply: TypeAlias = Answer | Callable[[asyncio.StreamWriter], Awaitable[None]]
"""An answer, or what writes to the connection as it likes."""


@dataclass
class Site:
    """The answers by host and path, such as "news.example/feed"; what has none is 404."""

    answers: dict[str, Reply] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def asked(self) -> list[str]:
        """What was asked, without robots.txt."""
        return [each.target for each in self.requests if not each.target.endswith("/robots.txt")]

    def url(self, target: str) -> str:
        host, _, path = target.partition("/")
        return f"http://{host}:{self.port}/{path}"

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Site"]:
        connections: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.add(asyncio.create_task(self._answer(reader, writer)))

        async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self
            for connection in connections:
                connection.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            host = headers["host"].partition(":")[0]
            request = Request(host + first.split(" ")[1], headers)
            self.requests.append(request)
            reply = self.answers.get(request.target, Answer(status=404))
            if isinstance(reply, Answer):
                _write(writer, reply.to(request))
                await writer.drain()
            else:
                await reply(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            # The crawler has read enough.
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    headers = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
    lines = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode() + answer.body)


def rss(*items: str, channel: str = "<title>Wire</title>", **headers: str) -> Answer:
    """A feed; headers are named with underscores."""
    text = f'<?xml version="1.0"?><rss version="2.0"><channel>{channel}{"".join(items)}</channel></rss>'
    return Answer(text.encode(), headers={name.replace("_", "-"): value for name, value in headers.items()})


def item(link: str, headline: str = HEADLINE, *, guid: str = "", body: str = "Short.") -> str:
    """An entry of a feed."""
    given = f"<guid>{guid}</guid>" if guid else ""
    return (
        f"<item><title>{headline}</title><link>{link}</link>{given}<description>{body}</description></item>"
    )


def html(*paragraphs: str, head: str = "", **headers: str) -> Answer:
    """A page with an article, between a menu and a footer."""
    text = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    body = (
        f"<nav><a href='/'>Home</a></nav><article><h1>{HEADLINE}</h1>{text}</article><footer>Terms</footer>"
    )
    page = f"<!doctype html><html lang='en-GB'><head>{head}</head><body>{body}</body></html>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(page.encode(), headers={"Content-Type": "text/html; charset=utf-8", **named})
