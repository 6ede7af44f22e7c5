"""Tests of gistwire_client.event_stream: what a reader who leaves means for the call."""

import asyncio
from contextlib import aclosing

from gistwire_client import GistwireClient

from tests.client.conftest import ScriptedServer
from tests.client.scripted_server import hit, search_events

_WITHIN_S = 5.0


async def test_leaving_the_generator_cancels_the_call_while_the_channel_stays_open(
    server: ScriptedServer,
) -> None:
    server.search.events = search_events(hit("h1", "Storm"))[:2]
    server.search.holds = True
    async with GistwireClient(server.target) as client:
        async with aclosing(client.stream_search("storms")) as events:
            await anext(events)
        # An abandoned call is not cancelled when it is collected (grpc issue 43462).
        async with asyncio.timeout(_WITHIN_S):
            await server.search.ended.wait()
