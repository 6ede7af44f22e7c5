"""From the events of a call to its responses: `numbered_responses`, for streams that are let in by their cost."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from google.protobuf.message import Message

from gistwire_server.calls import Call
from gistwire_server.overload.place import Place

Event = TypeVar("Event", bound=Message)
Response = TypeVar("Response", bound=Message)


async def numbered_responses(
    events: AsyncGenerator[Event, None], envelope: Callable[[int, Event], Response], call: Call, place: Place
) -> AsyncGenerator[Response, None]:
    """Puts events into envelopes with their numbers, and has call and place take note of each.

    Args:
        events: what is told, in order; closed with the responses.
        envelope: makes a response of a number and an event.
        call: whose events they are.
        place: what the call holds; the time that its reader takes for a response is not the server's.

    Yields:
        A response for each event, numbered from 1.
    """
    async with aclosing(events):
        sequence = 0
        async for event in events:
            sequence += 1
            call.observation.sends(event)
            with place.writing(event):
                yield envelope(sequence, event)
