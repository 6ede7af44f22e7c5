"""Reads a stream of events whose last one is ``completed``: `events_of`, behind the client's methods that stream."""

from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from gistwire_client.errors import GistwireClientError, error_of

_Request = TypeVar("_Request", bound=Message)
_Event = TypeVar("_Event", bound=Message)


async def events_of(
    start: Callable[[], grpc.aio.UnaryStreamCall[_Request, _Event]], *, incomplete: GistwireClientError
) -> AsyncGenerator[_Event, None]:
    """Yields the events of a call as they come. Leaving the generator cancels the call.

    Args:
        start: begins the call, with the first event that is asked for; its responses have a field ``completed``.
        incomplete: raised if the stream ends without it.

    Raises:
        GistwireClientError: as `error_of` says, or `incomplete`.
    """
    call = start()
    completed = False
    try:
        async for event in call:
            completed = event.HasField("completed")
            yield event
    except grpc.aio.AioRpcError as error:
        raise error_of(error) from error
    finally:
        call.cancel()
    if not completed:
        raise incomplete
