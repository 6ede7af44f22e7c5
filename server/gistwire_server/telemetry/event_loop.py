"""How busy the event loop is: `watching_event_loop` measures how late it wakes a task."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gistwire_server.telemetry.metrics import ServerMetrics

_INTERVAL_S = 0.25


@asynccontextmanager
async def watching_event_loop(metrics: ServerMetrics) -> AsyncIterator[None]:
    """Measures while the block runs. What blocks the loop for a while shows as a late wake."""
    task = asyncio.create_task(_watch(metrics))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(metrics: ServerMetrics) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + _INTERVAL_S
        await asyncio.sleep(_INTERVAL_S)
        metrics.loop_lag_seconds.observe(max(0.0, clock() - due))
