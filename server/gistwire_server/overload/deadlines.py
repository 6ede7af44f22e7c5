"""The end of calls that have no budget: `call_timeout`, for those with one answer."""

import asyncio
from typing import Any

import grpc


def call_timeout(
    context: grpc.aio.ServicerContext[Any, Any], *, default_s: float, max_s: float
) -> asyncio.Timeout:
    """Returns what ends a call with TimeoutError at its deadline: the caller's, within bounds.

    Without it, a call whose caller sets no deadline would wait for a backend as long as that takes.

    Args:
        context: the call.
        default_s: its time if the caller sets no deadline, in seconds.
        max_s: its most, whatever the caller sets, in seconds.
    """
    remaining_s = context.time_remaining()
    return asyncio.timeout(min(default_s if remaining_s is None else remaining_s, max_s))
