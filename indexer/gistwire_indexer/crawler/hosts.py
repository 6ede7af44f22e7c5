"""`HostTurns`: one request to a host at a time, with pauses between them, and a bound over all hosts."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gistwire_indexer.crawler.canonical_url import host_of
from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.errors import HostPausedError

# Redirects can name hosts without end.
MAX_REMEMBERED_HOSTS: Final = 10_000


@dataclass(slots=True)
class _Host:
    """What is known of a host; times are those of the monotonic clock, in seconds."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    free_at_s: float = 0.0
    paused_until_s: float = 0.0


class HostTurns:
    """Gives out turns to ask hosts.

    Args:
        concurrent_hosts: most turns at a time.
        clock: tells and passes the time.
    """

    def __init__(self, *, concurrent_hosts: int, clock: Clock) -> None:
        self._slots = asyncio.Semaphore(concurrent_hosts)
        self._clock = clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    @asynccontextmanager
    async def turn(self, url: str, *, delay: timedelta) -> AsyncGenerator[None, None]:
        """Waits for the turn of an address's host, and keeps it until left.

        Args:
            url: what is to be asked.
            delay: how long the host is left alone afterwards.

        Raises:
            HostPausedError: the host asked to be left alone.
        """
        host = self._host(url)
        host.waiting += 1
        try:
            async with host.lock:
                self._check_pause(host, url)
                await self._clock.sleep(max(0.0, host.free_at_s - self._clock.monotonic_s()))
                # Hosts that only wait for their pause to pass hold up no other.
                async with self._slots:
                    try:
                        yield
                    finally:
                        host.free_at_s = self._clock.monotonic_s() + delay.total_seconds()
        finally:
            host.waiting -= 1

    def pause(self, url: str, duration: timedelta) -> None:
        """Gives out no turns of an address's host for a while."""
        self._host(url).paused_until_s = self._clock.monotonic_s() + duration.total_seconds()

    def _check_pause(self, host: _Host, url: str) -> None:
        left_s = host.paused_until_s - self._clock.monotonic_s()
        if left_s > 0:
            raise HostPausedError(f"{url}: the host asked to be left alone", left_s=left_s)

    def _host(self, url: str) -> _Host:
        name = host_of(url)
        host = self._hosts.setdefault(name, _Host())
        self._hosts.move_to_end(name)
        if len(self._hosts) > MAX_REMEMBERED_HOSTS:
            self._forget_oldest_idle()
        return host

    def _forget_oldest_idle(self) -> None:
        now_s = self._clock.monotonic_s()
        for name, host in self._hosts.items():
            if not host.waiting and max(host.free_at_s, host.paused_until_s) <= now_s:
                del self._hosts[name]
                return
