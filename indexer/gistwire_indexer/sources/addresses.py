"""Where web addresses lead: the hosts that they name, and which IP addresses are in the public internet.

Fetching asks it before each connection.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from gistwire_indexer.errors import SourceError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the IP addresses of a host, for a port; raises OSError if there are none."""


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a host, as the system knows them.

    Raises:
        OSError: there are none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def host_and_port(url: str) -> tuple[str, int]:
    """The host of an http or https address, and its port.

    Raises:
        SourceError: it is no such address.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise SourceError(f"{url}: {error}") from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise SourceError(f"{url}: not an http or https address")
    return parts.hostname, port


async def checked_addresses(
    url: str, host: str, port: int, *, resolve: Resolver, allow_private: bool
) -> Sequence[str]:
    """Resolves a host, and checks every address of it: which of them will be asked is not known yet.

    Args:
        url: on whose behalf, for messages.
        host: as `host_and_port` gives it.
        port: likewise.
        resolve: gives the addresses.
        allow_private: whether private, loopback and link-local networks are allowed.

    Raises:
        SourceError: the host has no address, or one in a network that is not allowed.
    """
    try:
        addresses = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise SourceError(f"{url}: the host cannot be resolved: {error}") from error
    for address in addresses:
        if not allow_private and not _is_public(address):
            raise SourceError(f"{url}: {host} is in a private network ({address})")
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
