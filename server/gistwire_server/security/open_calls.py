"""`ending_when_revoked`: a call that is under way ends when its credentials are no longer good."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gistwire_server.errors import UnauthenticatedError
from gistwire_server.security.authentication import AnyContext, Authenticator


@asynccontextmanager
async def ending_when_revoked(
    authenticator: Authenticator, context: AnyContext, interval_s: float
) -> AsyncIterator[None]:
    """Checks the credentials of a call again and again while the block runs, and cancels it once they are not good.

    A watch has no end of its own, and would otherwise outlive its key.

    Args:
        authenticator: knows whether they are.
        context: the call.
        interval_s: time between two checks, in seconds.

    Raises:
        UnauthenticatedError: they are not.
    """
    loop = asyncio.get_running_loop()
    call = asyncio.current_task()
    if call is None:
        raise RuntimeError("a call runs in a task")
    checking: asyncio.Task[None] | None = None
    revoked = False

    async def check() -> None:
        nonlocal revoked
        while True:
            try:
                await authenticator.check_again(context)
            except UnauthenticatedError:
                revoked = True
                call.cancel()
                return
            await asyncio.sleep(interval_s)

    def begin() -> None:
        nonlocal checking
        checking = loop.create_task(check())

    # Most calls are over before, and need no task for it.
    timer = loop.call_later(interval_s, begin)
    try:
        yield
    except asyncio.CancelledError:
        if revoked and call.uncancel() == 0:
            raise UnauthenticatedError("the credentials are no longer valid") from None
        raise
    finally:
        timer.cancel()
        if checking is not None:
            checking.cancel()
