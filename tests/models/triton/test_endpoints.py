"""Tests of `EndpointPool`: whose turn it is, who is left out, and who comes back."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from gistwire_models.circuit_breaker import BreakerState
from gistwire_models.errors import ModelUnavailableError
from gistwire_models.triton import EndpointPool, TritonSettings

from tests.backends.ports import free_port
from tests.models.triton.engines import make_encoder, query, settings_for, until
from tests.models.triton.fake_triton import FakeTriton

NOWHERE = tuple(f"127.0.0.1:{port}" for port in (1, 2, 3))


@pytest.fixture
async def pool(closing: Callable[[Any], Any]) -> EndpointPool:
    """Three servers that nobody can reach, which are not asked for a minute once they failed."""
    settings = TritonSettings(endpoints=NOWHERE, open_after_failures=1, open_s=60, max_open_s=60)
    pool: EndpointPool = closing(EndpointPool(settings, "encoder"))
    return pool


async def test_each_has_its_turn_without_being_reached(pool: EndpointPool) -> None:
    assert [pool.choose().address for _ in range(6)] == [*NOWHERE, *NOWHERE]


async def test_the_turns_of_one_that_is_left_out_are_shared(pool: EndpointPool) -> None:
    pool.report(pool.choose(), is_well=False)
    turns = Counter(pool.choose().address for _ in range(10))
    assert turns == {NOWHERE[1]: 5, NOWHERE[2]: 5}


async def test_a_repeat_goes_elsewhere_and_takes_no_turn(pool: EndpointPool) -> None:
    first = pool.choose()
    other = pool.choose_again(excluded=[first])
    assert other is not None
    assert other is not first
    third = pool.choose_again(excluded=[first, other])
    assert third is not None
    assert {first.address, other.address, third.address} == set(NOWHERE)
    assert pool.choose_again(excluded=[first, other, third]) is None
    assert pool.choose().address == NOWHERE[1]


async def test_repeats_are_earned_by_requests(pool: EndpointPool) -> None:
    first = pool.choose()
    while pool.choose_again(excluded=[first]) is not None:
        pass
    # The default is a tenth of all requests; the tenth may be short of it by rounding.
    for _ in range(8):
        pool.choose()
        assert pool.choose_again(excluded=[first]) is None
    for _ in range(3):
        pool.choose()
    assert pool.choose_again(excluded=[first]) is not None
    assert pool.choose_again(excluded=[first]) is None


async def test_none_that_is_well_is_an_error_at_once(pool: EndpointPool) -> None:
    for _ in NOWHERE:
        pool.report(pool.choose(), is_well=False)
    with pytest.raises(ModelUnavailableError, match="no Triton server is ready for encoder"):
        pool.choose()
    assert pool.choose_again(excluded=[]) is None


async def test_a_closed_pool_gives_nothing_and_leaves_no_task(pool: EndpointPool) -> None:
    before = asyncio.all_tasks()
    endpoint = pool.choose()
    pool.report(endpoint, is_well=False)
    assert len(asyncio.all_tasks() - before) == 1
    await asyncio.sleep(0)
    await pool.close()
    # Nor for a request that closing has ended.
    pool.report(endpoint, is_well=False)
    assert asyncio.all_tasks() <= before
    with pytest.raises(ModelUnavailableError, match="closed"):
        pool.choose()
    assert pool.choose_again(excluded=[]) is None


async def test_one_that_says_it_is_ready_comes_back_without_a_request(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    pool = closing(EndpointPool(settings_for(servers[:1], open_after_failures=1), "encoder"))
    servers[0].ready = False
    endpoint = pool.choose()
    pool.report(endpoint, is_well=False)
    await until(lambda: servers[0].probes >= 3)
    with pytest.raises(ModelUnavailableError):
        pool.choose()
    servers[0].ready = True
    await until(lambda: endpoint.breaker.state is BreakerState.CLOSED)
    assert pool.choose() is endpoint
    assert servers[0].infers == 0
    # By each of its connections, as a request would fail by one that is not made anew yet.
    assert len(servers[0].probed_by) == TritonSettings().channels == 2


async def test_a_server_that_died_serves_again_once_it_is_started(closing: Callable[[Any], Any]) -> None:
    async with FakeTriton.running() as server:
        encoder = closing(make_encoder(settings_for([server], open_after_failures=2)))
        await query(encoder)
        await server.kill()
        for _ in range(2):
            with pytest.raises(ModelUnavailableError, match="UNAVAILABLE"):
                await query(encoder)
        with pytest.raises(ModelUnavailableError, match="no Triton server is ready"):
            await query(encoder)
        await server.start()
        await until(lambda: server.probes > 0)
        returned = False
        while not returned:
            try:
                await query(encoder)
                returned = True
            except ModelUnavailableError as error:
                # It is asked yet, or the pool has yet to read what it answered.
                assert "no Triton server is ready" in str(error)  # noqa: PT017
                await asyncio.sleep(0)
        # By each of its connections.
        for _ in range(4):
            await query(encoder)


async def test_one_of_two_may_be_away_from_the_start(
    servers: list[FakeTriton], closing: Callable[[Any], Any]
) -> None:
    settings = TritonSettings(
        endpoints=(f"127.0.0.1:{free_port()}", servers[0].target),
        hedge_after_s=None,
        open_s=60,
        max_open_s=60,
    )
    encoder = closing(make_encoder(settings))
    for _ in range(20):
        await query(encoder)
    assert servers[0].infers == 20


def test_no_endpoint_is_no_setting() -> None:
    with pytest.raises(ValueError, match="endpoints is empty"):
        TritonSettings(endpoints=())
