import asyncio

from gistwire.v1 import events_pb2
from gistwire_server.delivery import CoalescingQueue
from hypothesis import given
from hypothesis import strategies as st


async def drain(queue: CoalescingQueue[str]) -> list[tuple[str, str]]:
    taken = []
    async for event in queue.events():
        if isinstance(event, events_pb2.SummaryDelta):
            taken.append((event.hit_id, event.text))
        else:
            taken.append(("", event))
    return taken


async def test_pieces_of_one_draft_coalesce_while_nobody_reads() -> None:
    queue: CoalescingQueue[str] = CoalescingQueue()
    for word in ("Rain ", "falls ", "today."):
        queue.put_delta("h1", word)
        queue.put_delta("h2", word)
    assert len(queue) == 2
    queue.close()
    assert await drain(queue) == [("h1", "Rain falls today."), ("h2", "Rain falls today.")]


async def test_a_reader_that_keeps_up_gets_each_piece() -> None:
    queue: CoalescingQueue[str] = CoalescingQueue()
    reader = queue.events()
    texts = []
    for word in ("Rain ", "falls."):
        queue.put_delta("h1", word)
        event = await anext(reader)
        assert isinstance(event, events_pb2.SummaryDelta)
        texts.append(event.text)
    assert texts == ["Rain ", "falls."]
    await reader.aclose()


async def test_a_waiting_reader_is_woken_and_ends_when_the_queue_closes() -> None:
    queue: CoalescingQueue[str] = CoalescingQueue()
    reading = asyncio.create_task(drain(queue))
    await asyncio.sleep(0)
    queue.put("end")
    await asyncio.sleep(0)
    queue.close()
    assert await reading == [("", "end")]


@given(st.lists(st.tuples(st.sampled_from(["h1", "h2", "h3"]), st.text(min_size=1, max_size=3)), max_size=30))
def test_whatever_is_read_when_each_draft_is_whole_and_in_order(pieces: list[tuple[str, str]]) -> None:
    async def run() -> list[tuple[str, str]]:
        queue: CoalescingQueue[str] = CoalescingQueue()
        for hit_id, text in pieces:
            queue.put_delta(hit_id, text)
        queue.put("end")
        queue.close()
        return await drain(queue)

    taken = asyncio.run(run())
    assert taken[-1] == ("", "end")
    for hit_id in ("h1", "h2", "h3"):
        assert "".join(text for each, text in taken if each == hit_id) == "".join(
            text for each, text in pieces if each == hit_id
        )
    assert len(taken) <= 4


async def test_who_produces_waits_while_much_waits_for_the_reader() -> None:
    queue: CoalescingQueue[str] = CoalescingQueue()

    async def produce() -> None:
        for number in range(100):
            await queue.room()
            queue.put(str(number))
        queue.close()

    producing = asyncio.create_task(produce())
    reader = queue.events()
    taken, most = [], 0
    async for event in reader:
        taken.append(event)
        # All that can be produced now is.
        for _ in range(200):
            await asyncio.sleep(0)
        most = max(most, len(queue))
    await producing
    assert taken == [str(number) for number in range(100)]
    assert most == 16
