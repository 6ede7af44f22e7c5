"""Tests of gistwire_indexer.ingest_pipeline: what overlaps, and what keeps its order."""

import asyncio
from dataclasses import replace

import pytest
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.index import Visibility, WriteOutcome
from gistwire_indexer.ingest_pipeline import IngestedBatch, IngestPipeline
from gistwire_indexer.ingestion import Ingestor
from gistwire_models.errors import ModelOverloadedError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.indexer.memory_index import COPY, OTHER, STORY, LengthEncoder, MemoryIndex, until


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex()


@pytest.fixture
def encoder() -> LengthEncoder:
    return LengthEncoder()


@pytest.fixture
def pipeline(index: MemoryIndex, encoder: LengthEncoder) -> IngestPipeline:
    return IngestPipeline(Ingestor(index, encoder), visibility=Visibility.IMMEDIATE)


def whats(batch: IngestedBatch) -> list[WriteOutcome | None]:
    return [outcome.outcome for outcome in batch.outcomes]


async def test_batches_are_written_embedded_and_prepared_at_a_time(
    pipeline: IngestPipeline, index: MemoryIndex, encoder: LengthEncoder
) -> None:
    index.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(pipeline.ingest([OTHER]))
        await until(lambda: index.writes == [["c"]])
        encoder.gate.clear()
        second = tasks.create_task(pipeline.ingest([STORY]))
        third = tasks.create_task(pipeline.ingest([replace(OTHER, id="d")]))
        await until(lambda: len(encoder.texts) == 2 and index.asked == ["c", "a", "d"])
        # It waits for the place of the third.
        fourth = tasks.create_task(pipeline.ingest([replace(OTHER, id="e")]))
        for _ in range(200):
            await asyncio.sleep(0)
        assert index.asked == ["c", "a", "d"]
        encoder.gate.set()
        index.gate.set()
    created = [WriteOutcome.CREATED]
    assert [whats(task.result()) for task in (first, second, third, fourth)] == [created] * 4


async def test_a_write_that_waits_for_a_refresh_holds_up_no_other(
    index: MemoryIndex, encoder: LengthEncoder
) -> None:
    pipeline = IngestPipeline(Ingestor(index, encoder), visibility=Visibility.AWAITED)
    async with asyncio.TaskGroup() as tasks:
        batches = [tasks.create_task(pipeline.ingest([replace(OTHER, id=str(place))])) for place in range(6)]
        await until(lambda: len(index.articles) == 6)
        assert not any(batch.done() for batch in batches)
        index.refresh()
    assert all(whats(batch.result()) == [WriteOutcome.CREATED] for batch in batches)
    assert all(batch.result().write_s > 0 for batch in batches)


async def test_what_an_earlier_batch_is_about_to_change_is_not_unchanged(
    pipeline: IngestPipeline, index: MemoryIndex, encoder: LengthEncoder
) -> None:
    await pipeline.ingest([STORY])
    encoder.gate.clear()
    changed = replace(STORY, headline="Coal is back in Kaldria")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.ingest([changed]))
        await until(lambda: len(encoder.texts) == 2)
        back = tasks.create_task(pipeline.ingest([STORY]))
        deletion = tasks.create_task(pipeline.delete(["a"]))
        again = tasks.create_task(pipeline.ingest([STORY]))
        encoder.gate.set()
    assert whats(back.result()) == [WriteOutcome.UPDATED]
    assert deletion.result() == [True]
    assert whats(again.result()) == [WriteOutcome.CREATED]
    assert index.articles["a"].article.headline == STORY.headline


async def test_what_an_earlier_batch_failed_to_write_is_written(
    pipeline: IngestPipeline, index: MemoryIndex, encoder: LengthEncoder
) -> None:
    index.gate.clear()
    failing = asyncio.create_task(pipeline.ingest([STORY]))
    await until(lambda: index.writes == [["a"]])
    again = asyncio.create_task(pipeline.ingest([STORY]))
    index.error = IndexUnavailableError("gone")
    index.gate.set()
    with pytest.raises(IndexUnavailableError):
        await failing
    index.error = None
    assert whats(await again) == [WriteOutcome.CREATED]


async def test_a_near_copy_in_the_next_batch_names_the_original(
    pipeline: IngestPipeline, index: MemoryIndex
) -> None:
    index.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline.ingest([STORY]))
        copy = tasks.create_task(pipeline.ingest([COPY]))
        await until(lambda: len(index.writes) == 2)
        index.gate.set()
    assert copy.result().outcomes[0].duplicate_of == "a"


async def test_a_batch_that_fails_lets_the_next_ones_pass(
    pipeline: IngestPipeline, encoder: LengthEncoder
) -> None:
    encoder.error = ModelOverloadedError("full", retry_after_s=1)
    with pytest.raises(ModelOverloadedError):
        await pipeline.ingest([STORY])
    encoder.error = None
    assert whats(await pipeline.ingest([STORY])) == [WriteOutcome.CREATED]


@pytest.mark.parametrize("cancelled", [0, 1, 2, 3])
async def test_a_cancelled_batch_lets_the_others_pass(
    pipeline: IngestPipeline, index: MemoryIndex, encoder: LengthEncoder, cancelled: int
) -> None:
    index.gate.clear()
    batches = [asyncio.create_task(pipeline.ingest([replace(OTHER, id="0")]))]
    await until(lambda: index.writes == [["0"]])
    encoder.gate.clear()
    batches += [asyncio.create_task(pipeline.ingest([replace(OTHER, id=str(n))])) for n in (1, 2, 3)]
    await until(lambda: index.asked == ["0", "1", "2"])
    batches[cancelled].cancel()
    encoder.gate.set()
    index.gate.set()
    results = await asyncio.gather(*batches, return_exceptions=True)
    assert isinstance(results.pop(cancelled), asyncio.CancelledError)
    assert [whats(each) for each in results if isinstance(each, IngestedBatch)] == [
        [WriteOutcome.CREATED]
    ] * 3
    assert whats(await pipeline.ingest([replace(OTHER, id=str(cancelled))])) == [WriteOutcome.CREATED]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("ingest"), st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("123")))),
        st.tuples(st.just("delete"), st.lists(st.tuples(st.sampled_from("xyz"), st.just("")), max_size=2)),
    ),
    max_size=8,
)


@settings(max_examples=40)
@given(steps=steps)
async def test_overlapping_batches_end_as_if_they_came_one_after_the_other(
    steps: list[tuple[str, list[tuple[str, str]]]],
) -> None:
    index = MemoryIndex()
    pipeline = IngestPipeline(Ingestor(index, LengthEncoder()), visibility=Visibility.IMMEDIATE)
    expected: dict[str, str] = {}
    async with asyncio.TaskGroup() as tasks:
        for kind, changes in steps:
            if kind == "delete":
                tasks.create_task(pipeline.delete([article_id for article_id, _ in changes]))
                for article_id, _ in changes:
                    expected.pop(article_id, None)
            else:
                batch = [replace(OTHER, id=article_id, headline=text) for article_id, text in changes]
                tasks.create_task(pipeline.ingest(batch))
                expected |= dict(changes)
    assert {id_: each.article.headline for id_, each in index.articles.items()} == expected
