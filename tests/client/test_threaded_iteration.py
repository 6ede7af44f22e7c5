"""Tests of gistwire_client.threaded_iteration."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from gistwire_client.threaded_iteration import iterate_in_thread
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=25)
@given(st.lists(st.integers(), max_size=20), st.integers(1, 5))
def test_items_come_in_order_and_once(items: list[int], ahead: int) -> None:
    async def read() -> list[int]:
        return [item async for item in iterate_in_thread(items, ahead=ahead)]

    assert asyncio.run(read()) == items


async def test_what_the_iterable_raises_comes_after_its_items() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    taken = []
    with pytest.raises(ValueError, match="damaged"):
        async for item in iterate_in_thread(failing()):
            taken.append(item)  # noqa: PERF401 - what came before the error counts
    assert taken == [1]


async def test_an_iterable_that_blocks_does_not_block_the_loop() -> None:
    let_go = threading.Event()

    def blocking() -> Iterator[int]:
        let_go.wait()
        yield 1

    async with aclosing(iterate_in_thread(blocking())) as items:
        first = asyncio.ensure_future(anext(items))
        let_go.set()
        assert await first == 1


async def test_no_more_is_read_ahead_than_asked_for() -> None:
    read = 0

    def counting() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    async with aclosing(iterate_in_thread(counting(), ahead=2)) as items:
        for expected in range(1, 50):
            assert await anext(items) == expected
            # One is read already when the thread waits for room.
            assert read <= expected + 3


async def test_leaving_it_ends_the_thread_and_the_iterable() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    async with aclosing(iterate_in_thread(endless(), ahead=1)) as items:
        await anext(items)
    await asyncio.to_thread(closed.wait)
