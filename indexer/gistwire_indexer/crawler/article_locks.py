"""`ArticleLocks`: lets one task at a time handle an article, by whichever of its keys it comes."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager


class ArticleLocks:
    """A lock for each key that is in use."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def hold(self, keys: Iterable[str]) -> AsyncGenerator[None, None]:
        """Waits until no other task holds any of these keys, and holds them all until left."""
        # In one order everywhere, so that no two tasks wait for each other.
        ordered = sorted(set(keys))
        self._users.update(ordered)
        try:
            async with AsyncExitStack() as stack:
                for key in ordered:
                    await stack.enter_async_context(self._locks.setdefault(key, asyncio.Lock()))
                yield
        finally:
            self._users.subtract(ordered)
            for key in ordered:
                if not self._users[key]:
                    del self._users[key]
                    self._locks.pop(key, None)
