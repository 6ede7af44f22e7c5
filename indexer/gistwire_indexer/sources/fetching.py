"""Fetches documents from the web without being led into the network that this program runs in.

Reached through `read_source` and the crawler. Addresses come from configuration and feeds, and redirects from
anyone, so each host is resolved once, its addresses are checked, and the connection is made to an address
that was checked: a name that resolves otherwise a moment later changes nothing.
"""

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeAlias
from urllib.parse import urljoin

from gistwire_indexer.errors import SourceError
from gistwire_indexer.sources.addresses import Resolver, checked_addresses, host_and_port, resolve_host

if TYPE_CHECKING:
    import httpx2

USER_AGENT: Final = "Gistwire/0.1"

_PERMANENT_REDIRECTS = (301, 308)
_DECOMPRESSED_PIECE_BYTES = 1 << 16
# So zlib is told that a header of gzip comes first.
_GZIP_WBITS = 31

Gate: TypeAlias = Callable[[str], AbstractAsyncContextManager[object]]
"""Makes what is entered before an address is asked, and left when its answer was read; may refuse by raising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What a server may cost.

    Attributes:
        max_bytes: longest body, in bytes, as sent and as decompressed.
        max_redirects: most redirects on the way to a document.
        silence_timeout_s: longest wait for a connection, and for the next piece of an answer, in seconds.
        total_timeout_s: longest time for a document with its redirects, in seconds: a server that sends a byte
            at a time never meets the other limit.
        allow_private_addresses: whether hosts in private, loopback and link-local networks may be asked.
    """

    max_bytes: int = 20 * 1024 * 1024
    max_redirects: int = 5
    silence_timeout_s: float = 20.0
    total_timeout_s: float = 120.0
    allow_private_addresses: bool = False


@dataclass(frozen=True, slots=True)
class FetchedDocument:
    """What a server answered, whatever its status.

    Attributes:
        url: the address that answered, after redirects.
        permanent_url: how far permanent redirects alone lead; the address asked for if the first is temporary.
        status: HTTP status.
        headers: names in lower case, each with its values joined by ", ".
        body: decompressed; empty unless the status tells success.
    """

    url: str
    permanent_url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the server gave the document (2xx)."""
        return 200 <= self.status < 300


def fetch(url: str, *, allow_private_addresses: bool = False) -> bytes:
    """Fetches a document, and waits for it. Not for threads in which an event loop runs.

    Args:
        url: an http or https address.
        allow_private_addresses: whether hosts in private, loopback and link-local networks may be asked.

    Raises:
        SourceError: the address is not allowed or does not answer, or answers with an error or beyond a limit.
    """
    return asyncio.run(_fetch_success(url, FetchLimits(allow_private_addresses=allow_private_addresses)))


async def _fetch_success(url: str, limits: FetchLimits) -> bytes:
    async with Fetcher(limits) as fetcher:
        document = await fetcher.get(url)
    if not document.is_success:
        raise SourceError(f"{document.url}: the server answers {document.status}")
    return document.body


@dataclass(frozen=True, slots=True)
class _BodyLimit:
    max_bytes: int
    cut: bool


class Fetcher:
    """Asks servers for documents; used with ``async with``. Any number may be under way at a time.

    Proxies of the environment are not used, cookies are not kept, and no connection serves two requests: it
    was opened to the addresses of one name only.

    Args:
        limits: what a server may cost.
        user_agent: how the program names itself.
        gate: entered for each address that is asked, each redirect's too; the time in which it lets wait
            does not count.
        resolve: how hosts become IP addresses.
        transport: how requests are sent; None for the network.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        user_agent: str = USER_AGENT,
        gate: Gate = nullcontext,
        resolve: Resolver = resolve_host,
        transport: "httpx2.AsyncBaseTransport | None" = None,
    ) -> None:
        # Importing takes longer than all of this package, and most sources are files.
        import httpx2  # noqa: PLC0415

        self._limits = limits
        self._gate = gate
        self._resolve = resolve
        self._client = httpx2.AsyncClient(
            headers={"User-Agent": user_agent, "Accept-Encoding": "gzip"},
            timeout=limits.silence_timeout_s,
            follow_redirects=False,
            trust_env=False,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=0),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        cut: bool = False,
        gate: Gate | None = None,
    ) -> FetchedDocument:
        """Asks for a document, and follows redirects.

        Args:
            url: an http or https address.
            headers: sent besides those of every request.
            max_bytes: longest body; None for the limit of them all.
            cut: whether a longer body is cut there instead of refused.
            gate: in place of the gate of this fetcher; None for that.

        Raises:
            SourceError: an address is not allowed or does not answer, or a limit is broken.
            Exception: whatever the gate raises.
        """
        enter = gate or self._gate
        body_limit = _BodyLimit(self._limits.max_bytes if max_bytes is None else max_bytes, cut)
        hop, permanent_url, only_permanent = url, url, True
        left_s = self._limits.total_timeout_s
        clock = asyncio.get_running_loop().time
        for _ in range(self._limits.max_redirects + 1):
            host, port = host_and_port(hop)
            async with enter(hop):
                started_s = clock()
                document = await self._ask(hop, host, port, headers or {}, body_limit, timeout_s=left_s)
                left_s -= clock() - started_s
            target = _redirect_target(document)
            only_permanent = only_permanent and document.status in _PERMANENT_REDIRECTS
            if target is None:
                return FetchedDocument(
                    document.url, permanent_url, document.status, document.headers, document.body
                )
            permanent_url = target if only_permanent else permanent_url
            hop = target
        raise SourceError(f"{url}: more than {self._limits.max_redirects} redirects")

    async def _ask(
        self,
        url: str,
        host: str,
        port: int,
        headers: Mapping[str, str],
        limit: "_BodyLimit",
        *,
        timeout_s: float,
    ) -> FetchedDocument:
        """Asks one address, and reads its answer."""
        import httpx2  # noqa: PLC0415

        try:
            async with asyncio.timeout(timeout_s):
                addresses = await checked_addresses(
                    url, host, port, resolve=self._resolve, allow_private=self._limits.allow_private_addresses
                )
                response = await self._send(url, addresses, headers)
                try:
                    body = await _read_body(response, url, limit) if response.is_success else b""
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise SourceError(
                f"{url}: the document took longer than {self._limits.total_timeout_s:g} seconds"
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise SourceError(f"{url}: {error or type(error).__name__}") from error
        return FetchedDocument(url, url, response.status_code, dict(response.headers), body)

    async def _send(
        self, url: str, addresses: Sequence[str], headers: Mapping[str, str]
    ) -> "httpx2.Response":
        """Asks the first address that accepts a connection; the request names the host as usual."""
        import httpx2  # noqa: PLC0415

        named = httpx2.URL(url)
        for number, address in enumerate(addresses, start=1):
            # What one server set is not for another that happens to have the same address.
            self._client.cookies.clear()
            request = self._client.build_request(
                "GET",
                named.copy_with(host=address),
                headers={**headers, "Host": named.netloc.decode("ascii")},
                extensions={"sni_hostname": named.raw_host.decode("ascii")},
            )
            try:
                return await self._client.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise SourceError(f"{url}: the host has no address")


def _redirect_target(document: FetchedDocument) -> str | None:
    location = document.headers.get("location")
    if document.status not in (301, 302, 303, 307, 308) or not location:
        return None
    try:
        return urljoin(document.url, location)
    except ValueError as error:
        raise SourceError(f"{document.url}: redirects to no address: {error}") from error


async def _read_body(response: "httpx2.Response", url: str, limit: _BodyLimit) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip"):
        raise SourceError(f"{url}: the document is encoded in a way that was not asked for")
    decompressor = zlib.decompressobj(wbits=_GZIP_WBITS) if encoding in ("gzip", "x-gzip") else None
    body = bytearray()
    received = 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        if decompressor is None:
            body += chunk
        else:
            _decompress(decompressor, chunk, into=body, max_bytes=limit.max_bytes, url=url)
        if max(len(body), received) > limit.max_bytes:
            if limit.cut:
                return bytes(body[: limit.max_bytes])
            raise SourceError(f"{url}: the document is longer than {limit.max_bytes} bytes")
    if decompressor is not None and not decompressor.eof:
        raise SourceError(f"{url}: the document ends early")
    return bytes(body)


def _decompress(
    decompressor: "zlib._Decompress", chunk: bytes, *, into: bytearray, max_bytes: int, url: str
) -> None:
    """Decompresses a chunk a piece at a time, and stops beyond the limit: a few bytes can become gigabytes."""
    try:
        while chunk and len(into) <= max_bytes and not decompressor.eof:
            into += decompressor.decompress(chunk, _DECOMPRESSED_PIECE_BYTES)
            chunk = decompressor.unconsumed_tail
    except zlib.error as error:
        raise SourceError(f"{url}: the document cannot be decompressed: {error}") from error
