"""`HealthService`: the standard health checks, whose watchers do not hold up a server that drains."""

import asyncio
from contextlib import suppress
from typing import TypeAlias, cast

import grpc
from grpc_health.v1 import health, health_pb2

_TOLD_WITHIN_S = 1.0

_Context: TypeAlias = (
    "grpc.aio.ServicerContext[health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse]"
)


class HealthService(health.aio.HealthServicer):
    """Answers health checks.

    A watcher stays for as long as it likes: one of a server that drains is told NOT_SERVING, and then sent away.
    Otherwise each shutdown would last as long as calls are waited for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._draining = asyncio.Event()

    async def Watch(  # noqa: N802 (the contract's name)
        self,
        request: health_pb2.HealthCheckRequest,
        context: _Context,
    ) -> None:
        """Tells a status whenever it changes, until the server drains."""
        telling = _TellingContext(context)
        # Nothing but `write` is asked of it.
        watching = asyncio.ensure_future(super().Watch(request, cast(_Context, telling)))
        draining = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait((watching, draining), return_when=asyncio.FIRST_COMPLETED)
            if draining.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TOLD_WITHIN_S):
                        await telling.told.wait()
        finally:
            for task in (watching, draining):
                task.cancel()
            await asyncio.gather(watching, draining, return_exceptions=True)
        if self._draining.is_set():
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the server shuts down")

    async def enter_graceful_shutdown(self) -> None:
        """Says NOT_SERVING for good, and ends the watches once they have been told."""
        await super().enter_graceful_shutdown()
        self._draining.set()


class _TellingContext:
    """What a watch writes to; notes when it was told that nothing is served any more."""

    def __init__(self, context: _Context) -> None:
        self.told = asyncio.Event()
        self._context = context

    async def write(self, response: health_pb2.HealthCheckResponse) -> None:
        await self._context.write(response)
        if response.status == health_pb2.HealthCheckResponse.NOT_SERVING:
            self.told.set()
