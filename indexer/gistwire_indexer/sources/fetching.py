"""Fetches a document from the web without being led into the network that this program runs in.

Reached through `read_source`. Addresses come from configuration and redirects from anyone, so each host is
resolved once, its addresses are checked, and the connection is made to an address that was checked: a name
that resolves otherwise a moment later changes nothing.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin, urlsplit

from gistwire_indexer.errors import SourceError

if TYPE_CHECKING:
    import httpx2

MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
MAX_REDIRECTS = 5

_USER_AGENT = "Gistwire/0.1"
_READ_TIMEOUT_S = 20.0
# A server that sends a byte at a time never meets the limit above.
_TOTAL_TIMEOUT_S = 120.0

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Resolver: TypeAlias = Callable[[str, int], Sequence[str]]
"""Gives the IP addresses of a host, for a port; raises OSError if there are none."""


def resolve_host(host: str, port: int) -> list[str]:
    """The IP addresses of a host, as the system knows them.

    Raises:
        OSError: there are none.
    """
    return list(
        dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    )


def fetch(
    url: str,
    *,
    allow_private_addresses: bool = False,
    resolve: Resolver = resolve_host,
    transport: "httpx2.BaseTransport | None" = None,
) -> bytes:
    """Fetches a document by HTTP, following at most 5 redirects. Proxies of the environment are not used.

    Args:
        url: an http or https address.
        allow_private_addresses: whether hosts in private, loopback and link-local networks may be asked.
        resolve: how hosts become IP addresses.
        transport: how requests are sent; None for the network.

    Returns:
        the body, compressed if the server chose so.

    Raises:
        SourceError: the address is not allowed or does not answer, or answers with an error or over 20 MiB.
    """
    # Importing takes longer than all of this package, and most sources are files.
    import httpx2  # noqa: PLC0415

    deadline = time.monotonic() + _TOTAL_TIMEOUT_S
    headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
    with httpx2.Client(
        headers=headers, timeout=_READ_TIMEOUT_S, follow_redirects=False, trust_env=False, transport=transport
    ) as client:
        hop = url
        for _ in range(MAX_REDIRECTS + 1):
            addresses = _checked_addresses(
                hop, resolve=resolve, allow_private_addresses=allow_private_addresses
            )
            try:
                response = _send(client, hop, addresses)
                try:
                    if response.is_success:
                        return _read_body(response, url=hop, deadline=deadline)
                    hop = _next_hop(response, url=hop)
                finally:
                    response.close()
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise SourceError(f"{hop}: {error or type(error).__name__}") from error
    raise SourceError(f"{url}: more than {MAX_REDIRECTS} redirects")


def _checked_addresses(url: str, *, resolve: Resolver, allow_private_addresses: bool) -> Sequence[str]:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise SourceError(f"{url}: {error}") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise SourceError(f"{url}: not an http or https address")
    try:
        addresses = resolve(parts.hostname, port)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"{url}: the host cannot be resolved: {error}") from error
    for address in addresses:
        if not allow_private_addresses and not _is_public(address):
            raise SourceError(f"{url}: {parts.hostname} is in a private network ({address})")
    return addresses


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or _nat64_target(ip)
        if embedded is not None and not embedded.is_global:
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not ip.is_multicast


def _nat64_target(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None


def _send(client: "httpx2.Client", url: str, addresses: Sequence[str]) -> "httpx2.Response":
    """Asks the first address that accepts a connection; the request names the host as usual."""
    import httpx2  # noqa: PLC0415

    named = httpx2.URL(url)
    host = named.netloc.decode("ascii")
    for number, address in enumerate(addresses, start=1):
        request = client.build_request(
            "GET",
            named.copy_with(host=address),
            headers={"Host": host},
            extensions={"sni_hostname": named.raw_host.decode("ascii")},
        )
        try:
            return client.send(request, stream=True)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            if number == len(addresses):
                raise
    raise SourceError(f"{url}: the host has no address")


def _next_hop(response: "httpx2.Response", *, url: str) -> str:
    location = response.headers.get("Location")
    if not response.is_redirect or not location:
        raise SourceError(
            f"{url}: the server answers {response.status_code} {response.reason_phrase}".rstrip()
        )
    return urljoin(url, location)


def _read_body(response: "httpx2.Response", *, url: str, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_DOCUMENT_BYTES:
            raise SourceError(f"{url}: the document is longer than {MAX_DOCUMENT_BYTES} bytes")
        if time.monotonic() > deadline:
            raise SourceError(f"{url}: the document took longer than {_TOTAL_TIMEOUT_S:.0f} seconds")
    return bytes(body)
