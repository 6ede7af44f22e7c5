"""Tests of the measure of how busy the event loop is."""

import asyncio
import time

from gistwire_server.telemetry.event_loop import watching_event_loop
from gistwire_server.telemetry.metrics import ServerMetrics


async def test_a_loop_that_is_blocked_shows_as_lag() -> None:
    metrics = ServerMetrics()

    def lag_s() -> float:
        return metrics.registry.get_sample_value("gistwire_event_loop_lag_seconds_sum") or 0.0

    tasks = asyncio.all_tasks()
    async with watching_event_loop(metrics):
        # Until the watcher sleeps, so that it sleeps through the block.
        await asyncio.sleep(0)
        time.sleep(0.6)  # noqa: ASYNC251 (the loop is to be blocked)
        while lag_s() == 0:
            await asyncio.sleep(0.01)
    assert lag_s() >= 0.3
    assert asyncio.all_tasks() == tasks
