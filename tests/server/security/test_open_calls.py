"""Tests over real gRPC that a call which is under way ends when its credentials are no longer good."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from gistwire.v1 import search_pb2, search_pb2_grpc
from gistwire_server.errors import UnauthenticatedError
from gistwire_server.security.api_key_file import add_api_key, remove_api_key
from gistwire_server.security.api_keys import new_api_key
from gistwire_server.security.callers import ANONYMOUS, Caller, Role
from gistwire_server.security.open_calls import ending_when_revoked

from tests.server.security.conftest import RunSecured

CONTEXT: Any = None


async def test_a_watch_ends_when_its_key_is_revoked(run_secured: RunSecured, tmp_path: Path) -> None:
    keys_file = tmp_path / "keys.json"
    revoked, other = (new_api_key(name, [Role.SEARCH], None) for name in ("revoked", "other"))
    for key in (revoked, other):
        add_api_key(keys_file, key.kept)
    async with (
        run_secured(api_keys_file=str(keys_file), recheck_interval_s=0.05) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        stub = search_pb2_grpc.SearchServiceStub(channel)

        def watch(secret: str) -> Any:
            request = search_pb2.WatchRequest(query="harbour", past_hits=0)
            return stub.Watch(request, timeout=60, metadata=[("authorization", f"Bearer {secret}")])

        watches = [watch(key.secret) for key in (revoked, other)]
        events = [aiter(each) for each in watches]
        for each in events:
            await anext(each)
        remove_api_key(keys_file, revoked.kept.id)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            async for _ in events[0]:
                pass
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert not watches[1].done()
        watches[1].cancel()


class Scripted:
    """An authenticator whose credentials are good until it is told otherwise."""

    def __init__(self) -> None:
        self.good = True
        self.checked = asyncio.Event()

    async def authenticate(self, context: Any) -> Caller:
        return ANONYMOUS

    async def check_again(self, context: Any) -> None:
        self.checked.set()
        if not self.good:
            raise UnauthenticatedError


async def test_a_call_that_waits_is_ended_with_the_reason() -> None:
    authenticator = Scripted()
    authenticator.good = False
    with pytest.raises(UnauthenticatedError, match="no longer"):
        async with asyncio.timeout(30), ending_when_revoked(authenticator, CONTEXT, 0.001):
            await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_a_call_that_its_client_cancels_is_cancelled() -> None:
    authenticator = Scripted()

    async def call() -> None:
        async with ending_when_revoked(authenticator, CONTEXT, 0.001):
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await authenticator.checked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_is_left_of_a_call_that_ended() -> None:
    authenticator = Scripted()
    before = asyncio.all_tasks()
    async with ending_when_revoked(authenticator, CONTEXT, 0.001):
        await authenticator.checked.wait()
    async with asyncio.timeout(30):
        while asyncio.all_tasks() != before:
            await asyncio.sleep(0)
