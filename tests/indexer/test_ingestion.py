"""Tests of gistwire_indexer.ingestion, over an index and an encoder in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from gistwire_indexer.errors import IndexUnavailableError
from gistwire_indexer.index import Visibility, WriteOutcome
from gistwire_indexer.ingestion import Ingestor, IngestOutcome
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Priority
from gistwire_models.errors import ModelOverloadedError

from tests.indexer.memory_index import COPY, OTHER, STORY, LengthEncoder, MemoryIndex, until

REFUSED = RawArticle(id="d", headline=" ")


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex()


@pytest.fixture
def encoder() -> LengthEncoder:
    return LengthEncoder()


@pytest.fixture
def ingestor(index: MemoryIndex, encoder: LengthEncoder) -> Ingestor:
    return Ingestor(index, encoder)


def whats(outcomes: Sequence[IngestOutcome]) -> list[WriteOutcome | None]:
    return [outcome.outcome for outcome in outcomes]


async def test_articles_are_embedded_and_written(
    ingestor: Ingestor, index: MemoryIndex, encoder: LengthEncoder
) -> None:
    (outcome,) = await ingestor.ingest([STORY])
    written = index.articles["a"]
    assert outcome == IngestOutcome("a", written.article.revision(), WriteOutcome.CREATED)
    assert encoder.texts == [written.article.text]
    assert encoder.priorities == {Priority.INGEST}
    assert written.embedding.tolist() == [len(written.article.text)]
    assert len(written.fingerprint) == 20


async def test_a_refused_article_does_not_hold_up_the_others(ingestor: Ingestor) -> None:
    outcomes = await ingestor.ingest([OTHER, REFUSED, STORY])
    assert [outcome.id for outcome in outcomes] == ["c", "d", "a"]
    assert whats(outcomes) == [WriteOutcome.CREATED, None, WriteOutcome.CREATED]
    refused = outcomes[1]
    assert refused.error is not None
    assert refused.error.field == "headline"
    assert refused.revision == ""


async def test_an_article_refused_for_its_identifier_has_none(ingestor: Ingestor) -> None:
    (outcome,) = await ingestor.ingest([replace(STORY, id="two words")])
    assert outcome.id == ""


async def test_what_is_indexed_already_is_not_embedded_again(
    ingestor: Ingestor, index: MemoryIndex, encoder: LengthEncoder
) -> None:
    (created,) = await ingestor.ingest([STORY])
    (unchanged,) = await ingestor.ingest([STORY])
    assert unchanged == IngestOutcome("a", created.revision, WriteOutcome.UNCHANGED)
    assert len(encoder.texts) == 1
    assert index.writes == [["a"]]


async def test_an_identifier_may_occur_several_times_in_a_batch(
    ingestor: Ingestor, index: MemoryIndex
) -> None:
    await ingestor.ingest([STORY])
    corrected = replace(STORY, headline="Solar output nearly tops coal")
    outcomes = await ingestor.ingest([STORY, corrected, corrected, STORY])
    unchanged, updated = WriteOutcome.UNCHANGED, WriteOutcome.UPDATED
    assert whats(outcomes) == [unchanged, updated, unchanged, updated]
    assert index.articles["a"].article.headline == STORY.headline


@pytest.mark.parametrize("batches", [[[STORY], [COPY]], [[STORY, COPY]]])
async def test_a_near_copy_names_the_original(
    ingestor: Ingestor, index: MemoryIndex, batches: list[list[RawArticle]]
) -> None:
    outcomes = [outcome for batch in batches for outcome in await ingestor.ingest(batch)]
    assert [outcome.duplicate_of for outcome in outcomes] == [None, "a"]
    assert [index.articles[id_].duplicate_of for id_ in ("a", "b")] == [None, "a"]


async def test_an_update_is_no_copy_of_itself_nor_of_its_copies(ingestor: Ingestor) -> None:
    await ingestor.ingest([STORY, COPY])
    (outcome,) = await ingestor.ingest([replace(STORY, body=f"{STORY.body} This story was corrected.")])
    assert outcome.outcome is WriteOutcome.UPDATED
    assert outcome.duplicate_of is None


async def test_a_copy_of_a_copy_names_the_original(ingestor: Ingestor, index: MemoryIndex) -> None:
    await ingestor.ingest([STORY, COPY])
    index.articles["a"] = replace(index.articles["a"], fingerprint=())
    (outcome,) = await ingestor.ingest([replace(COPY, id="e", headline=f"{COPY.headline} again")])
    assert outcome.duplicate_of == "a"


async def test_copies_in_batches_at_once_are_found(ingestor: Ingestor) -> None:
    outcomes = await asyncio.gather(
        *(ingestor.ingest([replace(STORY, id=str(number))]) for number in range(5))
    )
    originals = [outcome.id for (outcome,) in outcomes if outcome.duplicate_of is None]
    assert len(originals) == 1
    assert all(outcome.duplicate_of in (None, originals[0]) for (outcome,) in outcomes)


async def test_nothing_is_written_if_the_encoder_fails(
    ingestor: Ingestor, index: MemoryIndex, encoder: LengthEncoder
) -> None:
    encoder.error = ModelOverloadedError("full", retry_after_s=1)
    with pytest.raises(ModelOverloadedError):
        await ingestor.ingest([STORY])
    assert index.articles == {}
    encoder.error = None
    assert whats(await ingestor.ingest([STORY])) == [WriteOutcome.CREATED]


async def test_an_empty_batch_has_no_outcomes(ingestor: Ingestor, index: MemoryIndex) -> None:
    assert await ingestor.ingest([]) == []
    assert index.writes == []


async def test_articles_are_deleted(ingestor: Ingestor, index: MemoryIndex) -> None:
    await ingestor.ingest([STORY])
    assert await ingestor.delete(["a", "missing"]) == [True, False]
    assert index.articles == {}


async def test_an_article_that_the_index_refuses_is_refused_alone(
    ingestor: Ingestor, index: MemoryIndex
) -> None:
    index.refused = {"c"}
    outcomes = await ingestor.ingest([STORY, OTHER, COPY])
    assert whats(outcomes) == [WriteOutcome.CREATED, None, WriteOutcome.CREATED]
    assert (outcomes[1].id, outcomes[1].revision) == ("c", "")
    assert outcomes[1].error is not None
    assert outcomes[1].error.field == "body"


async def test_what_was_refused_is_not_unchanged_when_it_comes_again(
    ingestor: Ingestor, index: MemoryIndex
) -> None:
    index.refused = {"c"}
    assert whats(await ingestor.ingest([OTHER, OTHER])) == [None, None]


@pytest.mark.parametrize("visibility", list(Visibility))
async def test_a_copy_of_what_is_not_yet_visible_is_found(
    ingestor: Ingestor, index: MemoryIndex, visibility: Visibility
) -> None:
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(ingestor.ingest([STORY], visibility=visibility))
        await until(lambda: "a" in index.articles)
        second = tasks.create_task(ingestor.ingest([COPY], visibility=visibility))
        third = tasks.create_task(ingestor.ingest([replace(COPY, id="e")], visibility=visibility))
        await until(lambda: index.articles.keys() == {"a", "b", "e"})
        index.refresh()
    outcomes = [*first.result(), *second.result(), *third.result()]
    assert [outcome.duplicate_of for outcome in outcomes] == [None, "a", "a"]


async def test_an_article_that_was_never_written_is_no_original(
    ingestor: Ingestor, index: MemoryIndex
) -> None:
    index.error = IndexUnavailableError("gone")
    with pytest.raises(IndexUnavailableError):
        await ingestor.ingest([STORY])
    index.error = None
    (outcome,) = await ingestor.ingest([COPY])
    assert (outcome.outcome, outcome.duplicate_of) == (WriteOutcome.CREATED, None)


async def test_a_write_waits_for_an_earlier_one_of_the_same_article(
    ingestor: Ingestor, index: MemoryIndex
) -> None:
    index.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ingestor.ingest([STORY]))
        await until(lambda: index.writes == [["a"]])
        later = tasks.create_task(ingestor.ingest([replace(STORY, headline="Coal is back in Kaldria")]))
        for _ in range(200):
            await asyncio.sleep(0)
        assert index.writes == [["a"]]
        index.gate.set()
    assert whats(later.result()) == [WriteOutcome.UPDATED]


async def test_a_deletion_waits_for_an_earlier_write_of_the_article(
    ingestor: Ingestor, index: MemoryIndex
) -> None:
    index.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ingestor.ingest([STORY]))
        await until(lambda: index.writes == [["a"]])
        deletion = tasks.create_task(ingestor.delete(["a"]))
        for _ in range(200):
            await asyncio.sleep(0)
        assert not deletion.done()
        index.gate.set()
    assert deletion.result() == [True]
    assert index.articles == {}


async def test_a_cancelled_write_holds_up_no_other(ingestor: Ingestor, index: MemoryIndex) -> None:
    index.gate.clear()
    writing = asyncio.create_task(ingestor.ingest([STORY]))
    await until(lambda: index.writes == [["a"]])
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    index.gate.set()
    assert whats(await ingestor.ingest([STORY])) == [WriteOutcome.CREATED]
