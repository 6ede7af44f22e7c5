"""Tests of gistwire_indexer.ingestion, over an index and an encoder in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from gistwire_indexer.index import (
    ArticleIndex,
    ArticleToIndex,
    IndexedArticle,
    IndexStatistics,
    RetrievalQuery,
    RetrievedLists,
    StoredSummary,
    WriteOutcome,
)
from gistwire_indexer.ingestion import Ingestor, IngestOutcome
from gistwire_indexer.sources import RawArticle
from gistwire_models.encoder import Embedding, ModelVersion, Priority, TextEncoder
from gistwire_models.errors import ModelOverloadedError

STORY = RawArticle(
    id="a",
    headline="Solar output tops coal for a full month in Kaldria",
    body="Solar panels produced more electricity than coal throughout July, the first calendar month in which"
    " they have done so, grid figures showed on Monday. Wind fell to its lowest share since March.",
    language="en",
)
COPY = replace(STORY, id="b", body=STORY.body.replace("Monday", "Tuesday"))
OTHER = RawArticle(id="c", headline="Retired couple win a sum over a leaking main", language="en")
REFUSED = RawArticle(id="d", headline=" ")


class ScriptedEncoder(TextEncoder):
    """Embeds a text as its length; records what it was asked for."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.priorities: set[Priority] = set()
        self.error: Exception | None = None

    @property
    def model(self) -> ModelVersion:
        return ModelVersion("scripted", "1")

    @property
    def dimension(self) -> int:
        return 1

    async def encode(self, texts: Sequence[str], *, priority: Priority = Priority.INGEST) -> Embedding:
        if self.error:
            raise self.error
        self.texts += texts
        self.priorities.add(priority)
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    async def close(self) -> None:
        pass


class MemoryIndex(ArticleIndex):
    """Holds articles in a dictionary; gives way to other tasks in each call, as a real index does."""

    def __init__(self) -> None:
        self.articles: dict[str, ArticleToIndex] = {}
        self.batches = 0

    async def write(self, articles: Sequence[ArticleToIndex]) -> list[WriteOutcome]:
        await asyncio.sleep(0)
        self.batches += 1
        outcomes = []
        for article in articles:
            known = self.articles.get(article.article.id)
            outcomes.append(WriteOutcome.UPDATED if known else WriteOutcome.CREATED)
            self.articles[article.article.id] = article
        return outcomes

    async def delete(self, ids: Sequence[str]) -> list[bool]:
        return [self.articles.pop(id_, None) is not None for id_ in ids]

    async def get(self, ids: Sequence[str]) -> list[IndexedArticle | None]:
        await asyncio.sleep(0)
        return [self._indexed(self.articles[id_]) if id_ in self.articles else None for id_ in ids]

    def _indexed(self, written: ArticleToIndex) -> IndexedArticle:
        article = written.article
        now = datetime.now(UTC)
        return IndexedArticle(article, article.revision(), now, written.duplicate_of, written.embedding)

    async def revisions(self, ids: Sequence[str]) -> list[str | None]:
        await asyncio.sleep(0)
        return [self.articles[id_].article.revision() if id_ in self.articles else None for id_ in ids]

    async def retrieve(self, query: RetrievalQuery) -> RetrievedLists:
        raise NotImplementedError

    async def near_duplicates(self, fingerprints: Sequence[tuple[int, ...]]) -> list[list[str]]:
        await asyncio.sleep(0)
        return [
            [id_ for id_, article in self.articles.items() if set(article.fingerprint) & set(wanted)]
            for wanted in fingerprints
        ]

    async def store_summary(self, summary: StoredSummary) -> bool:
        raise NotImplementedError

    async def stored_summaries(self, ids: Sequence[str], model: str) -> list[StoredSummary | None]:
        raise NotImplementedError

    async def statistics(self) -> IndexStatistics:
        raise NotImplementedError

    async def close(self) -> None:
        pass


@pytest.fixture
def index() -> MemoryIndex:
    return MemoryIndex()


@pytest.fixture
def encoder() -> ScriptedEncoder:
    return ScriptedEncoder()


@pytest.fixture
def ingestor(index: MemoryIndex, encoder: ScriptedEncoder) -> Ingestor:
    return Ingestor(index, encoder)


def whats(outcomes: Sequence[IngestOutcome]) -> list[WriteOutcome | None]:
    return [outcome.outcome for outcome in outcomes]


async def test_articles_are_embedded_and_written(
    ingestor: Ingestor, index: MemoryIndex, encoder: ScriptedEncoder
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
    ingestor: Ingestor, index: MemoryIndex, encoder: ScriptedEncoder
) -> None:
    (created,) = await ingestor.ingest([STORY])
    (unchanged,) = await ingestor.ingest([STORY])
    assert unchanged == IngestOutcome("a", created.revision, WriteOutcome.UNCHANGED)
    assert len(encoder.texts) == 1
    assert index.batches == 1


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
    ingestor: Ingestor, index: MemoryIndex, encoder: ScriptedEncoder
) -> None:
    encoder.error = ModelOverloadedError("full", retry_after_s=1)
    with pytest.raises(ModelOverloadedError):
        await ingestor.ingest([STORY])
    assert index.articles == {}
    encoder.error = None
    assert whats(await ingestor.ingest([STORY])) == [WriteOutcome.CREATED]


async def test_an_empty_batch_has_no_outcomes(ingestor: Ingestor, index: MemoryIndex) -> None:
    assert await ingestor.ingest([]) == []
    assert index.batches == 0


async def test_articles_are_deleted(ingestor: Ingestor, index: MemoryIndex) -> None:
    await ingestor.ingest([STORY])
    assert await ingestor.delete(["a", "missing"]) == [True, False]
    assert index.articles == {}
