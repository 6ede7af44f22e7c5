"""`FailedAttempts`: addresses that keep coming with credentials that are not good are turned away unchecked."""

import hashlib
import time
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

import structlog

from gistwire_server.errors import OverloadedError
from gistwire_server.security.watched_files import MonotonicClock

_WINDOW_S = 60.0
_MAX_ADDRESSES = 10_000
_MAX_KNOWN = 10_000
_IPV6_NETWORK_BITS = 64
"""What one customer of a provider has at least, so that another address of it is no new caller."""

_log = structlog.get_logger(__name__)


class FailedAttempts:
    """Counts failed authentications of each address, in windows of a minute.

    It is not there against guessing, as nobody guesses 256 bits, but so that checking signatures and telling the log
    of failures does not become the work of the server. Credentials that were good before are always checked: others
    behind the same address, such as that of a proxy, go on.

    Args:
        limit: most failures in a minute; None for any number.
        clock: measures the minute.
    """

    def __init__(self, limit: int | None, clock: MonotonicClock = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._failures: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def check(self, peer: str, credential: str) -> None:
        """Turns a call away whose address has failed too often.

        Args:
            peer: whom the call comes from, as gRPC writes it.
            credential: what it comes with.

        Raises:
            OverloadedError: it has.
        """
        address = address_of(peer)
        if self._limit is None or address is None or address not in self._failures:
            return
        began, failures = self._failures[address]
        left_s = began + _WINDOW_S - self._clock()
        if left_s <= 0:
            del self._failures[address]
        elif failures >= self._limit and _digest(credential) not in self._known:
            raise OverloadedError(
                "too many calls from this address had credentials that are not valid", retry_after_s=left_s
            )

    def failed(self, peer: str) -> None:
        """Counts a failure."""
        address = address_of(peer)
        if self._limit is None or address is None:
            return
        began, failures = self._failures.pop(address, (self._clock(), 0))
        if began + _WINDOW_S <= self._clock():
            began, failures = self._clock(), 0
        self._failures[address] = (began, failures + 1)
        if failures + 1 == self._limit:
            _log.warning("authentication_failures_limited", address=address, failures=failures + 1)
        if len(self._failures) > _MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, credential: str) -> None:
        """Remembers credentials, as a hash, that were good."""
        if self._limit is None:
            return
        digest = _digest(credential)
        self._known[digest] = None
        self._known.move_to_end(digest)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)


def address_of(peer: str) -> str | None:
    """Returns the address or, of IPv6, the network that failures are counted for; None for a local socket.

    Args:
        peer: as gRPC writes it: ``"ipv4:192.0.2.1:50000"``, ``"ipv6:%5B2001:db8::1%5D:50000"``, ``"unix:"``.
    """
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return None
    host = unquote(rest).rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        shift = address.max_prefixlen - _IPV6_NETWORK_BITS
        return f"{IPv6Address(int(address) >> shift << shift)}/{_IPV6_NETWORK_BITS}"
    return str(address)


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).digest()
