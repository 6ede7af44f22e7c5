"""`Robots`: what hosts ask of crawlers in their robots.txt, by RFC 9309."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from gistwire_indexer.crawler.clock import Clock
from gistwire_indexer.errors import RobotsExclusionError, SourceError
from gistwire_indexer.sources.fetching import FetchedDocument

if TYPE_CHECKING:
    from protego import Protego

PRODUCT_TOKEN: Final = "Gistwire"  # noqa: S105 - a name, no secret
"""What a robots.txt calls this crawler."""

MAX_ROBOTS_BYTES: Final = 500 * 1024
"""How much of a robots.txt is read; RFC 9309 asks for as much."""

LIFETIME: Final = timedelta(days=1)
"""How long a robots.txt is believed; RFC 9309 allows no more."""

LIFETIME_OF_FAILURE: Final = timedelta(hours=1)
"""How long a host is left alone whose robots.txt cannot be had."""

_EXCLUDES_ALL = "User-agent: *\nDisallow: /"
_EXCLUDES_NOTHING = ""
_TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class StoredRobots:
    """A robots.txt as it is kept.

    Attributes:
        text: its rules; those that exclude everything if it could not be had, none if there is none.
        expires: when it is to be asked for again.
    """

    text: str
    expires: datetime


class RobotsStore(Protocol):
    """Where robots.txt are kept between runs. Methods may block."""

    def robots(self, origin: str) -> StoredRobots | None:
        """What is kept of an origin, such as ``"https://news.example"``; None if nothing is."""
        ...

    def save_robots(self, origin: str, robots: StoredRobots) -> None:
        """Keeps a robots.txt in place of an earlier one."""
        ...


class Robots:
    """Knows the rules of hosts; asks for them when they are first needed, and again once they expired.

    Args:
        store: where they are kept.
        fetch: asks for a robots.txt, whatever robots.txt say.
        clock: tells the time.
    """

    def __init__(
        self, store: RobotsStore, fetch: Callable[[str], Awaitable[FetchedDocument]], clock: Clock
    ) -> None:
        self._store = store
        self._fetch = fetch
        self._clock = clock
        # One for all hosts would let a slow one hold up the others.
        self._locks: dict[str, asyncio.Lock] = {}

    async def crawl_delay(self, url: str) -> timedelta:
        """The pause that the host of an address asks for between requests; zero if it asks for none.

        Raises:
            RobotsExclusionError: the address is not to be asked for.
        """
        rules = await self._rules(url)
        if not rules.can_fetch(url, PRODUCT_TOKEN):
            raise RobotsExclusionError(f"{url}: excluded by robots.txt")
        return timedelta(seconds=max(0.0, min(rules.crawl_delay(PRODUCT_TOKEN) or 0.0, 1e6)))

    async def _rules(self, url: str) -> "Protego":
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
        lock = self._locks.setdefault(origin, asyncio.Lock())
        try:
            async with lock:
                stored = await asyncio.to_thread(self._store.robots, origin)
                if stored is None or stored.expires <= self._clock.now():
                    stored = await self._ask(origin, stored)
                    await asyncio.to_thread(self._store.save_robots, origin, stored)
        finally:
            if not lock.locked():
                self._locks.pop(origin, None)
        return await asyncio.to_thread(_parse, stored.text)

    async def _ask(self, origin: str, known: StoredRobots | None) -> StoredRobots:
        try:
            answer = await self._fetch(f"{origin}/robots.txt")
        except SourceError:
            return self._unreachable(known)
        if answer.is_success:
            return StoredRobots(answer.body.decode("utf-8-sig", "replace"), self._clock.now() + LIFETIME)
        # 429 is no answer to the question: the rules may exist.
        if 400 <= answer.status < 500 and answer.status != _TOO_MANY_REQUESTS:
            return StoredRobots(_EXCLUDES_NOTHING, self._clock.now() + LIFETIME)
        return self._unreachable(known)

    def _unreachable(self, known: StoredRobots | None) -> StoredRobots:
        """Rules that were read once hold on; where there are none, everything is excluded."""
        text = known.text if known else _EXCLUDES_ALL
        return StoredRobots(text, self._clock.now() + LIFETIME_OF_FAILURE)


@lru_cache(maxsize=256)
def _parse(text: str) -> "Protego":
    from protego import Protego  # noqa: PLC0415 - not everyone who imports this package crawls

    return Protego.parse(text)
