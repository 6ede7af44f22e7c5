"""The receiving side of Watch: goes on where a stream broke. Reached by `GistwireClient.watch`."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TypeAlias

import grpc
from gistwire.v1 import search_pb2

from gistwire_client.errors import (
    CallFailedError,
    GistwireClientError,
    RequestRefusedError,
    UnreachableError,
    error_of,
)
from gistwire_client.stream_retry import StreamRetry

WatchCall: TypeAlias = grpc.aio.UnaryStreamCall[search_pb2.WatchRequest, search_pb2.WatchResponse]
OpenWatch: TypeAlias = Callable[[search_pb2.WatchRequest, float | None], WatchCall]
"""Opens a call, given the request and the time for it in seconds."""


@dataclass(frozen=True, slots=True)
class WatchRetry(StreamRetry):
    """How a watch whose stream broke is resumed; an event is progress."""

    max_tries: int = 20
    initial_backoff_s: float = 0.5
    max_backoff_s: float = 30.0


async def watch_articles(
    open_call: OpenWatch, request: search_pb2.WatchRequest, retry: WatchRetry, *, timeout_s: float | None
) -> AsyncGenerator[search_pb2.WatchResponse, None]:
    """Watches over as many streams as it takes. Described at `GistwireClient.watch`.

    Args:
        open_call: opens a Watch call; asked again after a stream broke.
        request: the request of the first.
        retry: when to give up.
        timeout_s: time for the whole watch, in seconds; None for no end.
    """
    request = search_pb2.WatchRequest.FromString(request.SerializeToString())
    ends = None if timeout_s is None else time.monotonic() + timeout_s
    accepted = False
    failures = 0
    while True:
        call = open_call(request, None if ends is None else max(ends - time.monotonic(), 0.0))
        try:
            async for response in call:
                accepted = True
                # That it was accepted is no sign that a stream lasts.
                failures = failures if response.HasField("started") else 0
                request.resume_token = response.resume_token
                yield response
        except grpc.aio.AioRpcError as broken:
            error = error_of(broken)
            failures += 1
            # A first call that fails may be to the wrong address.
            if not accepted or failures > retry.max_tries or not _may_be_resumed(error):
                raise error from broken
        else:
            raise CallFailedError("the server ended the watch")
        finally:
            call.cancel()
        await asyncio.sleep(retry.pause_s(failures) + _wanted_pause_s(error))


def _may_be_resumed(error: GistwireClientError) -> bool:
    return isinstance(error, UnreachableError) or _wanted_pause_s(error) > 0


def _wanted_pause_s(error: GistwireClientError) -> float:
    """The pause that a server with too much work asks for, in seconds."""
    return (error.retry_after_s or 0.0) if isinstance(error, RequestRefusedError) else 0.0
